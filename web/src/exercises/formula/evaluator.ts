/** Evaluation of formulas. Mirrors `src/pellucid/course/formula_text/evaluator.py`; functions are in `calls.ts`. */

import { callFunction } from "./calls";
import { type Item, takeItems } from "./indexing";
import { multiplyMatrices } from "./linear_algebra";
import { type NdArray, type Shape, broadcastShapes, formatShape, makeNumber, map, zip } from "./ndarray";
import { type BinaryNode, COMPARISONS, type CallNode, type IndexNode, type Node, type ShapeNode, isNone } from "./nodes";
import type { Formula } from "./parser";
import { ShapeChecks } from "./shapes";

/** Powers as NumPy computes them: JavaScript's `1 ** NaN` is NaN, and NumPy takes roots for 0.5. */
function power(a: number, b: number): number {
  if (b === 0.5) return Math.sqrt(a);
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

const BINARY: Record<string, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "**": power,
  "<": (a, b) => Number(a < b),
  ">": (a, b) => Number(a > b),
  "<=": (a, b) => Number(a <= b),
  ">=": (a, b) => Number(a >= b),
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
};

/** Computes a formula, or throws a `FormulaError` where shapes do not fit. */
export function evaluateFormula(formula: Formula, values: Map<string, NdArray>): NdArray {
  return new Evaluator(formula.characters, values).evaluate(formula.tree);
}

export class Evaluator {
  readonly shapes: ShapeChecks;

  constructor(
    characters: string[],
    private readonly values: Map<string, NdArray>,
  ) {
    this.shapes = new ShapeChecks(characters);
  }

  evaluate(node: Node): NdArray {
    const number = this.foldNumbers(node);
    if (number !== null) return makeNumber(number);
    const value = this.visit(node);
    if (node.kind !== "letter") {
      this.shapes.checkAxisCount(node, value.shape.length);
      this.shapes.charge(node, value.shape);
    }
    return value;
  }

  private visit(node: Node): NdArray {
    switch (node.kind) {
      case "letter": {
        const value = this.values.get(node.name);
        if (!value) throw this.shapes.error(node, "this letter has no value.");
        return value;
      }
      case "negative":
        return map(this.evaluate(node.operand), (value) => -value);
      case "binary":
        return this.visitBinary(node);
      case "call":
        return callFunction(this, node);
      case "index":
        return this.visitIndex(node);
      case "number":
        return makeNumber(node.value);
      case "constant":
        throw this.shapes.error(node, `${node.name} is not a value.`);
      case "tuple":
        throw this.shapes.error(node, "a list of values in parentheses can only be a shape or axes.");
      case "slice":
        throw this.shapes.error(node, "a slice can only choose elements.");
      case "shape":
        throw this.shapes.error(node, "write one size of the shape, such as `.shape[0]`.");
    }
  }

  /** The value of arithmetic on numbers only, null for anything else. */
  private foldNumbers(node: Node): number | null {
    if (node.kind === "number") return node.value;
    if (node.kind === "negative") {
      const operand = this.foldNumbers(node.operand);
      return operand === null ? null : -operand;
    }
    if (node.kind !== "binary" || node.operator === "@" || COMPARISONS.includes(node.operator)) return null;
    const left = this.foldNumbers(node.left);
    const right = left === null ? null : this.foldNumbers(node.right);
    if (left === null || right === null) return null;
    const value = BINARY[node.operator](left, right);
    if (Math.abs(value) === Infinity && node.operator === "**") throw this.shapes.error(node, "this number is too large.");
    return value;
  }

  private visitBinary(node: BinaryNode): NdArray {
    const [x, y] = [this.evaluate(node.left), this.evaluate(node.right)];
    if (node.operator === "@") return this.multiply(node, node.left, node.right, x, y);
    this.shapes.charge(node, this.shapes.checkElementwise(node, node.left, node.right, x.shape, y.shape));
    return zip(x, y, BINARY[node.operator]);
  }

  multiply(node: Node, left: Node, right: Node, x: NdArray, y: NdArray): NdArray {
    const shape = this.shapes.checkProduct(node, left, right, x.shape, y.shape);
    this.shapes.charge(node, [...shape, x.shape[x.shape.length - 1]]);
    return multiplyMatrices(x, y);
  }

