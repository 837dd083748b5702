import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "../src/data/dataset";
import type { ArraySpec, DataSpec } from "../src/spec";

const encode = (array: ArrayBufferView): string => Buffer.from(array.buffer).toString("base64");

const arrays: Record<string, ArraySpec> = {
  X: { dtype: "float64", shape: [4, 2], role: "input", data: encode(Float64Array.of(1, 2, 3, 4, 5, 6, 0, 0)) },
  y: { dtype: "int64", shape: [4], role: "input", data: encode(BigInt64Array.of(0n, 1n, 1n, 0n)) },
  Y: { dtype: "float32", shape: [4, 3], role: "input", data: encode(Float32Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)) },
  w: { dtype: "float32", shape: [4], role: "input", data: encode(Float32Array.of(1, 1, 2, 0)) },
};

const spec: DataSpec = { features: "X", targets: "y", feature_names: ["a", "b"], class_names: ["no", "yes"], editable: true, weights: "w" };

test("rows with weight 0 are absent, and unchanged data send no arrays", () => {
  const data = new Dataset(spec, arrays);
  assert.equal(data.count, 3);
  assert.equal(data.capacity, 4);
  assert.deepEqual(Array.from(data.features()), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(data.toArrays(arrays), {});
});

test("edits, undo and redo", () => {
  const data = new Dataset(spec, arrays);
  data.edit({ kind: "add", features: [7, 8], target: 1 });
  data.edit({ kind: "relabel", row: 0, target: 1 });
  data.edit({ kind: "delete", row: 1 });
  const { X, y, w } = data.toArrays(arrays);
  assert.deepEqual(X, Float64Array.of(1, 2, 5, 6, 7, 8, 0, 0));
  assert.deepEqual(y, BigInt64Array.of(1n, 1n, 1n, 0n));
  assert.deepEqual(w, Float32Array.of(1, 2, 1, 0));
  data.undo();
  assert.equal(data.count, 4);
  data.undo();
  data.undo();
  assert.equal(data.edited, false);
  data.redo();
  assert.equal(data.count, 4);
  data.reset();
  assert.equal(data.edited, false);
  data.undo();
  assert.equal(data.count, 4);
});

test("moves of one point in a row are undone at once", () => {
  const data = new Dataset(spec, arrays);
  for (let k = 0; k < 5; k++) data.edit({ kind: "move", row: 2, features: [k, k] });
  data.edit({ kind: "move", row: 1, features: [9, 9] });
  data.undo();
  assert.deepEqual(Array.from(data.features()), [1, 2, 3, 4, 4, 4]);
  data.undo();
  assert.equal(data.edited, false);
});

test("one-hot targets", () => {
  const data = new Dataset({ ...spec, targets: "Y" }, arrays);
  assert.deepEqual(Array.from(data.targets()), [1, 2, 0]);
  data.edit({ kind: "relabel", row: 0, target: 2 });
  assert.deepEqual(data.toArrays(arrays).Y, Float32Array.of(0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0));
});

test("refused edits say why and change nothing", () => {
  const data = new Dataset(spec, arrays);
  data.edit({ kind: "add", features: [7, 8], target: 1 });
  assert.throws(() => data.edit({ kind: "add", features: [7, 8], target: 1 }), /room for 4 points and received 5/);
  assert.throws(() => data.edit({ kind: "replace", features: [], targets: [] }), /at least one point/);
  const fixed = new Dataset({ ...spec, weights: null }, arrays);
  assert.throws(() => fixed.edit({ kind: "delete", row: 0 }), /number of points is fixed: this figure expects 4 and received 3/);
  const closed = new Dataset({ ...spec, editable: false }, arrays);
  assert.throws(() => closed.edit({ kind: "delete", row: 0 }), /cannot be changed/);
  assert.equal(data.canUndo, true);
  assert.equal(fixed.canUndo, false);
});
