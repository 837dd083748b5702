/** Arithmetic of elements, written as `pel.why` prints it, with the present values. */

import type { ArithmeticSpec, Dtype, ExpressionSpec, LongSum, NumberRef, Piece, Template } from "./spec";
import type { TypedArray } from "./view";

/** A longer sum is written with this many of its largest terms, as in pellucid/show/why_renderers.py. */
const SHOWN_TERMS = 6;
/** Significant digits of the explained element; other numbers have four. */
const DIGITS = 6;

/** An element of an expression: its number, and its position in C order. */
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
  /** Why it has no arithmetic: it is given, it depends on whole arrays, or it is irregular. */
  kind: "given" | "whole" | "closed" | "computed";
  names: Part[] | null;
  numbers: Part[] | null;
  /** Definitions of automatic names, each as "z = X @ W". */
  where: string[];
}

/** Values of the expressions, by their numbers. */
export type Values = (of: number) => { array: TypedArray; dtype: Dtype };

/** A number as Python's `%.4g` prints it; integers in full. */
export function formatValue(value: number | bigint, dtype: Dtype, digits = 4): string {
  if (dtype === "bool") return value ? "True" : "False";
  if (!dtype.startsWith("float")) return String(value);
  return formatFloat(Number(value), digits);
}

function formatFloat(value: number, digits: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const [mantissa, power] = roundHalfToEven(value, digits).split("e");
  const exponent = Number(power);
  const sign = mantissa.startsWith("-") || Object.is(value, -0) ? "-" : "";
  const [first, ...rest] = mantissa.replace(/[-.]/g, "");
  const shorten = (text: string): string => (text.includes(".") ? text.replace(/\.?0*$/, "") : text);
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${shorten(`${first}.${rest.join("")}`)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  const all = first + rest.join("");
  if (exponent < 0) return sign + shorten(`0.${"0".repeat(-exponent - 1)}${all}`);
  return sign + shorten(`${all.slice(0, exponent + 1)}.${all.slice(exponent + 1)}`);
}

/** As `toExponential`, but a number exactly in the middle of two is rounded to the even digit, as in Python. */
function roundHalfToEven(value: number, digits: number): string {
  const rounded = value.toExponential(digits - 1);
  const [exact] = value.toExponential(60).split("e");
  const isMiddle = /^50*$/.test(exact.replace(/[-.]/g, "").slice(digits));
  const isOdd = "13579".includes(rounded.split("e")[0].at(-1)!);
  // The middle was rounded away from zero: the even neighbor is one digit below.
  return isMiddle && isOdd ? (Number(rounded) - Math.sign(value) * Number(`1e${Number(rounded.split("e")[1]) - digits + 1}`)).toExponential(digits - 1) : rounded;
}

/** Index of a position in an array. */
export function unravel(at: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(at % shape[axis]);
    at = Math.floor(at / shape[axis]);
  }
  return index;
}

export class Arithmetic {
  constructor(
    readonly expressions: ExpressionSpec[],
    private readonly definitions: Record<string, string>,
    private readonly values: Values,
  ) {}

  name({ of, at }: Element): string {
    const { name, shape } = this.expressions[of];
    return shape.length ? `${name}[${unravel(at, shape).join(", ")}]` : name!;
  }

  number({ of, at }: Element): number | bigint {
    return this.values(of).array[at];
  }

  format(element: Element, digits?: number): string {
    return formatValue(this.number(element), this.values(element.of).dtype, digits);
  }

  explain(element: Element): Explanation {
    const { template, index } = this.find(element);
    const line = (pieces: Piece[] | undefined, inNumbers: boolean): Part[] | null => pieces ? this.write(pieces, index, inNumbers) : null;
    const { kind, text } = template;
    const names = text === undefined ? line(template.pieces, false) : [{ text }];
    const numbers = kind === "moved" ? null : line(template.numbers ?? template.pieces, true);
    const name = this.name(element);
    const written = [name, ...[names, numbers].map((parts) => (parts ? joinParts(parts) : ""))];
    return {
      name,
      value: this.format(element, DIGITS),
      kind: kind === "given" || kind === "whole" || kind === "closed" ? kind : "computed",
      names,
      numbers: written[1] === written[2] ? null : numbers,
      where: this.define(written.join("\n")),
    };
  }

