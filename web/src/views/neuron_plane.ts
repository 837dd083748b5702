/** The output of a neuron over the plane of its two inputs, the line z = 0, and the present inputs as a point to drag. */

import { traceContour } from "../contour";
import { html, svg } from "../dom";
import { packColor } from "../drawing/colors";
import { type Grid, makeTable, paintValues } from "../drawing/field";
import { markerPath, traceMarker } from "../drawing/markers";
import { Plane } from "../drawing/plane";
import { mixSigned } from "../drawing/signed";
import type { NeuronSpec } from "../spec";
import { addStyles } from "../styles";
import type { Host, Theme } from "../view";

/** Part of the full color of numbers, so that points and text stay visible. */
export const SHADE = 0.45;
const CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]];
const MARKER = 8;
/** Length of the arrow to the side where z is positive. */
const ARROW = 24;
/** Where on the line the arrow begins. */
const SIDE = 0.18;

addStyles(`
.neuron-plane .plane canvas:last-child { cursor: grab; touch-action: none; }
.neuron-task { min-height: 4.4em; }
@container (max-width: 980px) { .neuron-task { min-height: 5.9em; } }
.neuron-task .row { gap: 4px 16px; font-size: .9em; }
.neuron-task .row span { display: inline-flex; gap: 5px; align-items: center; }
`);

export interface Drawing {
  values: Record<string, number>;
  /** z and output at present, and outputs at the z of the grid. */
  z: number;
  grid: Float64Array;
  curve: ArrayLike<number>;
  /** z at the corners of the plane, from the top left by rows, and at the corners of the truth table. */
  corners: number[];
  truth: number[];
  right: number[];
  limit: number;
}

export class NeuronPlane {
  private readonly plane: Plane;
  private readonly heading = html("h4", {}, "Output a over the plane of the inputs");
  private readonly words = html("p");
  private readonly key = html("div", { className: "row" });
  private readonly task = html("div", { className: "neuron-task" }, this.words, this.key);
  readonly element: HTMLElement;
  private drawing: Drawing | null = null;

  constructor(
    private readonly host: Host,
    private readonly spec: NeuronSpec,
  ) {
    this.plane = new Plane(spec.plane![0], spec.plane![1]);
    this.element = html("div", { className: "neuron-plane" }, this.heading, this.plane.element, this.task);
    const { points } = this.plane;
    points.tabIndex = 0;
    points.setAttribute("role", "application");
    points.setAttribute("aria-label", `${this.heading.textContent}. Arrow keys move the inputs ${spec.inputs.join(" and ")}.`);
    points.onpointerdown = (event) => {
      points.setPointerCapture(event.pointerId);
      this.moveTo(event);
    };
    points.onpointermove = (event) => points.hasPointerCapture(event.pointerId) && this.moveTo(event);
    points.onkeydown = (event) => this.press(event);
  }

  reset(): void {
    this.plane.fit();
  }

  draw(drawing: Drawing): void {
    this.drawing = drawing;
    const theme = this.host.theme();
    this.paintField(drawing, theme);
    this.drawLine(drawing, theme);
    this.drawPoints(drawing, theme);
    this.showTask(drawing, theme);
  }

  describe(): string {
    return this.words.textContent ?? "";
  }

  /** z is linear over the plane, so its values at the corners give all others; the curve has their outputs. */
  private paintField({ grid, curve, corners, limit }: Drawing, theme: Theme): void {
    const { field, width, height } = this.plane;
    Object.assign(field, { width, height });
    const image = new ImageData(width, height);
    const cell = Math.max(width, height);
    const [a, b, c] = corners;
    const right = a + ((b - a) * cell) / width;
    const down = ((c - a) * cell) / height;
    const values = Float64Array.of(a, right, a + down, right + down);
    const shade = (z: number): number => packColor(mixSigned(theme, SHADE * Math.max(-1, Math.min(1, readCurve(grid, curve, z) / limit))));
    const table = makeTable(Math.min(...corners) - 1e-6, Math.max(...corners) + 1e-6, shade);
    const cells: Grid = { cell, columns: 2, rows: 2, width, height };
    paintValues(new Uint32Array(image.data.buffer), cells, values, table);
    field.getContext("2d")!.putImageData(image, 0, 0);
  }

  private drawLine({ corners }: Drawing, theme: Theme): void {
    const context = this.plane.begin(this.plane.lines);
    this.plane.drawAxes(context, theme, this.spec.inputs);
    this.plane.clip(context);
    const { x, y } = this.plane;
    const [[x0, x1], [y0, y1]] = this.spec.plane!;
    Object.assign(context, { strokeStyle: theme.ink, fillStyle: theme.ink, lineWidth: 2.5 });
    traceContour(corners, 2, 2, 0, (ax, ay, bx, by) => {
      const at = (u: number, v: number): [number, number] => [x.toPosition(x0 + (x1 - x0) * u), y.toPosition(y1 + (y0 - y1) * v)];
      const [from, to] = [at(ax, ay), at(bx, by)];
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
      this.drawSide(context, [from[0] + (to[0] - from[0]) * SIDE, from[1] + (to[1] - from[1]) * SIDE], theme);
    });
  }

