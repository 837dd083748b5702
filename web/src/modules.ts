/** Compilation of the modules of a figure, with the instructions that the browser has. */

import { decodeBase64 } from "./arrays";
import type { ModuleSpec } from "./spec";

/** A module whose only function makes a vector of 16 bytes: valid where there is SIMD. */
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

export async function compileModule(spec: ModuleSpec): Promise<WebAssembly.Module> {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD)) {
    throw new Error("This figure needs a browser with WebAssembly SIMD: Chrome or Edge 105, Firefox 121, Safari 16.4, or newer.");
  }
  const relaxed = spec.relaxed === null ? null : await inflate(decodeBase64(spec.relaxed));
  const bytes = relaxed && WebAssembly.validate(relaxed) ? relaxed : await inflate(decodeBase64(spec.simd));
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    const policy = /unsafe-eval|Content Security Policy/i.test(String(error));
    const reason = policy ? "the page's content security policy lacks 'wasm-unsafe-eval'" : "its module is damaged";
    throw new Error(`The figure cannot compute: ${reason}. ${error instanceof Error ? error.message : error}`);
  }
}

/** Bytes that raw deflate compressed. */
async function inflate(compressed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw new Error(`The figure cannot compute: its module is damaged. ${error instanceof Error ? error.message : error}`);
  }
}
