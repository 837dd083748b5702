/** The engine of a figure: answers the messages of the element, in a worker or on the main thread. */

import type { VariantSpec } from "../spec";
import type { Request, TypedArray } from "../view";
import { Evaluator } from "./evaluator";
import type { EngineFrame, FromEngine, Requests, SentRequest, Show, ToEngine, TrainMessage } from "./messages";
import { Training, evaluateAll } from "./training";
import { Workspace } from "./workspace";

/** Pieces of training, between which messages are read. */
const CHUNK_MILLISECONDS = 8;
/** Coarse frames take at most this part of the time, and are at least so far apart: the browser draws on the same processor. */
const COARSE_SHARE = 0.12;
const COARSE_MILLISECONDS = 40;
/** Variants whose memory is kept. Browsers limit the address space that WebAssembly memories of a page reserve. */
const MAX_LOADED = 12;

/** What one variant needs: training and evaluation have separate arrays, so that neither disturbs the other. */
interface Loaded {
  workspace: Workspace;
  evaluator: Evaluator;
}

export class Engine {
  private readonly variants = new Map<number, { variant: VariantSpec; modules: WebAssembly.Module[] }>();
  private readonly kept = new Map<number, Loaded>();
  private loaded: Loaded | null = null;
  private training: Training | null = null;
  private generation = 0;
  private started = 0;
  private requests: Requests = { coarse: null, finished: [] };
  private shown: Show = { id: 0, step: null, finished: true };
  private awaitingDraw = false;
  private coarseAllowedAt = 0;
  private reported = true;
  private scheduled = false;
  private readonly ticks = new MessageChannel();

  constructor(private readonly send: (message: FromEngine) => void) {
    this.ticks.port1.onmessage = () => {
      this.scheduled = false;
      this.guard(() => this.tick());
    };
  }

  receive(message: ToEngine): void {
    this.guard(() => {
      if (message.type === "variant") this.variants.set(message.index, message);
      else if (message.type === "train") this.train(message);
      else if (message.type === "requests") this.setRequests(message.requests);
      else if (message.type === "show") this.show(message.show);
      else if (message.type === "drawn") this.awaitingDraw = false;
      else this.answer(message.id, message.requests);
    });
  }

