/** Evaluates the requests of views with the parameters of a frame. */

import type { Request, TypedArray } from "../view";
import type { Overrides, Workspace } from "./workspace";

type Values = Record<string, TypedArray>;

export class Evaluator {
  /** Arguments of requests stay in WebAssembly memory until other requests come, because they are equal for many frames. */
  private readonly stored = new Map<Request, Overrides>();
  /** Results of functions of arrays that rarely change, such as data. */
  private readonly remembered = new Map<string, { versions: number[]; results: TypedArray[] }>();

  constructor(readonly workspace: Workspace) {}

  evaluate(values: Values, requests: Request[]): Record<string, TypedArray[]> {
    for (const [name, array] of Object.entries(values)) this.workspace.set(name, array);
    return Object.fromEntries(requests.map((request) => [request.id, this.run(request)]));
  }

  /** Frees the arguments of all requests but some. */
  forget(kept: Request[] = []): void {
    for (const [request, overrides] of this.stored) {
      if (kept.includes(request)) continue;
      for (const array of overrides.values()) array.free();
      this.stored.delete(request);
    }
  }

  private run(request: Request): TypedArray[] {
    return Object.keys(request.args).length ? this.runWithArguments(request) : this.runOnce(request.function);
  }

  private runOnce(name: string): TypedArray[] {
    const f = this.workspace.function(name);
    const versions = this.workspace.versions(f);
    const found = this.remembered.get(name);
    if (found?.versions.every((version, k) => version === versions[k])) return found.results;
    const results = this.workspace.run(f, 1);
    this.remembered.set(name, { versions, results });
    return results;
  }

  private runWithArguments(request: Request): TypedArray[] {
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
