/** One training from its initial values to the end, in short pieces, with recorded steps. */

import type { Evaluation, TrainingSpec } from "../spec";
import type { TypedArray } from "../view";
import { recordedSteps, snapshotStride } from "./schedule";
import type { Overrides, Workspace } from "./workspace";

/** Largest number of steps per call: outputs of all of them are in memory. */
const MAX_COUNT = 65536;

/** Beyond so many milliseconds, evaluations take at most this part of a training; those of other recorded steps follow it. */
const EVALUATION_MILLISECONDS = 20;
const EVALUATION_SHARE = 0.25;

type Values = Record<string, TypedArray>;

export interface Snapshot {
  step: number;
  values: Values;
}

export interface TrainingOptions {
  /** Evaluations at a recorded step, computed in another workspace. */
  evaluate: (values: Values) => Record<string, number>;
  /** Arrays that are stored at recorded steps. */
  observed: string[];
  recordAll: boolean;
}

export class Training {
  readonly steps: number;
  step = 0;
  finished = false;
  diverged: number | null = null;
  readonly curve = { steps: [] as number[], loss: [] as number[], evaluations: {} as Record<string, number[]> };
  readonly snapshots: Snapshot[] = [];
  /** Losses of all steps, if they were asked for. */
  readonly losses: number[] | null;

  private readonly spec: TrainingSpec | null;
  private readonly schedule: number[];
  private readonly stride: number;
  private position = 0;
  private checkpoint: { step: number; state: Values } | null = null;
  private speed = 0.02;
  private readonly started = performance.now();
  private evaluationTime = 0;
  /** Indices of recorded steps whose evaluations are postponed, and the snapshots of these steps. */
  private postponed: { index: number; values: Values }[] = [];

  /** `workspace` holds the initial values. Without a training, the only step is 0. */
  constructor(
    private readonly workspace: Workspace,
    private readonly options: TrainingOptions,
  ) {
    this.spec = workspace.variant.training;
    this.steps = this.spec?.steps ?? 0;
    this.schedule = recordedSteps(this.steps);
    this.losses = options.recordAll ? [] : null;
    const values = this.values();
    const bytes = Object.values(values).reduce((sum, array) => sum + array.byteLength, 0);
    this.stride = snapshotStride(this.schedule.length, bytes);
    if (!this.spec) {
      this.finished = true;
      this.snapshots.push({ step: 0, values });
    }
  }

  values(): Values {
    return this.workspace.get(this.options.observed);
  }

  /** Trains for about so many milliseconds. */
  advance(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    while (!this.finished && performance.now() < end) {
      const next = this.schedule[this.position];
      if (this.step === next) this.record();
      else this.runTo(next, end - performance.now());
    }
  }

  /** The stored snapshot whose step is closest. */
  snapshotAt(step: number): Snapshot {
    return this.snapshots.reduce((a, b) => (Math.abs(b.step - step) < Math.abs(a.step - step) ? b : a));
  }

  private runTo(target: number, remaining: number): void {
    const start = performance.now();
    const count = Math.min(target - this.step, Math.max(1, Math.floor(this.speed * remaining)), MAX_COUNT);
    const losses = this.run(count, this.losses !== null);
    const elapsed = performance.now() - start;
    if (elapsed > 0.2) this.speed = count / elapsed;
    else this.speed *= 1.5;
    if (this.losses) this.append(losses);
  }

  private append(losses: number[]): void {
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    for (const loss of bad < 0 ? losses : losses.slice(0, bad + 1)) this.losses!.push(loss);
    if (bad >= 0) this.stopBefore(this.step - losses.length + bad);
  }

