/** Entry of the engine bundle, whose text the build puts into a function of `port`: the worker itself or one end of a channel. */

import { Engine } from "./engine";
import type { FromEngine, ToEngine } from "./messages";

declare const port: {
  postMessage(message: FromEngine): void;
  onmessage: ((event: MessageEvent<ToEngine>) => void) | null;
};

const engine = new Engine((message) => port.postMessage(message));
port.onmessage = (event) => engine.receive(event.data);
port.postMessage({ type: "ready" });
