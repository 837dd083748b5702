import assert from "node:assert/strict";
import { test } from "node:test";
import { traceContour } from "../src/contour";

function trace(values: number[][], level = 0): number[][] {
  const segments: number[][] = [];
  traceContour(values.flat(), values[0].length, values.length, level, (...ends) => segments.push(ends));
  return segments;
}

test("a line is found where values interpolate to the level", () => {
  assert.deepEqual(trace([[-1, 3], [-1, 3]]), [[0.25, 0, 0.25, 1]]);
  assert.deepEqual(trace([[-1, -1], [1, 1]]), [[0, 0.5, 1, 0.5]]);
  assert.deepEqual(trace([[1, 1], [1, 1]]), []);
});

test("all sixteen cases end on edges that change sign", () => {
  for (let corners = 0; corners < 16; corners++) {
    const [a, b, c, d] = [1, 2, 4, 8].map((bit) => (corners & bit ? 1 : -1.5));
    for (const [x0, y0, x1, y1] of trace([[a, b], [d, c]])) {
      for (const [x, y] of [[x0, y0], [x1, y1]]) {
        const value = a * (1 - x) * (1 - y) + b * x * (1 - y) + c * x * y + d * (1 - x) * y;
        assert.ok(Math.abs(value) < 1e-12, `case ${corners}: ${value} at ${x}, ${y}`);
      }
    }
  }
});

test("a circle is closed and near its radius", () => {
  const n = 41;
  const grid = Array.from({ length: n }, (_, j) => Array.from({ length: n }, (_, i) => Math.hypot(i - 20, j - 20)));
  const ends = new Map<string, number>();
  for (const [x0, y0, x1, y1] of trace(grid, 12)) {
    for (const [x, y] of [[x0, y0], [x1, y1]]) {
      assert.ok(Math.abs(Math.hypot(x - 20, y - 20) - 12) < 0.02);
      const key = `${x.toFixed(6)},${y.toFixed(6)}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
    }
  }
  assert.ok(ends.size > 50);
  for (const [key, count] of ends) assert.equal(count % 2, 0, key);
});

test("a saddle is cut as its mean tells", () => {
  assert.deepEqual(trace([[3, -1], [-1, 3]]).length, 2);
  const [first] = trace([[3, -1], [-1, 3]]);
  assert.deepEqual(first, [0.75, 0, 1, 0.25]);
  assert.deepEqual(trace([[1, -3], [-3, 1]])[0], [0, 0.25, 0.25, 0]);
});
