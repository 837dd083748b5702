/** Evaluates the requests of views with the parameters of a frame. */

import type { Request, TypedArray } from "../view";
import type { Overrides, Workspace } from "./workspace";

type Values = Record<string, TypedArray>;

export class Evaluator {
  /** Arguments of requests stay in WebAssembly memory until other requests come, because they are equal for many frames. */
  private stored = new Map<Request, Overrides>();

  constructor(readonly workspace: Workspace) {}

  evaluate(values: Values, requests: Request[]): Record<string, TypedArray[]> {
    for (const [name, array] of Object.entries(values)) this.workspace.set(name, array);
    return Object.fromEntries(requests.map((request) => [request.id, this.run(request)]));
  }

  forget(kept: Request[] = []): void {
    for (const [request, overrides] of this.stored) {
      if (kept.includes(request)) continue;
      for (const array of overrides.values()) array.free();
      this.stored.delete(request);
    }
  }

  private run(request: Request): TypedArray[] {
    const f = this.workspace.function(request.function);
    let overrides = this.stored.get(request);
    if (!overrides) {
      overrides = new Map(Object.entries(request.args).map(([name, values]) => [name, this.workspace.override(name, values)]));
      this.stored.set(request, overrides);
    }
    const batches = f.walk ? (request.batches ?? 1) : 1;
    return this.workspace.run(f, batches, { parts: batches, overrides });
  }
}