  /** An arrow from the line to the side where z is positive, with labels. */
  private drawSide(context: CanvasRenderingContext2D, [x, y]: [number, number], theme: Theme): void {
    const { corners } = this.drawing!;
    const { width, height } = this.plane;
    const [right, down] = [(corners[1] - corners[0]) / width, (corners[2] - corners[0]) / height];
    const length = Math.hypot(right, down) || 1;
    const [dx, dy] = [right / length, down / length];
    const [endX, endY] = [x + ARROW * dx, y + ARROW * dy];
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(endX, endY);
    context.moveTo(endX - 7 * dx + 4 * dy, endY - 7 * dy - 4 * dx);
    context.lineTo(endX, endY);
    context.lineTo(endX - 7 * dx - 4 * dy, endY - 7 * dy + 4 * dx);
    context.stroke();
    for (const [text, side] of [["z > 0", 1], ["z < 0", -1]] as const) {
      const tx = this.keepInside(x + side * (ARROW + (side > 0 ? 20 : 0)) * dx, this.plane.x.toPosition(this.plane.xRange[0]) + 20, width - 40);
      const ty = this.keepInside(y + side * (ARROW + (side > 0 ? 14 : -6)) * dy, this.plane.y.toPosition(this.plane.yRange[1]) + 10, height - 20);
      writeWithHalo(context, text, tx, ty, theme);
    }
  }

  private keepInside(at: number, start: number, length: number): number {
    return Math.min(Math.max(at, start), start + length);
  }

  private drawPoints({ values, right }: Drawing, theme: Theme): void {
    const context = this.plane.begin(this.plane.points);
    const { x, y } = this.plane;
    const targets = this.targets(values);
    CORNERS.forEach(([cx, cy], k) => {
      if (!targets) return;
      const [px, py] = [x.toPosition(cx), y.toPosition(cy)];
      context.beginPath();
      traceMarker(context, targets[k], px, py, MARKER);
      Object.assign(context, { fillStyle: theme.classes[targets[k]], strokeStyle: theme.background, lineWidth: 2.5 });
      context.stroke();
      context.fill();
      if (!right[k]) writeWithHalo(context, "wrong", px, py - 18, theme);
    });
    const [px, py] = this.spec.inputs.map((id, k) => (k ? y : x).toPosition(Math.min(Math.max(values[id], this.spec.plane![k][0]), this.spec.plane![k][1])));
    context.beginPath();
    context.arc(px, py, 9, 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: theme.background, lineWidth: 6 });
    context.stroke();
    Object.assign(context, { strokeStyle: theme.ink, lineWidth: 3 });
    context.stroke();
  }

  private targets(values: Record<string, number>): number[] | null {
    const { tasks } = this.spec;
    return tasks ? (tasks.targets[values[tasks.control] - 1] ?? null) : null;
  }

  private showTask({ values, z, truth, right, corners }: Drawing, theme: Theme): void {
    const { tasks, inputs } = this.spec;
    const targets = this.targets(values);
    const same = corners.every((corner) => corner > 0) ? "positive" : corners.every((corner) => corner <= 0) ? "not positive" : "";
    const side = same ? `z is ${same} in the whole picture: the line z = 0 is outside of it.` : `The inputs are on the side of the line where z is ${z > 0 ? "positive" : z < 0 ? "negative" : "zero: on the line"}.`;
    this.key.hidden = !targets;
    if (!tasks || !targets) {
      this.words.textContent = `${side} Drag the ring, or use the arrow keys, to change ${inputs.join(" and ")}.`;
      return;
    }
    const at = values[tasks.control] - 1;
    const count = right.reduce((sum, is) => sum + is, 0);
    const wrong = CORNERS.filter((_, k) => !right[k]).map((corner) => `(${corner.join(", ")})`);
    const mistakes = wrong.length ? ` Wrong: ${wrong.join(", ")}.` : "";
    const best = tasks.best[at] < truth.length ? ` No line gets more than ${tasks.best[at]} of ${truth.length} right.` : "";
    this.words.textContent = `${tasks.names[at]}: ${count} of ${truth.length} right.${mistakes}${best}`;
    const entry = (target: number): HTMLElement => {
      const sample = svg("svg", { width: 18, height: 18, "aria-hidden": "true", style: "width:18px" });
      sample.append(svg("path", { d: markerPath(target, 9, 9, 6.5), fill: theme.classes[target] }));
      return html("span", {}, sample, `should be ${target}: z ${target ? "> 0" : "≤ 0"}`);
    };
    this.key.replaceChildren(entry(0), entry(1));
  }

  private moveTo(event: PointerEvent): void {
    const [x, y] = this.plane.toFeatures(event.offsetX, event.offsetY);
    this.set([x, y]);
  }

  private press(event: KeyboardEvent): void {
    const step = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.set(this.spec.inputs.map((id, k) => Number(this.host.get(id)) + 0.1 * step[k]));
  }

  /** Sets the inputs to values of their sliders. */
  private set(values: number[]): void {
    const entries = this.spec.inputs.map((id, k) => {
      const control = this.host.spec.controls.find((c) => c.id === id);
      if (control?.kind !== "slider") return [id, values[k]];
      const step = control.step ?? 0.01;
      const rounded = Number((Math.round(values[k] / step) * step).toFixed(6));
      return [id, Math.min(Math.max(rounded, control.minimum), control.maximum)];
    });
    this.host.set(Object.fromEntries(entries));
  }
}

/** The output at a sum: that of the closest one of the grid on the same side of zero, where a step is. */
function readCurve(grid: Float64Array, curve: ArrayLike<number>, z: number): number {
  const at = ((z - grid[0]) / (grid[grid.length - 1] - grid[0])) * (grid.length - 1);
  const k = z > 0 ? Math.ceil(at) : Math.floor(at);
  return Number(curve[Math.min(Math.max(k, 0), grid.length - 1)]);
}

function writeWithHalo(context: CanvasRenderingContext2D, text: string, x: number, y: number, theme: Theme): void {
  Object.assign(context, { font: "600 12px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  Object.assign(context, { strokeStyle: theme.background, fillStyle: theme.ink, lineWidth: 4, lineJoin: "round" });
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}
