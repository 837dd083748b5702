import assert from "node:assert/strict";
import { test } from "node:test";
import { Training } from "../src/engine/training";
import type { Workspace } from "../src/engine/workspace";
import type { TypedArray } from "../src/view";

/** A workspace whose step is w = factor * w with the loss w^2 + batch number; it counts steps by batch. */
function makeWorkspace(steps: number, { factor = 0.9, batches = null as number | null, start = 1 } = {}) {
  const arrays: Record<string, TypedArray> = { w: Float64Array.of(start) };
  const calls: [number, number][] = [];
  const f = (outputs: number) => ({ state: ["w"], read: [], args: [], walk: batches !== null, outputs: Array(outputs).fill({}) });
  const functions: Record<string, unknown> = { loud: f(1), quiet: f(0) };
  const workspace = {
    variant: { training: { function: "loud", quiet: "quiet", steps, batches, loss: 0 }, functions },
    function: (name: string) => functions[name],
    get: (names: Iterable<string>) => Object.fromEntries(Array.from(names, (name) => [name, arrays[name].slice()])),
    set: (name: string, values: TypedArray) => (arrays[name] = values.slice()),
    run({ outputs, walk }: { outputs: unknown[]; walk: boolean }, count: number, { first }: { first: number }) {
      calls.push([first, count]);
      const losses: number[] = [];
      for (let k = 0; k < count; k++) {
        losses.push(Number(arrays.w[0]) ** 2 + (walk ? first + k : 0));
        arrays.w = Float64Array.of(factor * Number(arrays.w[0]));
      }
      return outputs.map(() => Float64Array.from(losses));
    },
  };
  return { workspace: workspace as unknown as Workspace, calls };
}

function train(workspace: Workspace, recordAll = false): Training {
  const training = new Training(workspace, { evaluate: ({ w }) => ({ double: 2 * Number(w[0]) }), observed: ["w"], recordAll });
  for (let k = 0; k < 100_000 && !training.finished; k++) training.advance(0.5);
  return training;
}

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-12 * Math.abs(b), `${a} != ${b}`);

test("recorded losses, evaluations and snapshots belong to the same parameters", () => {
  const training = train(makeWorkspace(1000).workspace);
  const { steps, loss, evaluations } = training.curve;
  assert.equal(steps[0], 0);
  assert.equal(steps.at(-1), 1000);
  assert.equal(training.snapshots.length, steps.length);
  steps.forEach((step, k) => {
    close(loss[k], 0.9 ** (2 * step));
    close(evaluations.double[k], 2 * 0.9 ** step);
    close(Number(training.snapshots[k].values.w[0]), 0.9 ** step);
  });
  close(Number(training.values().w[0]), 0.9 ** 1000);
  assert.equal(training.snapshotAt(7.4).step, 7);
});

test("all losses are those of the steps, without that of the final parameters", () => {
  const training = train(makeWorkspace(300).workspace, true);
  assert.equal(training.losses!.length, 300);
  training.losses!.forEach((loss, step) => close(loss, 0.9 ** (2 * step)));
});

test("batches begin again after the last one", () => {
  const { workspace, calls } = makeWorkspace(1000, { batches: 7, factor: 1 });
  const training = train(workspace, true);
  assert.deepEqual(training.losses!.slice(0, 9), [1, 2, 3, 4, 5, 6, 7, 1, 2]);
  assert.equal(training.losses!.length, 1000);
  for (const [first, count] of calls) assert.ok(first + count <= 7);
});

for (const recordAll of [false, true]) {
  test(`divergence is found at its exact step, recording ${recordAll ? "all" : "some"} losses`, () => {
    // w^2 overflows when 10^k > 1e154
    const training = train(makeWorkspace(20_000, { factor: 10 ** 0.5 }).workspace, recordAll);
    assert.equal(training.diverged, 309);
    assert.equal(training.step, 308);
    close(Number(training.values().w[0]) / 1e154, 1);
    assert.equal(training.curve.steps.at(-1), 308);
    assert.ok(training.curve.loss.every(Number.isFinite));
    assert.equal(training.snapshots.at(-1)!.step, 308);
    if (recordAll) assert.deepEqual([training.losses!.length, training.losses!.at(-1)], [310, Infinity]);
  });
}

test("a loss that is NaN from the start keeps the initial values", () => {
  const training = train(makeWorkspace(100, { start: NaN }).workspace);
  assert.equal(training.diverged, 0);
  assert.deepEqual(training.curve.steps, []);
  assert.deepEqual(training.snapshots.map(({ step }) => step), [0]);
});

test("without a training, the only step is 0", () => {
  const { workspace } = makeWorkspace(1);
  workspace.variant.training = null;
  const training = train(workspace);
  assert.deepEqual([training.steps, training.finished, training.snapshots.length], [0, true, 1]);
});

test("slow evaluations are postponed until the training has ended, but that of the last step", () => {
  const wait = () => {
    for (const end = performance.now() + 1; performance.now() < end; );
  };
  const evaluate = ({ w }: Record<string, TypedArray>) => (wait(), { double: 2 * Number(w[0]) });
  const training = new Training(makeWorkspace(1000).workspace, { evaluate, observed: ["w"], recordAll: false });
  const start = performance.now();
  while (!training.finished) training.advance(2);
  const elapsed = performance.now() - start;
  const { steps, evaluations } = training.curve;
  assert.ok(elapsed < steps.length / 2, `${elapsed} ms for ${steps.length} recorded steps`);
  assert.equal(training.complete, false);
  assert.equal(evaluations.double.length, steps.length);
  assert.ok(evaluations.double.some(Number.isNaN));
  close(evaluations.double.at(-1)!, 2 * 0.9 ** 1000);
  while (!training.complete) training.evaluatePostponed(20);
  steps.forEach((step, k) => close(evaluations.double[k], 2 * 0.9 ** step));
});
