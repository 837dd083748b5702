/** The arrays of a variant in WebAssembly memory, and calls of its functions. */

import { DTYPES, decodeArray, product, toDtype } from "../arrays";
import type { ArraySpec, FunctionSpec, OutputSpec, VariantSpec } from "../spec";
import type { TypedArray } from "../view";
import { type Instance, instantiate } from "./instance";

interface Copy {
  pointer: number;
  bytes: number;
  version: number;
}

/** An array with a version number. Each instance that uses it has a copy; `home` has the newest values if a function wrote them. */
export class StoredArray {
  version = 0;
  home: Instance | null = null;
  /** Number of elements of one step. */
  readonly size: number;
  readonly copies = new Map<Instance, Copy>();

  constructor(
    readonly spec: ArraySpec,
    private readonly initial: TypedArray,
    private values = initial,
  ) {
    this.size = product(spec.shape);
  }

  reset(): void {
    this.set(this.initial);
  }

  /** Equal values keep the version, so that nothing that depends on it is computed again. */
  set(values: TypedArray): void {
    if (!this.home && (values === this.values || isEqual(values, this.values))) return;
    this.values = values;
    this.home = null;
    this.version++;
  }

  /** A copy of the newest values. */
  get(): TypedArray {
    if (!this.home) return this.values.slice() as TypedArray;
    return view(this.home, this.copies.get(this.home)!.pointer, this.spec.dtype, this.size).slice() as TypedArray;
  }

  /** Address of the newest values in an instance. Values of one step are repeated if `length` elements are needed. */
  locate(instance: Instance, length: number): number {
    const bytes = length * DTYPES[this.spec.dtype].BYTES_PER_ELEMENT;
    let copy = this.copies.get(instance);
    if (copy?.version === this.version && copy.bytes >= bytes) return copy.pointer;
    const values = this.get();
    if (!copy || copy.bytes < bytes) {
      if (copy) instance.free(copy.pointer);
      copy = { pointer: instance.allocate(bytes), bytes, version: -1 };
      this.copies.set(instance, copy);
    }
    fill(view(instance, copy.pointer, this.spec.dtype, copy.bytes / DTYPES[this.spec.dtype].BYTES_PER_ELEMENT), values);
    copy.version = this.version;
    return copy.pointer;
  }

  written(instance: Instance): void {
    this.version++;
    this.home = instance;
    this.copies.get(instance)!.version = this.version;
  }

  free(): void {
    for (const [instance, copy] of this.copies) instance.free(copy.pointer);
    this.copies.clear();
  }
}

function view(instance: Instance, pointer: number, dtype: ArraySpec["dtype"], length: number): TypedArray {
  return new DTYPES[dtype](instance.memory.buffer, pointer, length);
}

function fill(target: TypedArray, values: TypedArray): void {
  const part = values.length > target.length ? values.subarray(0, target.length) : values;
  if (part.length === 0) return;
  for (let k = 0; k < target.length; k += part.length) {
    target.set((k + part.length > target.length ? part.subarray(0, target.length - k) : part) as never, k);
  }
}

