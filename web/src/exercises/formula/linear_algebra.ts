/** Products of arrays. Shapes were checked. */

import { type NdArray, addTables, broadcastShapes, broadcastTo, count, fill, findStrides, makeTable, reshape, zip } from "./ndarray";

/** Matrix product as NumPy's `@`: vectors lose their axis, further axes are batches. */
export function multiplyMatrices(x: NdArray, y: NdArray): NdArray {
  const a = x.shape.length === 1 ? reshape(x, [1, ...x.shape]) : x;
  const b = y.shape.length === 1 ? reshape(y, [...y.shape, 1]) : y;
  const [rows, inner] = a.shape.slice(-2);
  const columns = b.shape[b.shape.length - 1];
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2))!;
  const left = broadcastTo(a, [...batch, rows, inner]).data;
  const right = broadcastTo(b, [...batch, inner, columns]).data;
  const result = new Float64Array(count(batch) * rows * columns);
  for (let n = 0, at = 0; n < count(batch); n++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, at++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += left[(n * rows + i) * inner + k] * right[(n * inner + k) * columns + j];
        result[at] = sum;
      }
    }
  }
  return { shape: [...batch, ...(x.shape.length > 1 ? [rows] : []), ...(y.shape.length > 1 ? [columns] : [])], data: result };
}

export function outer(x: NdArray, y: NdArray): NdArray {
  return zip(reshape(x, [x.data.length, 1]), reshape(y, [1, y.data.length]), (a, b) => a * b);
}

/** Kronecker product: each element of x times the whole y. */
export function kron(x: NdArray, y: NdArray): NdArray {
  const ndim = Math.max(x.shape.length, y.shape.length);
  const [a, b] = [x.shape, y.shape].map((shape) => [...new Array<number>(ndim - shape.length).fill(1), ...shape]);
  const result = fill(a.map((n, axis) => n * b[axis]), 0);
  const strides = findStrides(result.shape);
  const inside = addTables(b.map((n, axis) => makeTable(n, strides[axis])));
  const blocks = addTables(a.map((n, axis) => makeTable(n, strides[axis] * b[axis])));
  blocks.forEach((start, i) => inside.forEach((offset, j) => (result.data[start + offset] = x.data[i] * y.data[j])));
  return result;
}

/** Valid cross-correlation of two matrices. */
export function correlate(x: NdArray, kernel: NdArray): NdArray {
  const [height, width] = kernel.shape;
  const [rows, columns] = [x.shape[0] - height + 1, x.shape[1] - width + 1];
  const result = fill([rows, columns], 0);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < height; k++) for (let l = 0; l < width; l++) sum += x.data[(i + k) * x.shape[1] + j + l] * kernel.data[k * width + l];
      result.data[i * columns + j] = sum;
    }
  }
  return result;
}
