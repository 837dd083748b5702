/** Scales between values and positions, and their ticks. */

export type ScaleKind = "linear" | "log";

export interface Scale {
  toPosition(value: number): number;
  toValue(position: number): number;
}

/** A scale from [low, high] to positions from `start` to `end`. */
export function makeScale(kind: ScaleKind, low: number, high: number, start: number, end: number): Scale {
  const transform = kind === "log" ? Math.log : (v: number) => v;
  const inverse = kind === "log" ? Math.exp : (v: number) => v;
  const [a, b] = [transform(low), transform(high)];
  const factor = (end - start) / (b - a || 1);
  return {
    toPosition: (value) => start + (transform(value) - a) * factor,
    toValue: (position) => inverse(a + (position - start) / (factor || 1)),
  };
}

/** About `count` round values in [low, high]: multiples of 1, 2 or 5 times a power of ten, or powers of ten on a long log scale. */
export function makeTicks(kind: ScaleKind, low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  if (kind === "log" && high / low > 8) return logTicks(low, high, count);
  const power = 10 ** Math.floor(Math.log10((high - low) / count));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => (high - low) / s <= count)!;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

function logTicks(low: number, high: number, count: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const stride = Math.ceil((last - first + 1) / count);
  const powers = [];
  for (let k = first; k <= last; k += stride) powers.push(Number(`1e${k}`));
  if (powers.length >= 3) return powers;
  const finer = [];
  for (let k = first - 1; k <= last; k++) for (const m of [1, 2, 5]) finer.push(Number(`${m}e${k}`));
  return finer.filter((v) => v >= low * 0.999999 && v <= high * 1.000001);
}
