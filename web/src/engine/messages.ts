/** Messages between the element and the engine. */

import type { Evaluation, VariantSpec } from "../spec";
import type { Request, TypedArray } from "../view";

/** A frame without what the element adds. */
export interface EngineFrame {
  /** Id of the `Show` message that this frame answers. */
  show: number;
  step: number;
  steps: number;
  finished: boolean;
  /** Whether the training has ended; a frame of a finished training may be coarse while the scrubber moves. */
  trained: boolean;
  values: Record<string, TypedArray>;
  curve: { steps: Float64Array; loss: Float64Array; evaluations: Record<string, Float64Array> };
  results: Record<string, TypedArray[]>;
  diverged: number | null;
  /** Steps that the scrubber can show. */
  snapshots: Float64Array;
}

/** What views need for coarse and for finished frames. With null, no coarse frames are sent. */
export interface Requests<R = Request> {
  coarse: R[] | null;
  finished: R[];
}

/** A request, or the id of an equal one that was sent before in the same list. */
export type SentRequest = Request | string;

export interface Show {
  /** Echoed in the frames that show it. */
  id: number;
  step: number | null;
  finished: boolean;
}

export interface TrainMessage {
  type: "train";
  generation: number;
  /** Index of the variant; an earlier message has defined it. */
  variant: number;
  /** Values of arrays that differ from the figure file: inputs of controls and changed data. */
  arrays: Record<string, TypedArray>;
  /** Null: the initial values are those of the figure file. */
  seed: number | null;
  recordAll: boolean;
  evaluations: Record<string, Evaluation>;
  requests: Requests<SentRequest>;
  show: Show;
}

export type ToEngine =
  | { type: "variant"; index: number; variant: VariantSpec; modules: WebAssembly.Module[] }
  | TrainMessage
  | { type: "requests"; requests: Requests<SentRequest> }
  /** Show a step, or the newest one, and with `finished` in full resolution. */
  | { type: "show"; show: Show }
  /** The last frame was drawn: the next one may come. */
  | { type: "drawn" }
  | { type: "evaluate"; id: number; requests: Request[] };

export type FromEngine =
  | { type: "ready" }
  | { type: "frame"; generation: number; frame: EngineFrame }
  | {
      type: "trained";
      generation: number;
      milliseconds: number;
      /** Losses of all steps, or null if they were not asked for. */
      losses: Float64Array | null;
    }
  | { type: "evaluated"; id: number; results: Record<string, TypedArray[]> | null; error: string | null }
  | { type: "error"; generation: number; message: string };