  private visitIndex(node: IndexNode): NdArray {
    if (node.base.kind === "shape") return this.visitSize(node, node.base);
    this.shapes.checkAxisCount(node, node.items.length);
    const base = this.evaluate(node.base);
    const ndim = base.shape.length;
    if (!ndim && !node.items.every((item) => item.kind === "constant")) {
      throw this.shapes.error(node, `${this.shapes.quote(node.base)} is a number, without elements.`);
    }
    const used = node.items.filter((item) => !isNone(item)).length;
    if (used > ndim) throw this.shapes.error(node, `${this.shapes.quote(node.base)} has ${ndim} axes; here are ${used} indices.`);
    let axis = 0;
    const items = node.items.map((item): Item => (isNone(item) ? { kind: "new" } : this.visitItem(node, item, base.shape[axis++])));
    this.checkIndexArrays(node, items);
    return takeItems(base, items);
  }

  private visitItem(node: IndexNode, item: Node, size: number): Item {
    if (item.kind === "slice") {
      const bounds = item.bounds.map((bound) => bound && this.toInteger(bound));
      if (bounds[2] === 0) throw this.shapes.error(node, "the step of a slice is 0.");
      return { kind: "slice", bounds };
    }
    if (item.kind === "binary" && COMPARISONS.includes(item.operator)) {
      throw this.shapes.error(node, "a comparison cannot choose elements: write `where(condition, x, y)`.");
    }
    return { kind: "array", index: this.checkIndex(item, this.evaluate(item), size) };
  }

  /** Refuses indices that are no whole numbers or out of bounds. */
  checkIndex(node: Node, index: NdArray, size: number): NdArray {
    if (!index.data.every(Number.isInteger)) throw this.shapes.error(node, "an index must be a whole number.");
    const wrong = index.data.find((value) => value < -size || value >= size);
    if (wrong !== undefined) throw this.shapes.error(node, `the index ${BigInt(wrong)} is out of bounds for size ${size}.`);
    return index;
  }

  private checkIndexArrays(node: IndexNode, items: Item[]): void {
    const shapes = items.flatMap((item) => (item.kind === "array" ? [item.index.shape] : []));
    if (shapes.reduce<Shape | null>((common, shape) => common && broadcastShapes(common, shape), [])) return;
    throw this.shapes.error(node, `the index arrays have shapes ${shapes.map(formatShape).join(" and ")}, which do not fit.`);
  }

  private visitSize(node: IndexNode, base: ShapeNode): NdArray {
    const { shape } = this.evaluate(base.base);
    if (node.items.length !== 1) throw this.shapes.error(node, "a shape has one index, such as `.shape[0]`.");
    return makeNumber(shape[this.shapes.checkAxis(node, base.base, this.toInteger(node.items[0]), shape)]);
  }

  /** The value of an argument that must be a whole number. */
  toInteger(node: Node): number {
    const { shape, data } = this.evaluate(node);
    if (shape.length) throw this.shapes.error(node, `a number is needed here, and its shape is ${formatShape(shape)}.`);
    if (!Number.isInteger(data[0]) || Math.abs(data[0]) > 2 ** 53) throw this.shapes.error(node, "a whole number is needed here.");
    return data[0] + 0; // turns negative zero into zero
  }

  toIntegers(node: Node): number[] {
    if (node.kind === "shape") return this.evaluate(node.base).shape;
    const items = node.kind === "tuple" ? node.items : [node];
    this.shapes.checkAxisCount(node, items.length);
    return items.map((item) => this.toInteger(item));
  }

  /** Axes, null for all of them. */
  toAxes(call: CallNode, node: Node | null, operand: Node, shape: Shape): number[] | null {
    if (node === null || isNone(node)) return null;
    const axes = (node.kind === "tuple" ? node.items : [node]).map((part) => this.foldNumbers(part));
    if (!axes.every((axis): axis is number => axis !== null && Number.isInteger(axis))) {
      const which = { max: "larger", min: "smaller" }[call.function];
      const hint = which ? ` The ${which} of two values is \`${call.function}imum(x, y)\`.` : "";
      throw this.shapes.error(call, `the axis must be a whole number, not ${this.shapes.quote(node)}.${hint}`);
    }
    return this.shapes.checkAxes(call, operand, axes, shape);
  }

  toTruth(call: CallNode, node: Node | null): boolean {
    if (node === null) return false;
    if (node.kind === "constant" && node.name !== "None") return node.name === "True";
    throw this.shapes.error(call, `keepdims is True or False, not ${this.shapes.quote(node)}.`);
  }
}
