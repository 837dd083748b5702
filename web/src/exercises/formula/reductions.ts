/** Functions along axes. */

import { type NdArray, addTables, findStrides, makeTable } from "./ndarray";

type Values = Float64Array;

export const sum = (values: Values): number => values.reduce((total, value) => total + value, 0);
export const mean = (values: Values): number => sum(values) / values.length;
export const max = (values: Values): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
export const min = (values: Values): number => values.reduce((a, b) => Math.min(a, b), Infinity);

/** Position of the first maximum, or of the first NaN. */
export function argmax(values: Values): number {
  let best = 0;
  for (let k = 1; k < values.length && !Number.isNaN(values[best]); k++) if (!(values[k] <= values[best])) best = k;
  return best;
}

export function logsumexp(values: Values): number {
  // The maximum is subtracted, because exp of large numbers overflows; an infinite maximum would give inf - inf.
  const highest = max(values);
  const top = Number.isFinite(highest) ? highest : 0;
  return Math.log(sum(values.map((value) => Math.exp(value - top)))) + top;
}

export function softmax(values: Values): Values {
  const top = max(values);
  const powers = values.map((value) => Math.exp(value - top));
  const total = sum(powers);
  return powers.map((power) => power / total);
}

export function logSoftmax(values: Values): Values {
  const top = max(values);
  const total = Math.log(sum(values.map((value) => Math.exp(value - top))));
  return values.map((value) => value - top - total);
}

/** Positions of the first elements along the given axes, and those of the others from there. */
function splitPositions(x: NdArray, axes: number[]): [number[], number[]] {
  const strides = findStrides(x.shape);
  const tables = x.shape.map((n, axis) => makeTable(n, strides[axis]));
  return [addTables(tables.filter((_, axis) => !axes.includes(axis))), addTables([...axes].sort().map((axis) => tables[axis]))];
}

export function reduce(x: NdArray, axes: number[], keepdims: boolean, f: (values: Values) => number): NdArray {
  const [starts, offsets] = splitPositions(x, axes);
  const data = Float64Array.from(starts, (start) => f(Float64Array.from(offsets, (offset) => x.data[start + offset])));
  const kept = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  return { shape: keepdims ? kept : x.shape.filter((_, axis) => !axes.includes(axis)), data };
}

/** Applies a function to every row along an axis. */
export function mapRows(x: NdArray, axis: number, f: (values: Values) => Values): NdArray {
  const [starts, offsets] = splitPositions(x, [axis]);
  const data = new Float64Array(x.data.length);
  for (const start of starts) {
    const row = f(Float64Array.from(offsets, (offset) => x.data[start + offset]));
    offsets.forEach((offset, k) => (data[start + offset] = row[k]));
  }
  return { shape: x.shape, data };
}
