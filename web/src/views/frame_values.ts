/** Values of arrays in a frame. */

import { decodeArray } from "../arrays";
import type { ArraySpec } from "../spec";
import type { Frame, Host, TypedArray } from "../view";

const decoded = new WeakMap<ArraySpec, TypedArray>();

/** Values of an array in a frame, or in the figure file if training does not change it. */
export function readArray(host: Host, frame: Frame | null, name: string): TypedArray {
  const spec = host.variant().arrays[name];
  if (!spec) throw new Error(`The figure file has no array ${name}.`);
  const present = frame?.values[name];
  if (present) return present;
  if (!decoded.has(spec)) decoded.set(spec, decodeArray(spec));
  return decoded.get(spec)!;
}

/** Indices of an element in brackets, as in Python. */
export function formatIndex(offset: number, shape: number[]): string {
  const indices: number[] = [];
  for (const size of shape.toReversed()) {
    indices.unshift(offset % size);
    offset = Math.floor(offset / size);
  }
  return indices.length ? `[${indices.join(", ")}]` : "";
}
