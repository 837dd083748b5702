/** Arithmetic of elements, written as `pel.why` prints it, with the present values. */

import { product } from "./arrays";
import { formatPython } from "./python_numbers";
import type { Dtype, ExpressionSpec, LongSum, NumberRef, NumbersParts, Piece, Template } from "./spec";
import type { TypedArray } from "./view";

/** A longer sum is written with this many of its largest terms, as in pellucid/show/why/arithmetic_page.py. */
const SHOWN_TERMS = 6;
/** Significant digits of the explained element; other numbers have four. */
const DIGITS = 6;

/** An element of an expression: the number of the expression, and the position of the element in C order. */
export interface Element {
  of: number;
  at: number;
}

/** A part of a line: text, or the name or the value of an element. */
export interface Part {
  text: string;
  element?: Element;
}

/** What there is to say about an element. Lines are null if `pel.why` does not print them. */
export interface Explanation {
  name: string;
  value: string;
  kind: Template["kind"];
  names: Part[] | null;
  numbers: Part[] | null;
  /** Definitions of automatic names, such as "z = X @ W". */
  where: string[];
}

export interface Arithmetic {
  expressions: ExpressionSpec[];
  name(element: Element): string;
  format(element: Element, digits?: number): string;
  explain(element: Element): Explanation;
  /** The row of the data that an element belongs to, or null. */
  findRow(element: Element): number | null;
}

/** Values of the expressions, by their numbers. */
export type Values = (of: number) => { array: TypedArray; dtype: Dtype };

/** Number of elements in an element of the first axis: in a row of data. */
export const rowSize = ({ rows, shape }: ExpressionSpec): number => product(rows ? shape.slice(1) : shape);

export const joinParts = (parts: Part[]): string => parts.map(({ text }) => text).join("");

/** Index of a position in an array. */
export function unravel(at: number, shape: readonly number[]): number[] {
  return shape.map((size, axis) => Math.floor(at / product(shape.slice(axis + 1))) % size);
}

export function makeArithmetic({ expressions, definitions }: NumbersParts, values: Values): Arithmetic {
  const read = ({ of, at }: Element): number => Number(values(of).array[at]);

  const format = ({ of, at }: Element, digits?: number): string => formatPython(values(of).array[at], values(of).dtype, digits);

  function name({ of, at }: Element): string {
    const { name, shape } = expressions[of];
    return shape.length ? `${name}[${unravel(at, shape).join(", ")}]` : name!;
  }

  /** The element that a reference means for an index. Inside of a sum, the index ends with the number of the term. */
  function locate({ of, at, chosen = [] }: NumberRef, index: readonly number[]): Element {
    const steps = Array.isArray(at[0]) ? (at as number[][])[index.at(-1)!] : (at as number[]);
    const choices = chosen.map(({ step, size, by }) => step * (((read(locate(by, index)) % size) + size) % size));
    return { of, at: choices.reduce((a, b) => a + b, addSteps(steps, index)) };
  }

  /** The template of an element, and the index that its positions refer to. */
  function findTemplate({ of, at }: Element): [Template, number[]] {
    const expression = expressions[of];
    const { shape, rows } = expression;
    let template = expression.arithmetic!;
    let index = unravel(at, shape);
    if (Array.isArray(template)) {
      template = template[at % rowSize(expression)];
      index = index.slice(0, rows ? 1 : 0);
    }
    if (template.kind !== "choice") return [template, index];
    return [read(locate(template.by, index)) === addSteps(template.equals, index) ? template.then : template.else, index];
  }

  function write(pieces: Piece[], index: readonly number[], inNumbers: boolean): Part[] {
    return pieces.flatMap((piece) => {
      if (typeof piece === "string") return { text: piece };
      if ("count" in piece) return writeLongSum(piece, index, inNumbers);
      const element = locate(piece, index);
      const { constant } = expressions[piece.of];
      if (!constant && !inNumbers) return { text: name(element), element };
      const part = { text: format(element), element: constant ? undefined : element };
      return piece.sign ? parenthesize(part) : part;
    });
  }

  function writeLongSum({ count, value, factor, first, next }: LongSum, index: readonly number[], inNumbers: boolean): Part[] {
    const terms = Array.from({ length: count }, (_, k) => {
      const place = [...index, k];
      return read(locate(value, place)) * (typeof factor === "number" ? factor : read(locate(factor, place)));
    });
    const order = Array.from(terms.keys()).sort((a, b) => Math.abs(terms[b]) - Math.abs(terms[a]));
    const kept = order.slice(0, SHOWN_TERMS).sort((a, b) => a - b);
    const rest = terms.reduce((total, term, k) => (kept.includes(k) ? total : total + term), 0);
    const parts = kept.flatMap((k) => write(k === kept[0] ? first : next, [...index, k], inNumbers));
    const last = { text: inNumbers ? formatPython(rest, "float64") : `(${count - SHOWN_TERMS} more)` };
    return [...parts, { text: " + " }, ...parenthesize(last)];
  }

  /** Definitions of the automatic names in a text, and of those in the definitions. */
  function define(text: string, found = new Set<string>()): string[] {
    for (const word of text.match(/[\p{L}\p{N}_]+/gu) ?? []) {
      if (!Object.hasOwn(definitions, word) || found.has(word)) continue;
      found.add(word);
      define(definitions[word], found);
    }
    return Array.from(found).sort().map((word) => `${word} = ${definitions[word]}`);
  }

  function explain(element: Element): Explanation {
    const [{ kind, text, pieces, numbers: other }, index] = findTemplate(element);
    const names = text ? [{ text }] : pieces ? write(pieces, index, false) : null;
    const numbers = pieces && kind !== "moved" ? write(other ?? pieces, index, true) : null;
    const lines = [name(element), joinParts(names ?? []), joinParts(numbers ?? [])];
    const where = define(lines.join("\n"));
    return { name: lines[0], value: format(element, DIGITS), kind, names, numbers: lines[1] === lines[2] ? null : numbers, where };
  }

  const findRow = ({ of, at }: Element): number | null => (expressions[of].rows ? Math.floor(at / rowSize(expressions[of])) : null);

  return { expressions, name, format, explain, findRow };
}

/** A linear function of an index: `[start, ...steps]`. */
const addSteps = ([start, ...steps]: readonly number[], index: readonly number[]): number => steps.reduce((sum, step, axis) => sum + step * index[axis], start);

const parenthesize = (part: Part): Part[] => (part.text.startsWith("-") ? [{ text: "(" }, part, { text: ")" }] : [part]);
