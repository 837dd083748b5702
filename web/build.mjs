/** Bundles the runtime into one file, src/pellucid/live/runtime.js, or the unit tests into build/ with `--tests`. */

import { build } from "esbuild";
import { readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Largest size of the runtime, compressed as web servers send it. */
const BUDGET = 60 * 1024;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const common = { bundle: true, target: "es2022", charset: "utf8", absWorkingDir: here("."), logLevel: "warning" };

async function bundle(entry) {
  const result = await build({ ...common, entryPoints: [entry], minify: true, format: "iife", write: false, legalComments: "none" });
  return result.outputFiles[0].text.trim();
}

/** The engine becomes a function of its message port, whose text is also the source of the worker: it is not stored twice. */
async function buildRuntime(target) {
  const engine = await bundle("src/engine/worker.ts");
  const page = await bundle("src/main.ts");
  const text = `(()=>{const pellucidEngine=port=>{${engine}};${page}})();\n`;
  if (/<\/script|<!--/i.test(text)) throw new Error("The runtime contains </script or <!--, which would end an inline script.");
  const compressed = gzipSync(text, { level: 9 }).length;
  console.log(`${target}: ${Buffer.byteLength(text)} bytes, compressed ${compressed} of ${BUDGET}`);
  if (compressed > BUDGET) throw new Error(`The runtime has ${compressed} bytes compressed; the budget is ${BUDGET}.`);
  await writeFile(target, text);
}

async function buildTests() {
  const names = (await readdir(here("test"))).filter((name) => name.endsWith(".test.ts"));
  const entryPoints = names.map((name) => `test/${name}`);
  await build({ ...common, entryPoints, outdir: "build", outExtension: { ".js": ".mjs" }, format: "esm", platform: "node" });
}

const output = process.argv.find((word) => word.startsWith("--out="))?.slice(6);
await (process.argv.includes("--tests") ? buildTests() : buildRuntime(output ?? here("../src/pellucid/live/runtime.js")));
