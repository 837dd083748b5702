/** Trainings of a figure as promises: compiles modules when they are needed, and drops what a newer training replaces. */

import { compileModule } from "./modules";
import { EngineClient } from "./engine_client";
import type { EngineFrame, FromEngine, Requests, SentRequest, TrainMessage } from "./engine/messages";
import type { FigureSpec } from "./spec";
import type { Request, TypedArray } from "./view";

export interface TrainingResult {
  frame: EngineFrame;
  milliseconds: number;
  losses: Float64Array | null;
}

export type TrainOptions = Omit<TrainMessage, "type" | "generation" | "show" | "requests"> & { requests: Requests };

interface Pending<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export class EngineSession {
  private readonly client: EngineClient;
  private readonly modules = new Map<number, Promise<WebAssembly.Module>>();
  private readonly prepared = new Map<number, Promise<void>>();
  private readonly sent = new Set<number>();
  private generation = 0;
  private variant = -1;
  /** A training that waits for its modules. */
  private preparing: TrainOptions | null = null;
  /** The requests that the engine has. */
  private known: Requests = { coarse: null, finished: [] };
  private training: Pending<TrainingResult> | null = null;
  private trained: { milliseconds: number; losses: Float64Array | null } = { milliseconds: 0, losses: null };
  private evaluations = new Map<number, Pending<Record<string, TypedArray[]>>>();
  private ids = 0;

  constructor(
    private readonly spec: FigureSpec,
    private readonly show: (frame: EngineFrame) => void,
    private readonly fail: (message: string) => void,
  ) {
    this.client = new EngineClient((message) => this.receive(message), fail);
  }

  close(): void {
    this.client.close();
  }

  /** Trains from the initial values. A newer call rejects the promise with an AbortError. */
  train(options: TrainOptions): Promise<TrainingResult> {
    this.generation++;
    this.training?.reject(new DOMException("A newer training replaced this one.", "AbortError"));
    const result = new Promise<TrainingResult>((resolve, reject) => (this.training = { resolve, reject }));
    this.preparing = options;
    if (this.sent.has(options.variant)) this.send(options);
    else {
      this.prepare(options.variant).then(
        () => this.preparing === options && this.send(options),
        (error: Error) => this.preparing === options && this.stop(error.message),
      );
    }
    return result;
  }

  private send(options: TrainOptions): void {
    if (options.variant !== this.variant) this.known = { coarse: null, finished: [] };
    this.variant = options.variant;
    this.preparing = null;
    const show = { id: ++this.ids, step: null, finished: true };
    const requests = this.abridge(options.requests);
    this.client.post({ type: "train", generation: this.generation, show, ...options, requests });
  }

  /** Compiles the modules of a variant and hands them to the engine, once. */
  private prepare(index: number): Promise<void> {
    let promise = this.prepared.get(index);
    if (!promise) this.prepared.set(index, (promise = this.compileVariant(index)));
    return promise;
  }

  setRequests(requests: Requests): void {
    if (this.preparing) this.preparing.requests = requests;
    else this.client.post({ type: "requests", requests: this.abridge(requests) });
  }

  /** Replaces requests that the engine knows by their ids: those of a field have thousands of points. */
  private abridge(requests: Requests): Requests<SentRequest> {
    const { known } = this;
    this.known = requests;
    const shorten = (list: Request[], old: Request[]): SentRequest[] => list.map((request) => (old.includes(request) ? request.id : request));
    return { coarse: requests.coarse && shorten(requests.coarse, known.coarse ?? []), finished: shorten(requests.finished, known.finished) };
  }

  /** Asks for a frame of a recorded step, or of the newest one. The frame has the id that is returned. */
  requestFrame(step: number | null, finished: boolean): number {
    const id = ++this.ids;
    // A training that is being prepared will send its frames.
    if (!this.preparing) this.client.post({ type: "show", show: { id, step, finished } });
    return id;
  }

  confirmDrawn(): void {
    this.client.post({ type: "drawn" });
  }

  evaluate(requests: Request[]): Promise<Record<string, TypedArray[]>> {
    const id = ++this.ids;
    this.client.post({ type: "evaluate", id, requests });
    return new Promise((resolve, reject) => this.evaluations.set(id, { resolve, reject }));
  }

  /** Compiles the modules of all variants while the page has nothing else to do. */
  async compileRest(): Promise<void> {
    for (let k = 0; k < this.spec.modules.length; k++) {
      await new Promise<unknown>((idle) => ("requestIdleCallback" in window ? requestIdleCallback(idle) : setTimeout(idle, 50)));
      await this.compile(k);
    }
  }

  private async compileVariant(index: number): Promise<void> {
    const variant = this.spec.variants[index];
    const used = new Set(Object.values(variant.functions).map((f) => f.module));
    const modules: WebAssembly.Module[] = [];
    await Promise.all(Array.from(used, async (k) => (modules[k] = await this.compile(k))));
    this.client.post({ type: "variant", index, variant, modules });
    this.sent.add(index);
  }

  private compile(index: number): Promise<WebAssembly.Module> {
    let promise = this.modules.get(index);
    if (!promise) this.modules.set(index, (promise = compileModule(this.spec.modules[index])));
    return promise;
  }

  private receive(message: FromEngine): void {
    if (message.type === "evaluated") return this.settleEvaluation(message);
    if (message.type === "ready" || message.generation !== this.generation) {
      if (message.type === "frame") this.confirmDrawn();
    } else if (message.type === "trained") this.trained = message;
    else if (message.type === "error") this.stop(message.message);
    else {
      this.show(message.frame);
      if (message.frame.trained) {
        this.training?.resolve({ ...this.trained, frame: message.frame });
        this.training = null;
      }
    }
  }

  private settleEvaluation({ id, results, error }: Extract<FromEngine, { type: "evaluated" }>): void {
    const pending = this.evaluations.get(id);
    this.evaluations.delete(id);
    if (results) pending?.resolve(results);
    else pending?.reject(new Error(error ?? ""));
  }

  private stop(message: string): void {
    this.preparing = null;
    this.training?.reject(new Error(message));
    this.training = null;
    this.fail(message);
  }
}
