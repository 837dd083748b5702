/** Fingerprints of arrays, by which a page recognizes the result of a wrong answer. Mirrors `src/pellucid/course/fingerprint.py`. */

import type { NdArray, Shape } from "./formula/ndarray";

const FREQUENCY = 0.7390851332151607;
const TOLERANCE = 1e-6;

/** Three weighted sums of the elements; the weights differ between positions. */
export function computeFingerprint(x: NdArray): number[] {
  return [1, 2, 3].map((k) => x.data.reduce((sum, value, i) => sum + value * Math.cos(k * (i + 1) * FREQUENCY), 0));
}

/** Whether an array is taken as that with a given shape and fingerprint. */
export function hasFingerprint(x: NdArray, fingerprint: number[], shape: Shape): boolean {
  if (stripShape(x.shape).join() !== stripShape(shape).join() || !x.data.every(Number.isFinite)) return false;
  const tolerance = TOLERANCE * (1 + x.data.reduce((sum, value) => sum + Math.abs(value), 0));
  return computeFingerprint(x).every((value, k) => Math.abs(value - fingerprint[k]) <= tolerance);
}

/** A shape without leading and trailing axes of length 1. */
export function stripShape(shape: Shape): Shape {
  const first = shape.findIndex((n) => n !== 1);
  return first < 0 ? [] : shape.slice(first, shape.findLastIndex((n) => n !== 1) + 1);
}
