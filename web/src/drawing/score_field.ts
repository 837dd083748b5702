/** Scores of a model over a plane as fields, and their pictures. */

import type { DecisionBoundarySpec } from "../spec";
import type { Theme, TypedArray } from "../view";
import { mixColors, numberRamp, packColor, parseColor } from "./colors";
import { type ColorTable, type Grid, makeTable, paintClasses, paintValues } from "./field";

/** Largest part of a class color in the field, so that points of the class stay visible on it. */
const SHADE = 0.72;
/** Logits beyond which a probability has its full color. */
const LARGEST_LOGIT = 8;
/** Probabilities are kept this far from 0 and 1, where logits are infinite. */
const SMALLEST = 1e-9;

/** One logit, a number, or a logit for each class. */
export type Field =
  | { kind: "logit"; values: Float64Array }
  | { kind: "number"; values: Float64Array }
  | { kind: "logits"; values: Float64Array[] };

/** Scores as logits, or as the numbers that they are. Each of `count` points has `width` scores. */
export function readScores(scores: TypedArray, count: number, width: number, meaning: DecisionBoundarySpec["scores"]): Field {
  const columns = Array.from({ length: width }, (_, c) => readColumn(scores, count, width, c));
  if (meaning === "number") return { kind: "number", values: columns[0] };
  if (meaning === "probability") return { kind: "logit", values: columns[0].map(toLogit) };
  if (width === 1) return { kind: "logit", values: columns[0] };
  const logits = meaning === "probabilities" ? columns.map((values) => values.map((p) => Math.log(Math.max(p, SMALLEST)))) : columns;
  return width === 2 ? { kind: "logit", values: logits[1].map((v, k) => v - logits[0][k]) } : { kind: "logits", values: logits };
}

/** Column `c` of an array with `width` columns. */
export function readColumn(values: TypedArray, count: number, width: number, c: number): Float64Array {
  const column = new Float64Array(count);
  for (let k = 0; k < count; k++) column[k] = Number(values[k * width + c]);
  return column;
}

const toLogit = (p: number): number => Math.log(Math.max(p, SMALLEST) / Math.max(1 - p, SMALLEST));

/** Class of each point. */
export function predictClasses(field: Field): Float64Array {
  if (field.kind !== "logits") return field.values.map((logit) => Number(logit > 0));
  return field.values[0].map((_, k) => field.values.reduce((best, values, c) => (values[k] > field.values[best][k] ? c : best), 0));
}

/** For each class, its logit minus the largest of the others: zero where it begins to be predicted. */
export function classMargins(logits: Float64Array[]): Float64Array[] {
  return logits.map((own, c) => own.map((value, k) => value - logits.reduce((top, other, d) => (d === c ? top : Math.max(top, other[k])), -Infinity)));
}

/** Paints fields on a canvas. Pixels and colors are made once, because frames follow each other quickly. */
export class FieldPainter {
  private image: ImageData | null = null;
  private tables: ColorTable[] | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  /** Forgets colors: the theme or the range of the numbers changed. */
  reset(): void {
    this.tables = null;
  }

  paint(field: Field, grid: Grid, theme: Theme, range: [number, number]): void {
    const { width, height } = grid;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    if (this.image?.width !== width || this.image.height !== height) this.image = new ImageData(width, height);
    const pixels = new Uint32Array(this.image.data.buffer);
    this.tables ??= makeTables(field, theme, range);
    if (field.kind === "logits") paintClasses(pixels, grid, field.values, this.tables);
    else paintValues(pixels, grid, field.values, this.tables[0]);
    this.canvas.getContext("2d")!.putImageData(this.image, 0, 0);
  }
}

/** Colors of a field: neutral at probability 1/2, or 1 / classes, and towards the colors of the classes from there. */
function makeTables(field: Field, theme: Theme, [low, high]: [number, number]): ColorTable[] {
  const neutral = parseColor(theme.zero);
  const colors = theme.classes.map(parseColor);
  if (field.kind === "logits") {
    return field.values.map((_, c) => makeTable(0, 1, (t) => packColor(mixColors(neutral, colors[c % colors.length], SHADE * t))));
  }
  if (field.kind === "number") {
    const [first, last] = numberRamp(theme.dark);
    return [makeTable(low, high, (value) => packColor(mixColors(first, last, (value - low) / (high - low))))];
  }
  const shade = (logit: number): number => {
    const t = 2 / (1 + Math.exp(-logit)) - 1;
    return packColor(mixColors(neutral, colors[Number(t > 0)], SHADE * Math.abs(t)));
  };
  return [makeTable(-LARGEST_LOGIT, LARGEST_LOGIT, shade)];
}
