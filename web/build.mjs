/**
 * Bundles the runtime of figures into src/pellucid/live/runtime.js and that of exercises into src/pellucid/course/exercises.js;
 * `--out=FOLDER` puts both into another folder. With `--tests`, bundles the unit tests into build/.
 */

import { build } from "esbuild";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Largest sizes, compressed as web servers send them. */
const FIGURES_BUDGET = 72 * 1024;
const EXERCISES_BUDGET = 20 * 1024;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const common = { bundle: true, target: "es2022", charset: "utf8", absWorkingDir: here("."), logLevel: "warning" };

async function bundle(entry) {
  const result = await build({ ...common, entryPoints: [entry], minify: true, format: "iife", write: false, legalComments: "none" });
  return result.outputFiles[0].text.trim();
}

/** The engine becomes a function of its message port, whose text is also the source of the worker: it is not stored twice. */
async function bundleFigures() {
  const engine = await bundle("src/engine/worker.ts");
  const page = await bundle("src/main.ts");
  return `(()=>{const pellucidEngine=port=>{${engine}};${page}})();`;
}

async function write(target, text, budget) {
  if (/<\/script|<!--/i.test(text)) throw new Error(`${target} contains </script or <!--, which would end an inline script.`);
  const compressed = gzipSync(text, { level: 9 }).length;
  console.log(`${target}: ${Buffer.byteLength(text)} bytes, compressed ${compressed} of ${budget}`);
  if (compressed > budget) throw new Error(`${target} has ${compressed} bytes compressed; the budget is ${budget}.`);
  await writeFile(target, `${text}\n`);
}

async function buildPages(folder) {
  const find = (module, name) => (folder ? join(folder, name) : here(`../src/pellucid/${module}/${name}`));
  await write(find("live", "runtime.js"), await bundleFigures(), FIGURES_BUDGET);
  await write(find("course", "exercises.js"), await bundle("src/exercises/main.ts"), EXERCISES_BUDGET);
}

async function buildTests() {
  const names = (await readdir(here("test"))).filter((name) => name.endsWith(".test.ts"));
  const entryPoints = names.map((name) => `test/${name}`);
  await build({ ...common, entryPoints, outdir: "build", outExtension: { ".js": ".mjs" }, format: "esm", platform: "node" });
}

const folder = process.argv.find((word) => word.startsWith("--out="))?.slice(6);
await (process.argv.includes("--tests") ? buildTests() : buildPages(folder));