  /** Errors end the training and discard its memory, which a trap may have left inconsistent. */
  private guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.training = null;
      this.loaded = null;
      this.kept.clear();
      this.send({ type: "error", generation: this.generation, message: explain(error) });
    }
  }

  private train(message: TrainMessage): void {
    this.generation = message.generation;
    this.training = null;
    const { workspace, evaluator } = this.load(message.variant);
    for (const space of [workspace, evaluator.workspace]) space.restart(message.arrays);
    this.setRequests(message.requests);
    this.shown = message.show;
    if (message.seed !== null) drawInitialValues(workspace, message.seed);
    this.started = performance.now();
    this.training = new Training(workspace, {
      evaluate: (values) => evaluateAll(evaluator.workspace, message.evaluations, values),
      observed: observedArrays(workspace.variant),
      recordAll: message.recordAll,
    });
    this.awaitingDraw = false;
    this.coarseAllowedAt = 0;
    this.reported = false;
    this.schedule();
  }

  /** A message to itself, unlike a timeout, comes back at once, after messages that are waiting. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.ticks.port2.postMessage(null);
  }

  private load(index: number): Loaded {
    const { variant, modules } = this.variants.get(index)!;
    const create = (): Workspace => new Workspace(variant, modules);
    const loaded = this.kept.get(index) ?? { workspace: create(), evaluator: new Evaluator(create()) };
    if (loaded !== this.loaded) this.loaded?.evaluator.forget();
    this.loaded = loaded;
    this.kept.delete(index);
    this.kept.set(index, loaded);
    if (this.kept.size > MAX_LOADED) this.kept.delete(this.kept.keys().next().value!);
    return loaded;
  }

  private tick(): void {
    const { training } = this;
    if (!training) return;
    if (this.reported) return this.complete(training);
    training.advance(CHUNK_MILLISECONDS);
    if (training.finished) {
      this.reported = true;
      const losses = training.losses && Float64Array.from(training.losses);
      this.send({ type: "trained", generation: this.generation, milliseconds: performance.now() - this.started, losses });
      this.sendFrame(this.shown.finished);
    } else if (this.requests.coarse && !this.awaitingDraw && performance.now() >= this.coarseAllowedAt) this.sendFrame(false);
    if (!training.complete) this.schedule();
  }

  private complete(training: Training): void {
    if (training.complete) return;
    training.evaluatePostponed(CHUNK_MILLISECONDS);
    if (training.complete) this.sendFrame(this.shown.finished);
    else this.schedule();
  }

  private show(show: Show): void {
    this.shown = show;
    if (this.reported && this.training) this.sendFrame(show.finished);
  }

  private setRequests({ coarse, finished }: Requests<SentRequest>): void {
    const complete = (list: SentRequest[], old: Request[]): Request[] =>
      list.map((sent) => (typeof sent === "string" ? old.find(({ id }) => id === sent)! : sent));
    this.requests = { coarse: coarse && complete(coarse, this.requests.coarse ?? []), finished: complete(finished, this.requests.finished) };
    this.forgetRequests();
  }

  private forgetRequests(): void {
    this.loaded?.evaluator.forget([...(this.requests.coarse ?? []), ...this.requests.finished]);
  }

  private sendFrame(finished: boolean): void {
    const start = performance.now();
    const training = this.training!;
    const { step, values } = this.present(training);
    const results = this.loaded!.evaluator.evaluate(values, (!finished && this.requests.coarse) || this.requests.finished);
    const { curve } = training;
    const frame: EngineFrame = {
      show: this.shown.id,
      step,
      steps: training.steps,
      finished,
      trained: training.finished,
      values,
      curve: {
        steps: Float64Array.from(curve.steps),
        loss: Float64Array.from(curve.loss),
        evaluations: Object.fromEntries(Object.entries(curve.evaluations).map(([key, list]) => [key, Float64Array.from(list)])),
      },
      results,
      diverged: training.diverged,
      snapshots: Float64Array.from(training.snapshots, (snapshot) => snapshot.step),
    };
    this.send({ type: "frame", generation: this.generation, frame });
    this.awaitingDraw = true;
    this.coarseAllowedAt = performance.now() + Math.max((performance.now() - start) / COARSE_SHARE, COARSE_MILLISECONDS);
  }

  private present(training: Training): { step: number; values: Record<string, TypedArray> } {
    const { step } = this.shown;
    if (step !== null && training.snapshots.length) return training.snapshotAt(step);
    return { step: training.step, values: training.values() };
  }

  private answer(id: number, requests: Request[]): void {
    try {
      if (!this.training || !this.loaded) throw new Error("The figure has no training yet.");
      const results = this.loaded.evaluator.evaluate(this.present(this.training).values, requests);
      this.forgetRequests();
      this.send({ type: "evaluated", id, results, error: null });
    } catch (error) {
      this.send({ type: "evaluated", id, results: null, error: explain(error) });
    }
  }
}

/** Arrays that are stored for every recorded step: parameters, and what any function but the training reads of its state. */
function observedArrays(variant: VariantSpec): string[] {
  const { training } = variant;
  const parameters = Object.keys(variant.arrays).filter((name) => variant.arrays[name].role === "parameter");
  if (!training) return parameters;
  const readers = Object.entries(variant.functions).filter(([name]) => name !== training.function && name !== training.quiet);
  const read = new Set(readers.flatMap(([, f]) => [...f.state, ...f.read, ...f.args]));
  const state = variant.functions[training.function].state.filter((name) => read.has(name));
  return Array.from(new Set([...parameters, ...state]));
}

function drawInitialValues(workspace: Workspace, seed: number): void {
  const initialize = workspace.variant.training?.initialize;
  if (!initialize) throw new Error("The figure has a seed, but no function that draws initial values.");
  const f = workspace.function(initialize.function);
  workspace.set(initialize.argument, Uint32Array.of(0, seed, 0));
  workspace.run(f, 1).forEach((values, k) => workspace.set(f.outputs[k].name, values));
}

const explain = (error: unknown): string => (error instanceof Error ? error.message : String(error));
