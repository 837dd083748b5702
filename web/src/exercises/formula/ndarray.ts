/** Arrays of numbers in row-major order, with NumPy's broadcasting. */

export type Shape = number[];

export interface NdArray {
  shape: Shape;
  data: Float64Array;
}

export const count = (shape: Shape): number => shape.reduce((size, n) => size * n, 1);
export const makeNumber = (value: number): NdArray => ({ shape: [], data: Float64Array.of(value) });
export const fill = (shape: Shape, value: number): NdArray => ({ shape, data: new Float64Array(count(shape)).fill(value) });
export const reshape = (x: NdArray, shape: Shape): NdArray => ({ shape, data: x.data });
export const map = (x: NdArray, f: (value: number) => number): NdArray => ({ shape: x.shape, data: x.data.map(f) });

/** A shape as Python writes it. */
export const formatShape = (shape: Shape): string => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

/** Number of elements between neighbors along each axis. */
export function findStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; stride *= shape[axis--]) strides[axis] = stride;
  return strides;
}

/** The shape of an elementwise result, null if the shapes do not fit. */
export function broadcastShapes(left: Shape, right: Shape): Shape | null {
  const ndim = Math.max(left.length, right.length);
  const pad = (shape: Shape): Shape => [...new Array<number>(ndim - shape.length).fill(1), ...shape];
  const [a, b] = [pad(left), pad(right)];
  if (a.some((n, k) => n !== b[k] && n !== 1 && b[k] !== 1)) return null;
  return a.map((n, k) => (b[k] === 1 ? n : b[k]));
}

/** All sums of one number from each table, the last table running fastest: positions of elements in an array. */
export function addTables(tables: number[][]): number[] {
  return tables.reduce((sums, table) => sums.flatMap((sum) => table.map((offset) => sum + offset)), [0]);
}

/** Positions along an axis, times its stride. */
export const makeTable = (length: number, stride: number, first = 0, step = 1): number[] =>
  Array.from({ length }, (_, k) => (first + k * step) * stride);

export const pick = (x: NdArray, shape: Shape, positions: number[]): NdArray => ({
  shape,
  data: Float64Array.from(positions, (position) => x.data[position]),
});

export function broadcastTo(x: NdArray, shape: Shape): NdArray {
  if (x.shape.length === shape.length && x.shape.every((n, k) => n === shape[k])) return x;
  const missing = shape.length - x.shape.length;
  const strides = findStrides(x.shape);
  const tables = shape.map((n, axis) => makeTable(n, axis < missing || x.shape[axis - missing] === 1 ? 0 : strides[axis - missing]));
  return pick(x, shape, addTables(tables));
}

/** An elementwise function of two arrays whose shapes fit. */
export function zip(x: NdArray, y: NdArray, f: (a: number, b: number) => number): NdArray {
  const shape = broadcastShapes(x.shape, y.shape)!;
  const [a, b] = [broadcastTo(x, shape).data, broadcastTo(y, shape).data];
  return { shape, data: a.map((value, k) => f(value, b[k])) };
}

export function transpose(x: NdArray, axes = x.shape.map((_, axis) => x.shape.length - 1 - axis)): NdArray {
  const strides = findStrides(x.shape);
  const shape = axes.map((axis) => x.shape[axis]);
  return pick(x, shape, addTables(axes.map((axis) => makeTable(x.shape[axis], strides[axis]))));
}

/** Zeros around an array; `pairs` are the widths before and after along each axis. */
export function pad(x: NdArray, pairs: number[][]): NdArray {
  const shape = x.shape.map((n, axis) => n + pairs[axis][0] + pairs[axis][1]);
  const result = fill(shape, 0);
  const strides = findStrides(shape);
  const positions = addTables(x.shape.map((n, axis) => makeTable(n, strides[axis], pairs[axis][0])));
  positions.forEach((position, k) => (result.data[position] = x.data[k]));
  return result;
}