function isEqual(a: TypedArray, b: TypedArray): boolean {
  if (a.length !== b.length) return false;
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

export type Overrides = Map<string, StoredArray>;

/** A function with what its calls need: arrays, and the table of their addresses in WebAssembly memory. */
interface Binding {
  instance: Instance;
  call: (...words: (number | bigint)[]) => void;
  /** Names of the state, the read arrays and the arguments, one after the other. */
  names: string[];
  arrays: StoredArray[];
  /** Addresses in the table: those of arrays, then those of histories. */
  pointers: Uint32Array;
  table: number;
  /** Addresses of the four parts of the table. */
  parts: number[];
  /** Number of steps that the histories have room for. */
  capacity: number;
}

export class Workspace {
  private readonly instances = new Map<number, Instance>();
  private readonly arrays = new Map<string, StoredArray>();
  private readonly bindings = new Map<FunctionSpec, Binding>();

  constructor(
    readonly variant: VariantSpec,
    private readonly modules: WebAssembly.Module[],
  ) {
    for (const [name, spec] of Object.entries(variant.arrays)) this.arrays.set(name, new StoredArray(spec, decodeArray(spec)));
  }

  array(name: string): StoredArray {
    const array = this.arrays.get(name);
    if (!array) throw new Error(`The figure file has no array ${name}.`);
    return array;
  }

  function(name: string): FunctionSpec {
    const f = this.variant.functions[name];
    if (!f) throw new Error(`The figure file has no function ${name}.`);
    return f;
  }

  set(name: string, values: TypedArray): void {
    this.array(name).set(convert(values, this.array(name).spec));
  }

  /** Sets arrays, and all others to their values in the figure file. */
  restart(values: Record<string, TypedArray>): void {
    for (const [name, array] of this.arrays) if (!(name in values)) array.reset();
    for (const [name, array] of Object.entries(values)) this.set(name, array);
  }

  /** Versions of the arrays that a function reads. */
  versions(f: FunctionSpec): number[] {
    return this.bind(f).arrays.map((array) => array.version);
  }

  get(names: Iterable<string>): Record<string, TypedArray> {
    return Object.fromEntries(Array.from(names, (name) => [name, this.array(name).get()]));
  }

  /** Values for an array of a function, stored apart from the array of this name. */
  override(name: string, values: TypedArray): StoredArray {
    const { spec } = this.array(name);
    return new StoredArray(spec, convert(values, spec));
  }

  /**
   * Runs `count` steps of a function and returns its outputs of all steps. With `walk`, step k reads part `first + k` of
   * arguments that have `parts` parts.
   */
  run(f: FunctionSpec, count: number, { first = 0, parts = 1, overrides }: { first?: number; parts?: number; overrides?: Overrides } = {}): TypedArray[] {
    const binding = this.bind(f);
    const { instance, arrays, names, pointers, call } = binding;
    const fixed = f.state.length + f.read.length;
    this.makeRoom(f, binding, count);
    arrays.forEach((array, k) => {
      const used = overrides?.get(names[k]) ?? array;
      pointers[k] = used.locate(instance, f.walk && k >= fixed ? used.size * parts : used.size);
    });
    new Uint32Array(instance.memory.buffer, binding.table, pointers.length).set(pointers);
    call(binding.parts[0], binding.parts[1], binding.parts[2], binding.parts[3], BigInt(first), BigInt(count));
    for (let k = 0; k < f.state.length; k++) (overrides?.get(names[k]) ?? arrays[k]).written(instance);
    return f.outputs.map((output, k) => view(instance, pointers[arrays.length + k], output.dtype, size(output) * count).slice() as TypedArray);
  }

  private bind(f: FunctionSpec): Binding {
    let binding = this.bindings.get(f);
    if (!binding) this.bindings.set(f, (binding = this.makeBinding(f)));
    return binding;
  }

  private makeBinding(f: FunctionSpec): Binding {
    const instance = this.instance(f.module);
    const call = instance.exports[f.symbol];
    if (typeof call !== "function") throw new Error(`The compiled module has no function ${f.symbol}.`);
    const names = [...f.state, ...f.read, ...f.args];
    const pointers = new Uint32Array(names.length + f.outputs.length);
    const table = instance.allocate(pointers.byteLength);
    const starts = [0, f.state.length, f.state.length + f.read.length, names.length];
    const parts = starts.map((start) => table + 4 * start);
    return { instance, call: call as Binding["call"], names, arrays: names.map((name) => this.array(name)), pointers, table, parts, capacity: 0 };
  }

  private makeRoom({ outputs }: FunctionSpec, binding: Binding, count: number): void {
    if (count <= binding.capacity) return;
    const { instance, pointers, arrays } = binding;
    outputs.forEach((output, k) => {
      const place = arrays.length + k;
      if (pointers[place]) instance.free(pointers[place]);
      pointers[place] = instance.allocate(size(output) * DTYPES[output.dtype].BYTES_PER_ELEMENT * count);
    });
    binding.capacity = count;
  }

  private instance(module: number): Instance {
    let instance = this.instances.get(module);
    if (!instance) {
      if (!this.modules[module]) throw new Error(`The figure file has no module ${module}.`);
      this.instances.set(module, (instance = instantiate(this.modules[module])));
    }
    return instance;
  }
}

const size = (output: OutputSpec): number => product(output.shape);

function convert(values: TypedArray, spec: ArraySpec): TypedArray {
  const converted = values instanceof DTYPES[spec.dtype] ? values : toDtype(values as ArrayLike<number>, spec.dtype);
  const expected = product(spec.shape);
  if (expected && (converted.length === 0 || converted.length % expected)) {
    throw new Error(`An array of shape (${spec.shape.join(", ")}) received ${converted.length} values; expected ${expected} or a multiple.`);
  }
  return converted;
}