  /** The template of an element, and the index that its positions refer to. */
  private find({ of, at }: Element): { template: Template; index: number[] } {
    const { arithmetic, shape, rows } = this.expressions[of];
    let index = unravel(at, shape);
    let template: ArithmeticSpec = arithmetic!;
    if (Array.isArray(template)) {
      const size = rows ? this.size(shape.slice(1)) : this.size(shape);
      template = template[at % size];
      index = rows ? index.slice(0, 1) : [];
    }
    if (template.kind === "choice") {
      template = Number(this.number(this.locate(template.by, index))) === addSteps(template.equals, index) ? template.then : template.else;
    }
    return { template, index };
  }

  private size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

  /** The element that a reference means for an index, which ends with the number of the term inside of a sum. */
  private locate({ of, at, chosen = [] }: NumberRef, index: readonly number[]): Element {
    let position = addSteps(isList(at) ? at[index.at(-1)!] : at, index);
    for (const { step, size, by } of chosen) {
      const choice = Number(this.number(this.locate(by, index)));
      position += step * (((choice % size) + size) % size);
    }
    return { of, at: position };
  }

  private write(pieces: Piece[], index: readonly number[], inNumbers: boolean): Part[] {
    return pieces.flatMap((piece) => {
      if (typeof piece === "string") return { text: piece };
      if ("count" in piece) return this.writeLongSum(piece, index, inNumbers);
      const element = this.locate(piece, index);
      const { constant } = this.expressions[piece.of];
      if (!inNumbers && !constant) return { text: this.name(element), element };
      const text = this.format(element);
      const part = constant ? { text } : { text, element };
      return piece.sign ? parenthesize(part) : part;
    });
  }

  private writeLongSum(sum: LongSum, index: readonly number[], inNumbers: boolean): Part[] {
    const terms = Array.from({ length: sum.count }, (_, k) => this.contribute(sum, [...index, k]));
    const byS = terms.map((_, k) => k).sort((a, b) => Math.abs(terms[b]) - Math.abs(terms[a]));
    const kept = byS.slice(0, SHOWN_TERMS).sort((a, b) => a - b);
    const rest = terms.reduce((total, term, k) => (kept.includes(k) ? total : total + term), 0);
    const parts = kept.flatMap((k, place) => this.write(place ? sum.next : sum.first, [...index, k], inNumbers));
    const last = { text: inNumbers ? formatFloat(rest, 4) : `(${sum.count - kept.length} more)` };
    return [...parts, { text: " + " }, ...(inNumbers ? parenthesize(last) : [last])];
  }

  private contribute({ value, factor }: LongSum, index: readonly number[]): number {
    const by = typeof factor === "number" ? factor : Number(this.number(this.locate(factor, index)));
    return by * Number(this.number(this.locate(value, index)));
  }

  /** Definitions of the automatic names in a text, and of those in the definitions. */
  private define(text: string): string[] {
    const { definitions } = this;
    const found = new Set<string>();
    const pending = [text];
    while (pending.length) {
      for (const word of pending.pop()!.match(/[\p{L}\p{N}_]+/gu) ?? []) {
        if (Object.hasOwn(definitions, word) && !found.has(word)) {
          found.add(word);
          pending.push(definitions[word]);
        }
      }
    }
    return Array.from(found).sort().map((name) => `${name} = ${definitions[name]}`);
  }
}

const isList = (at: number[] | number[][]): at is number[][] => Array.isArray(at[0]);

/** A linear function of an index: `[start, ...steps]`. */
const addSteps = (at: readonly number[], index: readonly number[]): number =>
  at.slice(1).reduce((position, step, axis) => position + step * index[axis], at[0]);

const parenthesize = (part: Part): Part[] => (part.text.startsWith("-") ? [{ text: "(" }, part, { text: ")" }] : [part]);

export const joinParts = (parts: Part[]): string => parts.map(({ text }) => text).join("");
