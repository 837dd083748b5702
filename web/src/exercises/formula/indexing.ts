/** Indices and slices with NumPy's rules. */

import { type NdArray, type Shape, addTables, broadcastShapes, broadcastTo, count, findStrides, makeTable, pick } from "./ndarray";

/** A new axis, a slice, or an array of whole numbers; a single index is an array without axes. */
export type Item = { kind: "new" } | { kind: "slice"; bounds: (number | null)[] } | { kind: "array"; index: NdArray };

interface Part {
  shape: Shape;
  table: number[];
}

/** The elements that items choose. Axes without an item are kept. */
export function takeItems(x: NdArray, items: Item[]): NdArray {
  const strides = findStrides(x.shape);
  const isArray = (item: Item): boolean => item.kind === "array";
  const arrays = items.flatMap((item) => (item.kind === "array" ? [item.index] : []));
  const common = arrays.reduce<Shape>((shape, index) => broadcastShapes(shape, index.shape)!, []);
  const chosen: Part = { shape: common, table: new Array<number>(count(common)).fill(0) };
  const [first, last] = [items.findIndex(isArray), items.findLastIndex(isArray)];
  // Index arrays that are not neighbors put their axes first, as in NumPy; plain numbers have none.
  const isApart = common.length > 0 && items.slice(first, last).some((item) => !isArray(item));
  const parts: Part[] = isApart ? [chosen] : [];
  let axis = 0;
  items.forEach((item, k) => {
    if (item.kind === "array") {
      const [size, stride] = [x.shape[axis], strides[axis]];
      broadcastTo(item.index, common).data.forEach((index, i) => (chosen.table[i] += (index < 0 ? index + size : index) * stride));
      if (k === first && !isApart) parts.push(chosen);
      axis++;
    } else if (item.kind === "slice") {
      const [start, length, step] = resolveSlice(item.bounds, x.shape[axis]);
      parts.push({ shape: [length], table: makeTable(length, strides[axis], start, step) });
      axis++;
    } else parts.push({ shape: [1], table: [0] });
  });
  for (; axis < x.shape.length; axis++) parts.push({ shape: [x.shape[axis]], table: makeTable(x.shape[axis], strides[axis]) });
  return pick(x, parts.flatMap(({ shape }) => shape), addTables(parts.map(({ table }) => table)));
}

/** First index, number of indices and step of a Python slice. */
function resolveSlice([first, last, by]: (number | null)[], size: number): [number, number, number] {
  const step = by ?? 1;
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const clip = (bound: number | null, otherwise: number): number =>
    bound === null ? otherwise : Math.min(Math.max(bound < 0 ? bound + size : bound, lowest), highest);
  const start = clip(first, step > 0 ? 0 : size - 1);
  const stop = clip(last, step > 0 ? size : -1);
  return [start, Math.max(0, Math.ceil((stop - start) / step)), step];
}