  private record(): void {
    const { step } = this;
    const { observed } = this.options;
    const state = this.workspace.get(new Set([...this.workspace.function(this.spec!.function).state, ...observed]));
    const values = Object.fromEntries(observed.map((name) => [name, state[name]]));
    const [loss] = this.run(1, true);
    if (step < this.steps) this.losses?.push(loss);
    if (!Number.isFinite(loss)) {
      this.checkpoint ??= { step, state };
      return this.stopBefore(step);
    }
    this.checkpoint = { step, state };
    const last = step === this.steps;
    this.store(step, values, loss, last || this.position % this.stride === 0, last);
    this.position++;
    if (last) {
      this.restore(this.checkpoint);
      this.finished = true;
    }
  }

  private store(step: number, values: Values, loss: number, snapshot: boolean, last: boolean): void {
    this.curve.steps.push(step);
    const index = this.curve.loss.push(loss) - 1;
    if (snapshot) this.snapshots.push({ step, values });
    const allowed = Math.max(EVALUATION_MILLISECONDS, EVALUATION_SHARE * (performance.now() - this.started));
    const late = this.evaluationTime > allowed;
    if (late && snapshot && !last) {
      for (const list of Object.values(this.curve.evaluations)) list.push(NaN);
      this.postponed.push({ index, values });
    } else this.evaluate(index, values);
  }

  private evaluate(index: number, values: Values): void {
    const start = performance.now();
    for (const [key, value] of Object.entries(this.options.evaluate(values))) (this.curve.evaluations[key] ??= [])[index] = value;
    this.evaluationTime += performance.now() - start;
  }

  get complete(): boolean {
    return this.finished && this.postponed.length === 0;
  }

  /** After the training, evaluates postponed steps for about so many milliseconds. */
  evaluatePostponed(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    while (this.postponed.length && performance.now() < end) {
      const { index, values } = this.postponed.pop()!;
      this.evaluate(index, values);
    }
  }

  /** Runs again from the last recorded step to find the first loss that is not finite, and ends in the state before it. */
  private stopBefore(seen: number): void {
    this.finished = true;
    const from = this.checkpoint!;
    this.restore(from);
    const losses = this.run(seen - from.step + 1, true);
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    this.diverged = bad < 0 ? seen : from.step + bad;
    this.restore(from);
    const steps = Math.max(this.diverged - 1 - from.step, 0);
    if (steps > 0) this.run(steps, true);
    if (steps > 0) this.store(this.step, this.values(), losses[steps], true, true);
    else if (this.snapshots.at(-1)?.step !== this.step) this.snapshots.push({ step: this.step, values: this.values() });
  }

  private restore({ step, state }: { step: number; state: Values }): void {
    for (const [name, values] of Object.entries(state)) this.workspace.set(name, values);
    this.step = step;
  }

  /** Runs steps and returns their losses, or none with `quiet`, the faster function without outputs. */
  private run(count: number, loud: boolean): number[] {
    const { function: name, quiet, batches, loss } = this.spec!;
    const f = this.workspace.function(loud ? name : (quiet ?? name));
    const parts = f.walk ? (batches ?? 1) : 1;
    const losses: number[] = [];
    for (const end = this.step + count; this.step < end; ) {
      const first = f.walk ? this.step % parts : this.step;
      const part = Math.min(end - this.step, f.walk ? parts - first : MAX_COUNT, MAX_COUNT);
      const outputs = this.workspace.run(f, part, { first, parts });
      if (loud) for (const value of outputs[loss]) losses.push(Number(value));
      this.step += part;
    }
    return losses;
  }
}

/** Values of evaluations, such as the loss on held-out data, with given parameters. */
export function evaluateAll(workspace: Workspace, evaluations: Record<string, Evaluation>, values: Values): Record<string, number> {
  for (const [name, array] of Object.entries(values)) workspace.set(name, array);
  return Object.fromEntries(
    Object.entries(evaluations).map(([key, { function: name, args, output }]) => {
      const f = workspace.function(name);
      const overrides: Overrides = new Map(Object.entries(args).map(([from, to]) => [from, workspace.array(to)]));
      return [key, Number(workspace.run(f, 1, { overrides })[output][0])];
    }),
  );
}
