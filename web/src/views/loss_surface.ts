/** Loss over the plane of two weights, with the path of the training, whose start can be chosen. */

import { traceContour } from "../contour";
import { uniqueId } from "../controls/control_panel";
import { html } from "../dom";
import { formatColor, mixColors, numberRamp, packColor } from "../drawing/colors";
import { type Grid, makeGrid, makeTable, paintValues } from "../drawing/field";
import { Plane } from "../drawing/plane";
import { formatNumber } from "../numbers";
import type { LossSurfaceParts, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { readArray } from "./frame_values";
import { type Path, describeOutcome } from "./loss_surface_outcome";

/** Distance of the points of the grid in pixels. */
const CELL = 4;
const CONTOURS = 12;
/** Part of the largest losses that have the color of the end, so that high corners leave colors for the rest. */
const CAPPED = 0.03;
/** Part of the axes by which an arrow key moves the start, and with the shift key. */
const NUDGE = 0.02;
const LARGE_NUDGE = 0.1;
/** Pixels outside of the picture after which the path ends. */
const FAR = 4000;
const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

addStyles(`
.surface-outcome { min-height: 4.4em; }
@container (max-width: 480px) { .surface-outcome { min-height: 8.8em; } }
.surface-legend { display: grid; grid-template-columns: auto 1fr; gap: 2px 8px; font-size: .85em; color: var(--faint); font-variant-numeric: tabular-nums; align-items: center; margin-bottom: 8px; }
.surface-legend i { height: 12px; border: 1px solid var(--faint); }
.surface-legend div { grid-column: 2; display: flex; justify-content: space-between; }
.surface-hint { font-size: .9em; color: var(--faint); margin-bottom: 4px; }
`);

/** A surface on a grid: between `low` and `high`, equal differences of the square root of the height have equal contours. */
interface Surface {
  values: Float64Array;
  low: number;
  high: number;
}

export class LossSurface implements View {
  private readonly ramp = html("i");
  private readonly ticks = html("div");
  private readonly outcome = html("p", { className: "surface-outcome" });
  private readonly help = html("p", { id: uniqueId(), className: "words-only" }, "Arrow keys move the start of the training, with Shift further.");
  private readonly holder = html("div");
  readonly explainsDivergence = true;
  readonly element = html(
    "div",
    {},
    this.holder,
    html("div", { className: "surface-legend" }, "loss", this.ramp, this.ticks),
    html("p", { className: "surface-hint" }, "Click or drag to choose the start (ring). The dot is the shown step."),
    this.outcome,
    this.help,
  );
  private plane!: Plane;
  private shown: LossSurfaceParts | null = null;
  private request: { id: string; grid: Grid; request: Request } | null = null;
  private surface: Surface | null = null;
  private drawn: unknown = null;
  private frame: Frame | null = null;
  private dragging = false;

  constructor(
    private readonly host: Host,
    private readonly spec: ViewSpec,
    private readonly index: number,
  ) {}

  reset(): void {
    const parts = this.parts();
    if (this.shown !== parts) this.build(parts);
    if (this.plane.fit()) this.request = null;
    this.drawn = null;
    this.drawSurface();
  }

  requests(finished: boolean): Request[] {
    const { surface, place, ranges } = this.parts();
    const { width, height } = this.plane;
    // The surface is the same at all steps.
    if (!finished) return [];
    if (!this.request) {
      const grid = makeGrid(width, height, CELL);
      const { columns, rows } = grid;
      const [[x0, x1], [y0, y1]] = ranges;
      const x = Float64Array.from({ length: columns * rows }, (_, k) => x0 + ((x1 - x0) * (k % columns) * CELL) / width);
      const y = Float64Array.from({ length: columns * rows }, (_, k) => y1 - ((y1 - y0) * Math.floor(k / columns) * CELL) / height);
      const id = `${this.index}.surface.${width}.${height}`;
      this.request = { id, grid, request: { id, function: surface, args: { [place[0]]: x, [place[1]]: y }, batches: columns * rows } };
    }
    return [this.request.request];
  }

  draw(frame: Frame): void {
    this.frame = frame;
    const found = this.request && frame.results[this.request.id];
    if (found && found[0] !== this.drawn) {
      this.surface = measure(found[0]);
      this.drawSurface();
      this.drawn = found[0];
    }
    this.drawPath();
    if (frame.finished) this.outcome.textContent = this.describeOutcome();
  }

  describe(): string {
    const path = this.readPath();
    if (!this.frame || !path) return "";
    const at = this.currentPlace();
    return `${this.describeOutcome()} Shown: step ${formatNumber(this.frame.step)} at ${this.namePlace(at)}.`;
  }

  private parts(): LossSurfaceParts {
    return this.host.variant().views[this.index] as LossSurfaceParts;
  }

  private build(parts: LossSurfaceParts): void {
    this.shown = parts;
    this.surface = this.frame = this.request = null;
    this.plane = new Plane(parts.ranges[0], parts.ranges[1]);
    this.outcome.textContent = "";
    const { points } = this.plane;
    points.tabIndex = 0;
    points.setAttribute("role", "application");
    points.setAttribute("aria-label", `${this.spec.title}: start of the training at ${parts.labels.join(" and ")}`);
    points.setAttribute("aria-describedby", this.help.id);
    points.style.cursor = "crosshair";
    points.style.touchAction = "pan-y pinch-zoom";
    const follow = (event: PointerEvent): void => this.startAt(this.plane.toFeatures(event.offsetX, event.offsetY));
    points.onpointerdown = (event) => {
      if (event.button !== 0 || !this.plane.contains(event.offsetX, event.offsetY)) return;
      this.dragging = true;
      // A finger may be about to scroll the page: its start is where it is lifted.
      if (event.pointerType === "touch") return;
      points.setPointerCapture(event.pointerId);
      follow(event);
    };
    points.onpointermove = (event) => this.dragging && event.pointerType !== "touch" && follow(event);
    points.onpointerup = (event) => {
      if (this.dragging) follow(event);
      this.dragging = false;
    };
    points.onpointercancel = () => (this.dragging = false);
    points.onkeydown = (event) => this.press(event);
    this.holder.replaceChildren(this.plane.element);
  }

  private press(event: KeyboardEvent): void {
    const arrow = ARROWS[event.key];
    const path = this.readPath();
    if (!arrow || !path || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const size = event.shiftKey ? LARGE_NUDGE : NUDGE;
    const [x, y] = [path.x[0], path.y[0]].map((value, k) => {
      const [low, high] = this.parts().ranges[k];
      return Number(Math.min(Math.max(value + arrow[k] * size * (high - low), low), high).toPrecision(5));
    });
    this.startAt([x, y]);
    this.host.announce(this, `Start at ${this.namePlace([x, y])}.`);
  }

  private startAt([x, y]: [number, number]): void {
    const { variables } = this.parts();
    this.host.startFrom(variables.length === 1 ? { [variables[0]]: [x, y] } : { [variables[0]]: [x], [variables[1]]: [y] });
  }

  /** The recorded steps, or null before there are any. */
  private readPath(): Path | null {
    const { frame } = this;
    const found = this.parts().series.map((_, k) => frame?.curve.evaluations[`${this.index}.${k}`]);
    if (!frame || found.some((values) => !values?.length)) return null;
    const [x, y, dx, dy, hxx, hxy, hyy] = found as ArrayLike<number>[];
    return { steps: frame.curve.steps, loss: frame.curve.loss, x, y, dx, dy, hxx, hxy, hyy, diverged: frame.diverged };
  }

  private currentPlace(): [number, number] {
    const values = this.parts().variables.flatMap((name) => Array.from(readArray(this.host, this.frame, name), Number));
    return [values[0], values[1]];
  }

  /** Weights with a precision that fits the axes. */
  private namePlace(place: readonly number[]): string {
    const { labels, ranges } = this.parts();
    const digits = ranges.map(([low, high]) => Math.max(0, 2 - Math.floor(Math.log10(high - low))));
    const round = (value: number, k: number): number => (Math.abs(value) < 1e6 ? Number(value.toFixed(digits[k])) || 0 : value);
    return labels.map((label, k) => `${label} = ${formatNumber(round(place[k], k))}`).join(", ");
  }

  private describeOutcome(): string {
    const path = this.readPath();
    if (!path || !this.frame || !this.surface || !this.request) return "";
    const { ranges, quadratic, rate } = this.parts();
    return describeOutcome(path, {
      grid: this.request.grid,
      values: this.surface.values,
      ranges,
      quadratic,
      steps: this.frame.steps,
      rate: rate === null ? null : Number(this.frame.inputs[rate]),
      name: (place) => this.namePlace(place),
    });
  }

  private drawSurface(): void {
    const theme = this.host.theme();
    const context = this.plane.begin(this.plane.lines);
    if (!this.surface || !this.request) return;
    const { grid } = this.request;
    const { values, low, high } = this.surface;
    const [first, last] = numberRamp(theme.dark);
    const { field } = this.plane;
    Object.assign(field, { width: grid.width, height: grid.height });
    const image = new ImageData(grid.width, grid.height);
    const part = (value: number): number => Math.sqrt(Math.max((value - low) / (high - low || 1), 0));
    const table = makeTable(0, 1, (t) => packColor(mixColors(first, last, t)));
    paintValues(new Uint32Array(image.data.buffer), grid, values.map(part), table);
    field.getContext("2d")!.putImageData(image, 0, 0);
    this.ramp.style.background = `linear-gradient(90deg, ${[first, last].map(formatColor).join(", ")})`;
    const levels = Array.from({ length: 5 }, (_, k) => low + (high - low) * (k / 4) ** 2);
    this.ticks.replaceChildren(...levels.map((level) => html("span", {}, formatNumber(level, 2))));
    context.save();
    this.plane.clip(context);
    context.strokeStyle = theme.ink;
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    const [left, top] = [this.plane.x.toPosition(this.plane.xRange[0]), this.plane.y.toPosition(this.plane.yRange[1])];
    context.beginPath();
    for (let k = 1; k <= CONTOURS; k++) {
      traceContour(values, grid.columns, grid.rows, low + (high - low) * (k / CONTOURS) ** 2, (x0, y0, x1, y1) => {
        context.moveTo(left + x0 * CELL, top + y0 * CELL);
        context.lineTo(left + x1 * CELL, top + y1 * CELL);
      });
    }
    context.stroke();
    context.restore();
  }

  private drawPath(): void {
    const theme = this.host.theme();
    const context = this.plane.begin(this.plane.points);
    this.plane.drawAxes(context, theme, this.parts().labels);
    const path = this.readPath();
    const { frame, plane } = this;
    if (!path || !frame) return;
    context.save();
    plane.clip(context);
    const count = Math.min(path.x.length, path.steps.length);
    const now = Array.from(path.steps).findLastIndex((step) => step <= frame.step);
    /** The path up to the first step that is far outside of the picture. */
    const trace = (from: number, to: number): void => {
      context.beginPath();
      for (let k = from; k <= Math.min(to, count - 1); k++) {
        const [x, y] = [plane.x.toPosition(path.x[k]), plane.y.toPosition(path.y[k])];
        context.lineTo(x, y);
        if (!(Math.hypot(x, y) < FAR)) return;
      }
    };
    const circle = (x: number, y: number, radius: number): void => {
      context.beginPath();
      context.arc(plane.x.toPosition(x), plane.y.toPosition(y), radius, 0, 2 * Math.PI);
    };
    const stroke = (style: string, width: number): void => {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.stroke();
    };
    context.lineJoin = "round";
    context.setLineDash([2, 4]);
    trace(Math.max(now, 0), count - 1);
    stroke(theme.background, 4);
    stroke(theme.ink, 1.5);
    context.setLineDash([]);
    trace(0, now);
    stroke(theme.background, 5);
    stroke(theme.ink, 2);
    context.fillStyle = theme.ink;
    for (let k = 0; k <= now && k < count; k++) {
      circle(path.x[k], path.y[k], 2.5);
      context.fill();
    }
    circle(path.x[0], path.y[0], 9);
    stroke(theme.background, 5);
    stroke(theme.ink, 2.5);
    const place = this.currentPlace();
    circle(place[0], place[1], 6);
    stroke(theme.background, 4);
    context.fillStyle = theme.classes[1];
    context.fill();
    context.restore();
  }
}

function measure(losses: TypedArray): Surface {
  const finite = Array.from(losses as Float64Array, Number).filter(Number.isFinite).sort((a, b) => a - b);
  const high = finite[Math.floor((1 - CAPPED) * (finite.length - 1))] ?? 1;
  const values = Float64Array.from(losses as Float64Array, (value) => (Number.isFinite(Number(value)) ? Number(value) : high));
  return { values, low: finite[0] ?? 0, high };
}
