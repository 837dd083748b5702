/** The connection to the engine: a worker, or the main thread where Blob workers are forbidden. */

import type { FromEngine, ToEngine } from "./engine/messages";

/** The engine as a function of its port. The build defines it: its text is the source of the worker. */
declare const pellucidEngine: (port: unknown) => void;

export class EngineClient {
  private port: Worker | MessagePort | null = null;
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

  get onMainThread(): boolean {
    return this.port instanceof MessagePort;
  }

  close(): void {
    if (this.port instanceof MessagePort) this.port.close();
    else this.port?.terminate();
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
    const { port1, port2 } = new MessageChannel();
    this.listen(port1);
    pellucidEngine(port2);
  }

  private listen(port: Worker | MessagePort): void {
    this.port = port;
    port.onmessage = (event: MessageEvent<FromEngine>) => {
      if (event.data.type !== "ready") return this.receive(event.data);
      this.ready = true;
      for (const message of this.waiting.splice(0)) this.port!.postMessage(message);
    };
  }
}
