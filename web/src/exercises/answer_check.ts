/** Judges an answer by its values: every algebraic form of the right formula is right. */

import { type Exercise, type Letter, haveSameShape } from "./exercise";
import { findByFingerprint } from "./fingerprint";
import { evaluateFormula } from "./formula/evaluator";
import { type NdArray, formatShape } from "./formula/ndarray";
import { parseFormula } from "./formula/parser";
import { FormulaError } from "./formula/tokens";

export interface Verdict {
  kind: "right" | "wrong" | "unreadable";
  message: string;
  hints: string[];
  /** Place of the mistake in a text that is no formula, in code points. */
  position?: number;
}

export function checkAnswer(exercise: Exercise, text: string): Verdict {
  const names = exercise.letters.map(({ name }) => name);
  let position: number | undefined;
  try {
    const values = new Map(exercise.letters.map(({ name, value }) => [name, value]));
    const formula = parseFormula(text, names);
    position = -1;
    return judge(exercise, evaluateFormula(formula, values));
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    // The formula was read, but shapes do not fit: an answer like others, which is wrong.
    if (position === -1) return { kind: "wrong", message: error.message, hints: [] };
    return { kind: "unreadable", message: error.message, hints: [], position: error.position };
  }
}

function judge(exercise: Exercise, value: NdArray): Verdict {
  const { expected, quantity, tolerance } = exercise;
  const scale = expected.data.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0);
  const agrees = Array.from(value.data, (entry, k) => Math.abs(entry - expected.data[k]) <= tolerance * (Math.abs(expected.data[k]) + scale));
  const fits = haveSameShape(value.shape, expected.shape);
  if (fits && agrees.every(Boolean)) return { kind: "right", message: "", hints: [] };
  const known = findByFingerprint(value, exercise.variations);
  if (known) return { kind: "wrong", message: known.message, hints: known.hints };
  const wrong = (message: string): Verdict => ({ kind: "wrong", message, hints: [] });
  if (!fits) return wrong(`Your result ${describeShape(value.shape)}; ${quantity} ${describeShape(expected.shape)}.`);
  if (!value.data.every(Number.isFinite)) {
    return wrong("Your result has entries that are not finite. Does a logarithm, a root or a division receive 0 or a negative number?");
  }
  return wrong(describeRatio(exercise, value, scale) ?? describeDifference(exercise, value, agrees));
}

const describeShape = (shape: number[]): string => (shape.length ? `has shape ${formatShape(shape)}` : "is a single number");

export const formatNumber = (value: number, digits = 3): string => String(Number(value.toPrecision(digits))).replace("-", "−");

/** A sentence on a constant factor or difference, null if there is none. */
function describeRatio({ expected, letters, quantity }: Exercise, { data }: NdArray, scale: number): string | null {
  const differences = data.map((entry, k) => entry - expected.data[k]);
  if (data.length > 1 && differences.every((d) => Math.abs(d - differences[0]) <= 1e-6 * (scale + Math.abs(differences[0])))) {
    const which = differences[0] > 0 ? "larger" : "smaller";
    return `Every entry of your result is ${which} than that of ${quantity} by the same number, ${formatNumber(Math.abs(differences[0]))}.`;
  }
  const largest = expected.data.findIndex((entry) => Math.abs(entry) === scale);
  const ratio = data[largest] / expected.data[largest];
  if (scale === 0 || ratio === 0 || data.some((entry, k) => Math.abs(entry - ratio * expected.data[k]) > 1e-6 * Math.abs(ratio) * scale)) return null;
  if (Math.abs(ratio + 1) < 1e-6) return "Your result has the opposite sign of the right one.";
  const named = nameRatio(ratio, letters);
  if (named) return `Your result is ${named} times the right one.`;
  // A single number is always a multiple of another.
  return data.length > 1 ? `Your result is ${formatNumber(ratio, 6)} times the right one.` : null;
}

/** A ratio such as "1/5 (that is 1 / n)"; null if it is neither a whole number nor a letter, nor 1 over one. */
function nameRatio(ratio: number, letters: Letter[]): string | null {
  const isNear = (value: number, other: number): boolean => Math.abs(value - other) < 1e-6 * Math.abs(other);
  const inverse = 1 / ratio;
  const isWhole = (value: number): boolean => Math.abs(value) > 1.5 && Math.abs(value) < 1e4 && isNear(value, Math.round(value));
  const numbers = letters.filter(({ value }) => value.shape.length === 0);
  const times = numbers.find(({ value }) => isNear(ratio, value.data[0]));
  const part = numbers.find(({ value }) => isNear(inverse, value.data[0]));
  if (!times && !part && !isWhole(ratio) && !isWhole(inverse)) return null;
  const letter = times ? ` (that is ${times.name})` : part ? ` (that is 1 / ${part.name})` : "";
  return `${isWhole(inverse) ? `1/${formatNumber(inverse, 6)}` : formatNumber(ratio, 6)}${letter}`;
}

/** Sentences on the entries that agree, and the largest difference. */
function describeDifference({ expected, quantity }: Exercise, { data }: NdArray, agrees: boolean[]): string {
  const differences = data.map((entry, k) => Math.abs(entry - expected.data[k]));
  const worst = differences.indexOf(Math.max(...differences));
  if (data.length === 1) return `Your result is ${formatNumber(data[0])}. That is off by ${formatNumber(differences[0])}.`;
  const shape = expected.shape.filter((n) => n > 1);
  const [rows, columns] = shape.length === 2 ? shape : [0, 0];
  const number = agrees.filter(Boolean).length;
  const lines = [
    ...findLines("row", rows, (row) => agrees.slice(row * columns, (row + 1) * columns)),
    ...findLines("column", columns, (column) => agrees.filter((_, k) => k % columns === column)),
  ];
  const which = lines.length ? `: ${lines.join(" and ")}` : "";
  const counted = number ? `${number} of ${data.length} entries agree with ${quantity}${which}.` : `No entry agrees with ${quantity}.`;
  const place = rows ? `row ${Math.floor(worst / columns) + 1}, column ${(worst % columns) + 1}` : `entry ${worst + 1}`;
  return `${counted} The largest difference is ${formatNumber(differences[worst])}, in ${place}.`;
}

/** Names the rows or columns that agree in full, such as "rows 1 and 3". */
function findLines(name: string, count: number, getLine: (k: number) => boolean[]): string[] {
  const found = Array.from({ length: count }, (_, k) => k).filter((k) => getLine(k).every(Boolean));
  if (!found.length || found.length === count) return [];
  const numbers = found.map((k) => k + 1);
  return [`${name}${numbers.length > 1 ? "s" : ""} ${new Intl.ListFormat("en").format(numbers.map(String))}`];
}
