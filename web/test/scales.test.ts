import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNumber, formatPercent, plural } from "../src/numbers";
import { makeScale, makeTicks } from "../src/scales";

test("scales map values to positions and back", () => {
  const log = makeScale("log", 0.001, 0.1, 0, 100);
  assert.ok(Math.abs(log.toPosition(0.01) - 50) < 1e-9);
  assert.ok(Math.abs(log.toValue(25) - 0.001 * 10 ** 0.5) < 1e-12);
  const down = makeScale("linear", 0, 2, 300, 0);
  assert.equal(down.toPosition(0.5), 225);
  assert.equal(down.toValue(150), 1);
  assert.equal(makeScale("linear", 3, 3, 0, 10).toPosition(3), 0);
});

test("ticks are round and inside", () => {
  assert.deepEqual(makeTicks("linear", 0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(makeTicks("linear", -1.3, 2.2, 4), [-1, 0, 1, 2]);
  assert.deepEqual(makeTicks("log", 0.001, 1, 5), [0.001, 0.01, 0.1, 1]);
  assert.deepEqual(makeTicks("log", 0.03, 1.2, 5), [0.05, 0.1, 0.2, 0.5, 1]);
  assert.deepEqual(makeTicks("linear", 2, 2, 5), [2]);
});

test("numbers as text", () => {
  const cases: [number, string][] = [[20000, "20,000"], [0.0689471, "0.06895"], [-0.5, "−0.5"], [1.2345e-7, "1.23e-7"], [1e12, "1e12"], [NaN, "NaN"], [-Infinity, "−∞"], [0, "0"]];
  for (const [value, text] of cases) assert.equal(formatNumber(value), text);
  assert.equal(formatPercent(0.975), "97.5 %");
  assert.equal(plural(1, "point"), "1 point");
  assert.equal(plural(1200, "class", "classes"), "1,200 classes");
});
