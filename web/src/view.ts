/** The interface between the element, which owns the worker and the frames, and the views that draw them. */

import type { FigureSpec, VariantSpec, ViewSpec } from "./spec";

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A function to evaluate with the parameters of a frame. `args` replaces arrays by their names; others keep their values. */
export interface Request {
  id: string;
  function: string;
  args: Record<string, TypedArray>;
  /** For a function with `walk`: how many batches `args` hold. */
  batches?: number;
}

/** One state of the training, with everything that views draw. */
export interface Frame {
  step: number;
  steps: number;
  /** Whether the training has ended: a finished frame is drawn in full resolution. */
  finished: boolean;
  /** Values of all parameters at this step, by name. */
  values: Record<string, TypedArray>;
  /** Values of the controls, by id. */
  inputs: Record<string, number | string>;
  /** Recorded steps so far, and for each series its values at them. */
  curve: { steps: ArrayLike<number>; loss: ArrayLike<number>; evaluations: Record<string, ArrayLike<number>> };
  /** Outputs of the requests, by their ids. */
  results: Record<string, TypedArray[]>;
  /** First step whose loss is NaN or infinite; the frame then holds the last finite state. */
  diverged: number | null;
}

/** What a view may use of its figure. */
export interface Host {
  readonly spec: FigureSpec;
  variant(): VariantSpec;
  /** Current data points, after edits. */
  data(): { features: Float64Array; targets: ArrayLike<number>; count: number; dimensions: number } | null;
  /** Change the data points and train again; `record` adds the change to the undo history. */
  changeData(edit: DataEdit): void;
  /** Row of the data that views of one sample show, and setting it for all views. */
  readonly sample: number;
  selectSample(row: number): void;
  /** Present value of a control, which may be newer than that of the frame. */
  get(control: string): number | string;
  /** Set controls, as their user would. */
  set(values: Record<string, unknown>): void;
  /** Show the recorded step that is closest. */
  seek(step: number): void;
  /** Train from these initial values of arrays, until another variant is chosen or the controls are reset. */
  startFrom(values: Record<string, ArrayLike<number>>): void;
  /** Evaluate functions at the present frame, outside of the regular drawing. */
  evaluate(requests: Request[]): Promise<Record<string, TypedArray[]>>;
  /** Show the arithmetic of an element of an array, by its position in C order, if a view can. */
  inspect(array: string, at: number): void;
  /** Draw the present frame again, after `requests` changed: for example when a checkbox of the view was toggled. */
  refresh(): void;
  theme(): Theme;
  /** Say something to screen readers, once the figure is at rest. */
  announce(view: View, text: string): void;
}

export type DataEdit =
  | { kind: "move"; row: number; features: number[] }
  | { kind: "relabel"; row: number; target: number }
  | { kind: "add"; features: number[]; target: number }
  | { kind: "delete"; row: number }
  | { kind: "replace"; features: number[][]; targets: number[] };

export interface View {
  readonly element: HTMLElement;
  /** What the worker evaluates for a frame: little for a coarse frame while training runs, all for a finished one. */
  requests(finished: boolean): Request[];
  draw(frame: Frame): void;
  /** Called after the variant, the data, the size or the theme changed; `draw` follows. */
  reset(): void;
  /** The present content in words, computed from the numbers of the last frame. */
  describe(): string;
  /** Whether the view says why a training diverged, so that the figure need not. */
  readonly explainsDivergence?: boolean;
  /** Shows the arithmetic of an element of an array, and returns where; null if the view does not have it. */
  inspect?(array: string, at: number): HTMLElement | null;
}

export type ViewClass = new (host: Host, spec: ViewSpec, index: number) => View;

/** Colors by meaning, equal in all views. */
export interface Theme {
  dark: boolean;
  background: string;
  surface: string;
  ink: string;
  faint: string;
  accent: string;
  /** Fill colors of the classes; each class also has a marker shape. */
  classes: string[];
  /** Signed numbers such as weights: negative, zero, positive. */
  negative: string;
  zero: string;
  positive: string;
  /** Losses and other curves. */
  curves: string[];
}
