/** MathML of formulas, which shows the learner how a text was understood. Mirrors `src/pellucid/course/formula_text/mathml.py`. */

import { type BinaryNode, COMPARISONS, type CallNode, type Node } from "./nodes";
import { ELEMENTWISE, PARAMETERS } from "./signatures";

/** Levels of binding, from loose to tight. */
const [COMPARISON, SUM, PRODUCT, POWER, ATOM] = [1, 2, 3, 5, 6];
const SIGNS: Record<string, string> = { "<": "<", ">": ">", "<=": "≤", ">=": "≥", "==": "=", "!=": "≠" };
const SUBSCRIPT = /^(?:(.*?[^_0-9])_?([0-9]+)|(.*?[^_])_([^_]+))$/;
const SPACE = '<mspace width="0.2em"></mspace>';

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
const operator = (sign: string): string => `<mo>${escape(sign)}</mo>`;
const group = (content: string): string => `<mrow>${content}</mrow>`;

/** A formula as a MathML element. Products with numbers are written without the sign of elementwise products. */
export function writeMathml(tree: Node, shapes: Map<string, number[]>): string {
  return `<math>${new Writer(shapes).write(tree)[0]}</math>`;
}

class Writer {
  constructor(private readonly shapes: Map<string, number[]>) {}

  /** The MathML of a node, and how tightly it binds. */
  write(node: Node): [string, number] {
    switch (node.kind) {
      case "number":
        return [`<mn>${node.text}</mn>`, ATOM];
      case "letter":
        return [writeLetter(node.name), ATOM];
      case "negative":
        // At the start of its own row, the sign has the space of a prefix.
        return [group(operator("−") + this.wrap(node.operand, PRODUCT)), SUM];
      case "binary":
        return this.writeBinary(node);
      case "call":
        return this.writeCall(node);
      case "index":
        return [group(this.wrap(node.base, ATOM) + operator("[") + this.join(node.items) + operator("]")), ATOM];
      case "tuple":
        return [group(operator("(") + this.join(node.items) + operator(")")), ATOM];
      case "slice": {
        const [first, last, step] = node.bounds.map((bound) => (bound ? this.write(bound)[0] : ""));
        return [group(first + operator(":") + last + (step && operator(":") + step)), ATOM];
      }
      case "shape":
        return [group(`${this.wrap(node.base, ATOM)}<mtext>.shape</mtext>`), ATOM];
      case "constant":
        return [`<mtext>${node.name}</mtext>`, ATOM];
    }
  }

  private wrap(node: Node, level: number): string {
    const [content, own] = this.write(node);
    return own >= level ? content : group(operator("(") + content + operator(")"));
  }

  private join(nodes: Node[]): string {
    return nodes.map((node) => this.write(node)[0]).join(operator(","));
  }

  private writeBinary({ operator: sign, left, right }: BinaryNode): [string, number] {
    if (sign === "/") return [`<mfrac>${group(this.write(left)[0])}${group(this.write(right)[0])}</mfrac>`, PRODUCT];
    if (sign === "**") return [`<msup>${this.wrap(left, ATOM)}${group(this.write(right)[0])}</msup>`, POWER];
    if (sign === "*" || sign === "@") return [this.writeProduct(sign, left, right), PRODUCT];
    if (COMPARISONS.includes(sign)) return [this.wrap(left, SUM) + operator(SIGNS[sign]) + this.wrap(right, SUM), COMPARISON];
    return [this.wrap(left, SUM) + operator(sign === "-" ? "−" : "+") + this.wrap(right, PRODUCT), SUM];
  }

  /** A matrix product as juxtaposition, an elementwise product with a circled dot. */
  private writeProduct(sign: string, left: Node, right: Node): string {
    const scales = this.isNumber(left) || this.isNumber(right);
    const between = sign === "@" ? SPACE : operator(scales ? "⋅" : "⊙");
    // A @ B * C is (A @ B) * C: parentheses show which product comes first.
    const isOther = left.kind === "binary" && ["*", "@"].includes(left.operator) && left.operator !== sign;
    const mixed = !scales && isOther && !this.isNumber(left.left) && !this.isNumber(left.right);
    return this.wrap(left, mixed ? POWER : PRODUCT) + between + this.wrap(right, POWER);
  }

  private writeCall(node: CallNode): [string, number] {
    const given = node.arguments.filter((argument) => argument !== null);
    const first = given[0];
    if (node.function === "transpose" && given.length === 1) return [`<msup>${this.wrap(first, ATOM)}<mi>⊤</mi></msup>`, POWER];
    if (node.function === "square") return [`<msup>${this.wrap(first, ATOM)}<mn>2</mn></msup>`, POWER];
    if (node.function === "sqrt") return [`<msqrt>${this.write(first)[0]}</msqrt>`, ATOM];
    if (node.function === "abs") return [group(operator("|") + this.write(first)[0] + operator("|")), ATOM];
    if (node.function === "matmul") return [this.writeProduct("@", first, given[1]), PRODUCT];
    return [this.writeFunction(node), ATOM];
  }

  /** A name with the axis below, and arguments in parentheses. */
  private writeFunction(node: CallNode): string {
    const below: string[] = [];
    const listed: Node[] = [];
    PARAMETERS.get(node.function)!.forEach((parameter, k) => {
      const argument = node.arguments[k];
      if (!argument) return;
      if (parameter.startsWith("axis")) below.push(`<mtext>axis\u00a0</mtext>${this.write(argument)[0]}`);
      else if (parameter.startsWith("keepdims")) below.push(argument.kind === "constant" ? `<mtext>keepdims=${argument.name}</mtext>` : "");
      else listed.push(argument);
    });
    const shown = { maximum: "max", minimum: "min" }[node.function] ?? node.function;
    const name = below.length ? `<msub><mi>${shown}</mi>${group(below.join(operator(",")))}</msub>` : `<mi>${shown}</mi>`;
    return group(name + operator("(") + this.join(listed) + operator(")"));
  }

  /** Whether a value has no axes, as far as the shapes of letters are known. */
  private isNumber(node: Node): boolean {
    switch (node.kind) {
      case "number":
        return true;
      case "letter":
        return this.shapes.get(node.name)?.length === 0;
      case "negative":
        return this.isNumber(node.operand);
      case "binary":
        return node.operator !== "@" && this.isNumber(node.left) && this.isNumber(node.right);
      case "index":
        return node.base.kind === "shape";
      case "call": {
        if (["sum", "mean", "max", "min", "logsumexp", "argmax"].includes(node.function)) return !node.arguments[1] && !node.arguments[2];
        const first = node.arguments[0];
        return node.function === "len" || (ELEMENTWISE.includes(node.function) && first !== null && this.isNumber(first));
      }
      default:
        return false;
    }
  }
}

function writeLetter(name: string): string {
  const match = SUBSCRIPT.exec(name);
  if (!match) return `<mi>${escape(name)}</mi>`;
  const [base, subscript] = match[1] ? [match[1], `<mn>${match[2]}</mn>`] : [match[3], `<mi>${escape(match[4])}</mi>`];
  return `<msub><mi>${escape(base)}</mi>${subscript}</msub>`;
}
