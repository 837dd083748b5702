/** Instances of compiled modules: exported functions, memory, allocation. */

export interface Instance {
  memory: WebAssembly.Memory;
  exports: WebAssembly.Exports;
  allocate(bytes: number): number;
  free(pointer: number): void;
}

export function instantiate(module: WebAssembly.Module): Instance {
  const { exports } = new WebAssembly.Instance(module, refuseImports(module));
  const { memory, malloc, free, _initialize } = exports as Record<string, unknown>;
  if (!(memory instanceof WebAssembly.Memory) || typeof malloc !== "function" || typeof free !== "function") {
    throw new Error("A compiled module must export memory, malloc and free. Build the figure again.");
  }
  if (typeof _initialize === "function") _initialize();
  const allocate = (bytes: number): number => {
    const pointer = malloc(Math.max(bytes, 1)) >>> 0;
    if (pointer === 0) throw new Error(`No memory for ${bytes.toLocaleString("en")} bytes: the figure is too large for this browser.`);
    return pointer;
  };
  return { memory, exports, allocate, free: (pointer) => free(pointer) };
}

/** Compiled loops need nothing from outside. C library code that is linked in but not used may import, and fails if it is called. */
function refuseImports(module: WebAssembly.Module): WebAssembly.Imports {
  const imports: Record<string, Record<string, () => never>> = {};
  for (const { module: space, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function") throw new Error(`A compiled module imports the ${kind} ${space}.${name}, which a page does not provide.`);
    (imports[space] ??= {})[name] = () => {
      throw new Error(`A compiled module called ${space}.${name}, which a page does not provide.`);
    };
  }
  return imports;
}
