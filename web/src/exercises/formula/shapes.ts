/** Shape checks, which name the operation, its place and both shapes. Mirrors `src/pellucid/course/formula_text/shapes.py`. */

import { type Shape, broadcastShapes, formatShape } from "./ndarray";
import type { Node } from "./nodes";
import { quote } from "./parser";
import { FormulaError } from "./tokens";

const MAX_AXES = 8;
/** Largest number of additions or stored elements of one formula. */
const MAX_WORK = 1_000_000;

/** The shape of a matrix product, null if the shapes do not fit. */
function multiplyShapes(left: Shape, right: Shape): Shape | null {
  if (!left.length || !right.length || left[left.length - 1] !== right[Math.max(right.length - 2, 0)]) return null;
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
  return batch && [...batch, ...left.slice(-2, -1), ...(right.length > 1 ? right.slice(-1) : [])];
}

export class ShapeChecks {
  private work = 0;

  constructor(private readonly characters: string[]) {}

  quote(node: Node): string {
    return quote(this.characters, node.start, node.end);
  }

  error(node: Node, message: string): FormulaError {
    return new FormulaError(`\`${this.quote(node)}\`: ${message}`, node.start);
  }

  /** Refuses a formula that needs too much time or memory. */
  charge(node: Node, factors: number[]): void {
    this.work += factors.reduce((amount, factor) => Math.min(amount * Math.max(factor, 1), 10 * MAX_WORK), 1);
    if (this.work > MAX_WORK) throw this.error(node, `this is too large: a formula may compute ${MAX_WORK.toLocaleString("en-US")} numbers.`);
  }

  checkAxisCount(node: Node, count: number): void {
    if (count > MAX_AXES) throw this.error(node, `an array has at most ${MAX_AXES} axes.`);
  }

  describe(left: Node, right: Node, a: Shape, b: Shape): string {
    return `${this.quote(left)} has shape ${formatShape(a)} and ${this.quote(right)} ${formatShape(b)}.`;
  }

  checkElementwise(node: Node, left: Node, right: Node, a: Shape, b: Shape): Shape {
    const shape = broadcastShapes(a, b);
    if (shape) return shape;
    const isProduct = node.kind === "binary" && node.operator === "*" && multiplyShapes(a, b);
    const hint = isProduct ? " Did you mean the matrix product `@`?" : "";
    throw this.error(node, `${this.describe(left, right, a, b)} Elementwise operations need equal sizes, or a size of 1.${hint}`);
  }

  checkProduct(node: Node, left: Node, right: Node, a: Shape, b: Shape): Shape {
    if (!a.length || !b.length) {
      throw this.error(node, `a matrix product needs arrays, and ${this.quote(a.length ? right : left)} is a number. Write \`*\`.`);
    }
    const shape = multiplyShapes(a, b);
    if (shape) return shape;
    const what = Math.min(a.length, b.length) === 1 ? "last size" : "columns";
    const rule = `The ${what} of the left operand must match the rows of the right one.`;
    throw this.error(node, `${this.describe(left, right, a, b)} ${rule}${suggestTranspose(left, right, a, b)}`);
  }

  /** The axis counted from the first. */
  checkAxis(node: Node, operand: Node, axis: number, shape: Shape): number {
    const ndim = shape.length;
    if (axis >= -ndim && axis < ndim) return axis < 0 ? axis + ndim : axis;
    const described = `${this.quote(operand)} has shape ${formatShape(shape)}, that is ${ndim === 1 ? "1 axis" : `${ndim} axes`}`;
    throw this.error(node, `there is no axis ${BigInt(axis)}. ${described}.`);
  }

  checkAxes(node: Node, operand: Node, axes: number[], shape: Shape): number[] {
    const found = axes.map((axis) => this.checkAxis(node, operand, axis, shape));
    if (new Set(found).size < found.length) throw this.error(node, "an axis is named twice.");
    return found;
  }
}

/** A question about `.T` where one transposition makes the product possible. */
function suggestTranspose(left: Node, right: Node, a: Shape, b: Shape): string {
  if (a.length !== 2 || b.length !== 2) return "";
  const fits = [multiplyShapes([a[1], a[0]], b) ? [left] : [], multiplyShapes(a, [b[1], b[0]]) ? [right] : []].flat();
  if (!fits.length) return "";
  const turned = fits.filter((operand) => operand.kind === "call" && operand.function === "transpose").length;
  if (turned === fits.length) return " Is there a `.T` too many?";
  return turned ? " Check where `.T` belongs." : " Did you forget `.T`?";
}
