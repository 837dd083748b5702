/** The connection to the engine: a worker, or the main thread where Blob workers are forbidden. */

import type { FromEngine, ToEngine } from "./engine/messages";

interface Port {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** The engine as a function of its port. The build defines it: its text is the source of the worker. */
declare const pellucidEngine: (port: Port) => void;

/** Two ports on one thread. A `MessageChannel` would not do: Chrome refuses to send compiled modules through it. */
function connectPorts(): [Port, Port] {
  const make = (other: () => Port): Port => ({
    onmessage: null,
    postMessage: (data) => queueMicrotask(() => other().onmessage?.({ data } as MessageEvent)),
  });
  const first: Port = make(() => second);
  const second: Port = make(() => first);
  return [first, second];
}

export class EngineClient {
  private port: Worker | Port | null = null;
  private waiting: ToEngine[] = [];
  private ready = false;

  constructor(
    private readonly receive: (message: FromEngine) => void,
    private readonly fail: (reason: string) => void,
  ) {
    this.startWorker();
  }

  post(message: ToEngine): void {
    if (this.ready) this.port!.postMessage(message);
    else this.waiting.push(message);
  }

  close(): void {
    if (this.port instanceof Worker) this.port.terminate();
    else if (this.port) this.port.onmessage = null;
    this.waiting = [];
  }

  private startWorker(): void {
    try {
      const url = URL.createObjectURL(new Blob([`(${pellucidEngine})(self)`], { type: "text/javascript" }));
      const worker = new Worker(url);
      worker.onerror = (event) => {
        event.preventDefault();
        if (this.ready) return this.fail(event.message || "The worker of the figure stopped.");
        worker.terminate();
        this.startOnMainThread();
      };
      this.listen(worker);
    } catch {
      this.startOnMainThread();
    }
  }

  private startOnMainThread(): void {
    const [own, engine] = connectPorts();
    this.listen(own);
    pellucidEngine(engine);
  }

  private listen(port: Worker | Port): void {
    this.port = port;
    port.onmessage = (event: MessageEvent<FromEngine>) => {
      if (event.data.type !== "ready") return this.receive(event.data);
      this.ready = true;
      for (const message of this.waiting.splice(0)) this.port!.postMessage(message);
    };
  }
}
