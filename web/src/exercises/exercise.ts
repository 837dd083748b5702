/** The exercise file: what Python writes into the page. */

import { stripShape } from "./fingerprint";
import { type NdArray, type Shape, count, formatShape } from "./formula/ndarray";

export interface Letter {
  name: string;
  meaning: string;
  dtype: string;
  value: NdArray;
}

/** A known wrong answer, recognized by its values. */
export interface Variation {
  shape: Shape;
  fingerprint: number[];
  message: string;
  hints: string[];
}

export interface Exercise {
  name: string;
  quantity: string;
  /** HTML that the build of the course wrote, as `why` and the MathML of the solution. */
  question: string;
  letters: Letter[];
  expected: NdArray;
  tolerance: number;
  variations: Variation[];
  solution: { text: string; mathml: string };
  why: string;
}

interface File extends Omit<Exercise, "letters" | "expected" | "variations"> {
  /** Sentences of messages and hints, which are lists of positions. */
  sentences: string[];
  variations: { shape: Shape; fingerprint: number[]; message: number[]; hints: number[][] }[];
  letters: { name: string; meaning: string; dtype: string; shape: Shape; values: string }[];
  shape: Shape;
  expected: string;
}

export function parseExercise(text: string): Exercise {
  const file = JSON.parse(text) as File;
  const letters = file.letters.map(({ name, meaning, dtype, shape, values }) => ({ name, meaning, dtype, value: decode(name, shape, values) }));
  const { name, quantity, question, tolerance, solution, why } = file;
  const join = (positions: number[]): string => positions.map((at) => file.sentences[at]).join("");
  const variations = file.variations.map((v) => ({ ...v, message: join(v.message), hints: v.hints.map(join) }));
  const expected = decode(quantity, file.shape, file.expected);
  return { name, quantity, question, letters, expected, tolerance, variations, solution, why };
}

/** Reads little-endian float64 numbers in base64. */
function decode(name: string, shape: Shape, base64: string): NdArray {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (bytes.length !== 8 * count(shape)) {
    throw new Error(`${name} of shape ${formatShape(shape)} needs ${8 * count(shape)} bytes; there are ${bytes.length}.`);
  }
  const view = new DataView(bytes.buffer);
  return { shape, data: Float64Array.from({ length: count(shape) }, (_, k) => view.getFloat64(8 * k, true)) };
}

/** Whether two shapes differ in outer axes of length 1 only. */
export const haveSameShape = (a: Shape, b: Shape): boolean => stripShape(a).join() === stripShape(b).join();
