/** The data points of a figure, with an undo history. */

import { DTYPES, decodeArray, product } from "../arrays";
import type { ArraySpec, DataSpec } from "../spec";
import type { DataEdit, TypedArray } from "../view";

interface Row {
  features: number[];
  target: number;
  weight: number;
}

interface State {
  rows: Row[];
  classNames: string[] | null;
  featureNames: string[];
}

/** Moves of one point within this time are one entry of the undo history. */
const MERGE_MILLISECONDS = 1000;

export class EditError extends Error {}

export class Dataset {
  readonly capacity: number;
  readonly dimensions: number;
  private readonly original: State;
  private state: State;
  private collected: { state: State; features: Float64Array; targets: Float64Array } | null = null;
  private past: State[] = [];
  private future: State[] = [];
  private lastMove = { row: -1, time: 0 };

  constructor(
    readonly spec: DataSpec,
    arrays: Record<string, ArraySpec>,
  ) {
    const features = arrays[spec.features];
    this.dimensions = features.shape.at(-1)!;
    const values = decodeArray(features);
    this.capacity = values.length / this.dimensions;
    const targets = spec.targets === null ? null : readTargets(arrays[spec.targets], this.capacity);
    const weights = spec.weights === null ? null : decodeArray(arrays[spec.weights]);
    const rows = Array.from({ length: this.capacity }, (_, k) => ({
      features: Array.from(values.subarray(k * this.dimensions, (k + 1) * this.dimensions) as ArrayLike<number>, Number),
      target: targets ? targets[k] : 0,
      weight: weights ? Number(weights[k]) : 1,
    }));
    this.original = { rows: rows.filter((row) => row.weight !== 0), classNames: spec.class_names, featureNames: spec.feature_names };
    this.state = this.original;
  }

  get count(): number {
    return this.state.rows.length;
  }

  get classNames(): string[] | null {
    return this.state.classNames;
  }

  get featureNames(): string[] {
    return this.state.featureNames;
  }

  get edited(): boolean {
    return this.state !== this.original;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** Whether points can be added and deleted: only if a weight of 0 can mark absent ones. */
  get resizable(): boolean {
    return this.spec.weights !== null;
  }

  features(): Float64Array {
    return this.collect().features;
  }

  targets(): Float64Array {
    return this.collect().targets;
  }

  /** Arrays of the present state, made once. */
  private collect(): { state: State; features: Float64Array; targets: Float64Array } {
    const { state } = this;
    if (this.collected?.state !== state) {
      const features = Float64Array.from(state.rows.flatMap((row) => row.features));
      this.collected = { state, features, targets: Float64Array.from(state.rows, (row) => row.target) };
    }
    return this.collected;
  }

  edit(edit: DataEdit, names?: { classNames: string[] | null; featureNames: string[] }): void {
    if (!this.spec.editable) throw new EditError("The data of this figure cannot be changed.");
    const rows = applyEdit(this.state.rows, edit);
    this.checkCount(rows.length);
    this.remember(edit);
    this.state = { ...this.state, ...names, rows };
  }

  undo(): void {
    this.travel(this.past, this.future);
  }

  redo(): void {
    this.travel(this.future, this.past);
  }

  reset(): void {
    if (!this.edited) return;
    this.past.push(this.state);
    this.future = [];
    this.state = this.original;
  }

  /** Arrays for the engine; none if the data are those of the figure file. */
  toArrays(arrays: Record<string, ArraySpec>): Record<string, TypedArray> {
    if (!this.edited) return {};
    const { features, targets, weights } = this.spec;
    const result: Record<string, TypedArray> = {};
    const fill = (name: string, values: (row: Row) => number[]): void => {
      const width = product(arrays[name].shape.slice(1));
      const array = new DTYPES[arrays[name].dtype](this.capacity * width);
      const big = array instanceof BigInt64Array || array instanceof BigUint64Array;
      this.state.rows.forEach((row, k) => array.set(values(row).map((v) => (big ? BigInt(Math.round(v)) : v)) as never, k * width));
      result[name] = array;
    };
    fill(features, (row) => row.features);
    if (weights !== null) fill(weights, (row) => [row.weight]);
    if (targets !== null) {
      const classes = product(arrays[targets].shape.slice(1));
      fill(targets, (row) => (classes > 1 ? oneHot(row.target, classes) : [row.target]));
    }
    return result;
  }

  private checkCount(count: number): void {
    if (count === 0) throw new EditError("The figure needs at least one point.");
    if (!this.resizable && count !== this.count) {
      throw new EditError(`The number of points is fixed: this figure expects ${this.count} and received ${count}.`);
    }
    if (count > this.capacity) throw new EditError(`The figure has room for ${this.capacity} points and received ${count}.`);
  }

  private remember(edit: DataEdit): void {
    const now = performance.now();
    const merged = edit.kind === "move" && edit.row === this.lastMove.row && now - this.lastMove.time < MERGE_MILLISECONDS;
    this.lastMove = edit.kind === "move" ? { row: edit.row, time: now } : { row: -1, time: 0 };
    if (!merged || this.past.length === 0) this.past.push(this.state);
    this.future = [];
  }

  private travel(from: State[], to: State[]): void {
    const state = from.pop();
    if (!state) return;
    to.push(this.state);
    this.state = state;
    this.lastMove = { row: -1, time: 0 };
  }
}

function applyEdit(rows: Row[], edit: DataEdit): Row[] {
  if (edit.kind === "add") return [...rows, { features: edit.features, target: edit.target, weight: 1 }];
  if (edit.kind === "delete") return rows.filter((_, k) => k !== edit.row);
  if (edit.kind === "replace") return edit.features.map((features, k) => ({ features, target: edit.targets[k], weight: 1 }));
  const change = edit.kind === "move" ? { features: edit.features } : { target: edit.target };
  return rows.map((row, k) => (k === edit.row ? { ...row, ...change } : row));
}

/** Targets as numbers; one-hot rows become class numbers. */
function readTargets(spec: ArraySpec, count: number): number[] {
  const values = decodeArray(spec);
  const width = values.length / count;
  return Array.from({ length: count }, (_, k) => {
    const row = Array.from(values.subarray(k * width, (k + 1) * width) as ArrayLike<number>, Number);
    return width === 1 ? row[0] : row.indexOf(Math.max(...row));
  });
}

const oneHot = (target: number, classes: number): number[] => Array.from({ length: classes }, (_, k) => Number(k === target));
