import assert from "node:assert/strict";
import { test } from "node:test";
import { recordedSteps, snapshotStride } from "../src/engine/schedule";

test("recorded steps include both ends and are dense at the start", () => {
  const steps = recordedSteps(20000);
  assert.deepEqual(steps.slice(0, 5), [0, 1, 2, 3, 4]);
  assert.deepEqual(steps.slice(-3), [19800, 19999, 20000]);
  assert.ok(steps.length > 150 && steps.length <= 203);
  for (let k = 1; k < steps.length; k++) assert.ok(steps[k] > steps[k - 1]);
});

test("short trainings record every step", () => {
  assert.deepEqual(recordedSteps(3), [0, 1, 2, 3]);
  assert.deepEqual(recordedSteps(1), [0, 1]);
  assert.deepEqual(recordedSteps(0), [0]);
  assert.equal(recordedSteps(150).length, 151);
});

test("snapshots are thinned to the memory budget", () => {
  assert.equal(snapshotStride(350, 1000), 1);
  assert.equal(snapshotStride(350, 100_000), 3);
});
