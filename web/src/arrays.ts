/** Typed arrays of the figure file: dtypes, decoding, conversion. */

import type { ArraySpec, Dtype } from "./spec";
import type { TypedArray } from "./view";

type Constructor = {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, offset?: number, length?: number): TypedArray;
  BYTES_PER_ELEMENT: number;
};

export const DTYPES = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
} as unknown as Record<Dtype, Constructor>;

export const product = (shape: ArrayLike<number>): number => Array.from(shape).reduce((a, b) => a * b, 1);

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = binary.charCodeAt(k);
  return bytes;
}

/** Values of an array in the figure file: at least `product(shape)` elements, more if a training walks over batches. */
export function decodeArray(spec: ArraySpec): TypedArray {
  const array = DTYPES[spec.dtype];
  return spec.data === undefined ? new array(product(spec.shape)) : new array(decodeBase64(spec.data).buffer);
}

/** Numbers converted to a dtype: values are truncated for integers, as in NumPy. */
export function toDtype(values: ArrayLike<number | bigint>, dtype: Dtype): TypedArray {
  const result = new DTYPES[dtype](values.length);
  const big = dtype === "int64" || dtype === "uint64";
  for (let k = 0; k < values.length; k++) {
    (result as { [k: number]: number | bigint })[k] = big ? BigInt(Math.trunc(Number(values[k]))) : Number(values[k]);
  }
  return result;
}

export const toNumbers = (values: ArrayLike<number | bigint>): number[] => Array.from(values as ArrayLike<number>, Number);
