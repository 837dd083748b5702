/** Decision boundary: predictions over the plane of two features, with the data points. */

import { product } from "../arrays";
import { uniqueId } from "../controls/control_panel";
import { traceContour } from "../contour";
import { html, svg } from "../dom";
import { type Color, formatColor, mixColors, numberRamp } from "../drawing/colors";
import { type Grid, makeGrid } from "../drawing/field";
import { markerPath, traceMarker } from "../drawing/markers";
import { Plane } from "../drawing/plane";
import { PointEditor } from "../drawing/point_editor";
import { type Field, FieldPainter, classMargins, predictClasses, readColumn, readScores } from "../drawing/score_field";
import { formatNumber, formatPercent, plural } from "../numbers";
import { makeTicks } from "../scales";
import type { DecisionBoundaryParts, DecisionBoundarySpec, VariantSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, Theme, TypedArray, View } from "../view";

/** Distance of the points of the grid in pixels, while training runs and at rest. */
const COARSE = 8;
const FINE = 4;
/** Above so many points, those of a style are drawn at once, and not in every coarse frame. */
const MANY_POINTS = 500;
/** Of more points, every second, third and so on is drawn, so that the field stays visible. */
const MAX_DRAWN = 1000;
addStyles(`
.plane { position: relative; }
.plane canvas { position: absolute; left: 0; top: 0; }
.plane canvas:last-child { touch-action: pan-y pinch-zoom; border-radius: 4px; }
.plane canvas:focus-visible { outline-offset: -3px; }
.boundary-legend { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; font-size: .9em; }
.boundary-legend label { font-size: 1em; }
.boundary-legend span { display: inline-flex; gap: 5px; align-items: center; }
.boundary-legend > span:empty { display: none; }
.boundary-ramp { width: 120px; height: 12px; border: 1px solid var(--faint); }
.boundary-point { font-size: .9em; min-height: 32px; }
`);

export class DecisionBoundary implements View {
  readonly element = html("div");
  private readonly spec: DecisionBoundarySpec;
  private readonly plane: Plane;
  private readonly editor: PointEditor;
  private readonly legend = html("div", { className: "boundary-legend" });
  private readonly toolbar = html("div", { className: "row boundary-point" });
  private readonly unitLines = html("input", { type: "checkbox" });
  private readonly newTarget = html("select", { id: uniqueId() });
  /** How points that are wrong or held out are drawn. */
  private readonly partEntry = html("span");
  /** Which part of many points is drawn. */
  private readonly sampling = html("span");
  private readonly help = html("p", { id: uniqueId(), className: "words-only" });
  private readonly painter: FieldPainter;
  /** Requests of grids, by their ids; the same objects are asked for again, so they are sent once. */
  private readonly grids = new Map<string, { grid: Grid; request: Request }>();
  private requested: { variant: VariantSpec; features: Float64Array | null; data: Request[] } | null = null;
  private words = { points: "", area: "" };
  private range: [number, number] | null = null;
  private wrong: boolean[] = [];
  /** Where points are drawn, and which are held out, if that depends on controls. */
  private drawn: { features: Float64Array; heldOut: boolean[] } | null = null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as DecisionBoundarySpec;
    this.plane = new Plane(this.spec.x_range, this.spec.y_range);
    this.painter = new FieldPainter(this.plane.field);
    this.editor = new PointEditor(host, this.plane, {
      positions: () => this.positions(),
      choose: (row) => this.choose(row),
      newTarget: () => (this.classes ? this.newTarget.selectedIndex : this.middleTarget()),
      nextTarget: (target) => (this.classes ? (target + 1) % this.classes.length : target),
    });
    const { points } = this.plane;
    points.tabIndex = 0;
    points.setAttribute("role", "application");
    points.setAttribute("aria-label", `${spec.title}: data points`);
    points.setAttribute("aria-describedby", this.help.id);
    points.addEventListener("focus", () => this.drawPoints());
    points.addEventListener("blur", () => this.drawPoints());
    this.unitLines.onchange = () => host.refresh();
    this.element.append(this.plane.element, this.legend, this.toolbar, this.help);
    this.help.textContent = this.describeKeys();
  }

  reset(): void {
    this.range = null;
    this.painter.reset();
    if (this.plane.fit()) this.grids.clear();
    this.editor.update();
    this.buildLegend();
    this.showChosen(this.editor.chosen);
    this.drawPoints();
  }

  requests(finished: boolean): Request[] {
    if (this.requested?.variant !== this.host.variant()) this.grids.clear();
    const { function: name, points, units, division } = this.parts();
    const grid = makeGrid(this.plane.width, this.plane.height, finished ? FINE : COARSE);
    const requests = [this.makeRequest("scores", name, points, grid)];
    if (units && this.unitLines.checked) requests.push(this.makeRequest("units", units.function, units.points, grid));
    const ofData = this.requestData();
    return finished || division ? [...requests, ...ofData] : requests;
  }

  /** Scores at the data points, or where the points are drawn if that depends on controls. */
  private requestData(): Request[] {
    const variant = this.host.variant();
    const data = this.host.data();
    const features = data?.dimensions === 2 ? data.features : null;
    if (this.requested?.variant === variant && this.requested.features === features) return this.requested.data;
    const { function: name, points, division } = this.parts();
    const requests: Request[] = [];
    if (division) requests.push({ id: `${this.index}.division`, function: division.function, args: {} });
    else if (features) requests.push({ id: `${this.index}.data`, function: name, ...this.toBatches(features, points) });
    this.requested = { variant, features, data: requests };
    return requests;
  }

  draw(frame: Frame): void {
    const found = this.find(frame, "scores");
    if (found) {
      const field = this.readField(found.results[0], found.grid.columns * found.grid.rows);
      this.painter.paint(field, found.grid, this.host.theme(), this.numberRange());
      this.drawLines(field, found.grid, frame);
      if (frame.finished) this.words.area = this.describeArea(field);
    }
    const scores = frame.results[`${this.index}.data`];
    if (scores) this.compare(scores[0]);
    this.readDivision(frame);
    if (frame.finished || (this.drawn && this.drawn.heldOut.length <= MANY_POINTS)) this.drawPoints();
  }

  describe(): string {
    return `${this.words.points} ${this.words.area}`.trim();
  }

  // Requests and results ---------------------------------------------------------------------------------------------------

  private parts(): DecisionBoundaryParts {
    return this.host.variant().views[this.index] as DecisionBoundaryParts;
  }

  private get classes(): string[] | null {
    if (this.spec.scores === "number") return null;
    return this.host.spec.data?.class_names ?? ["class 0", "class 1"];
  }

  /** The id of a request names its grid, because a frame may have been computed before the size changed. */
  private makeRequest(what: string, name: string, array: string, grid: Grid): Request {
    const id = `${this.index}.${what}.${grid.cell}.${grid.width}.${grid.height}`;
    let entry = this.grids.get(id);
    if (!entry) {
      entry = { grid, request: { id, function: name, ...this.toBatches(this.gridPoints(grid), array) } };
      this.grids.set(id, entry);
    }
    return entry.request;
  }

  private gridPoints({ cell, columns, rows, width, height }: Grid): Float64Array {
    const [[x0, x1], [y0, y1]] = [this.spec.x_range, this.spec.y_range];
    const points = new Float64Array(2 * columns * rows);
    for (let j = 0, k = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        points[k++] = x0 + ((x1 - x0) * i * cell) / width;
        points[k++] = y1 - ((y1 - y0) * j * cell) / height;
      }
    }
    return points;
  }

  /** Points as whole batches of a function; the last batch is filled with zeros. */
  private toBatches(points: Float64Array, array: string): { args: Record<string, TypedArray>; batches: number } {
    const size = product(this.host.variant().arrays[array].shape);
    const batches = Math.ceil(points.length / size);
    const padded = new Float64Array(batches * size);
    padded.set(points);
    return { args: { [array]: padded }, batches };
  }

  private find(frame: Frame, what: string): { results: TypedArray[]; grid: Grid } | null {
    for (const [id, { grid }] of this.grids) {
      if (id.startsWith(`${this.index}.${what}.`) && frame.results[id]) return { results: frame.results[id], grid };
    }
    return null;
  }

  private readField(scores: TypedArray, count: number): Field {
    const { arrays, functions } = this.host.variant();
    const { function: name, points } = this.parts();
    return readScores(scores, count, product(functions[name].outputs[0].shape) / arrays[points].shape[0], this.spec.scores);
  }

  // Field and lines --------------------------------------------------------------------------------------------------------

  /** Range of the targets: it does not depend on the step, so that colors mean the same during a training. */
  private numberRange(): [number, number] {
    return (this.range ??= this.findRange());
  }

  private findRange(): [number, number] {
    const targets = Array.from(this.host.data()?.targets ?? []);
    if (targets.length === 0) return [0, 1];
    const [low, high] = [targets.reduce((a, b) => Math.min(a, b)), targets.reduce((a, b) => Math.max(a, b))];
    return high > low ? [low, high] : [low - 0.5, low + 0.5];
  }

  private drawLines(field: Field, grid: Grid, frame: Frame): void {
    const context = this.plane.begin(this.plane.lines);
    const theme = this.host.theme();
    context.save();
    this.plane.clip(context);
    context.strokeStyle = theme.ink;
    context.lineCap = "round";
    this.drawUnits(context, frame);
    if (field.kind === "logit") this.drawContour(context, grid, field.values, 0, 2);
    else if (field.kind === "number") for (const level of makeTicks("linear", ...this.numberRange(), 6)) this.drawContour(context, grid, field.values, level, 1);
    else for (const margins of classMargins(field.values)) this.drawContour(context, grid, margins, 0, 2);
    context.restore();
  }

  private drawContour(context: CanvasRenderingContext2D, grid: Grid, values: ArrayLike<number>, level: number, width: number): void {
    const { cell, columns, rows } = grid;
    const left = this.plane.x.toPosition(this.spec.x_range[0]);
    const top = this.plane.y.toPosition(this.spec.y_range[1]);
    context.beginPath();
    traceContour(values, columns, rows, level, (x0, y0, x1, y1) => {
      context.moveTo(left + x0 * cell, top + y0 * cell);
      context.lineTo(left + x1 * cell, top + y1 * cell);
    });
    context.lineWidth = width;
    context.stroke();
  }

  /** Where each hidden unit is zero; units of later layers are dashed more finely. */
  private drawUnits(context: CanvasRenderingContext2D, frame: Frame): void {
    const found = this.unitLines.checked && this.find(frame, "units");
    if (!found) return;
    const count = found.grid.columns * found.grid.rows;
    const batch = this.host.variant().arrays[this.parts().units!.points].shape[0];
    const outputs = this.host.variant().functions[this.parts().units!.function].outputs;
    context.globalAlpha = 0.6;
    found.results.forEach((values, layer) => {
      const units = product(outputs[layer].shape) / batch;
      context.setLineDash(layer ? [6 / layer, 3] : []);
      for (let u = 0; u < units; u++) {
        this.drawContour(context, found.grid, readColumn(values, count, units, u), 0, 1);
      }
    });
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  private readDivision(frame: Frame): void {
    const { division } = this.parts();
    const results = frame.results[`${this.index}.division`];
    if (!division || !results) return;
    const count = this.host.data()?.count ?? 0;
    const heldOut = Array.from({ length: count }, (_, k) => Number(results[division.held_out][k]) > 0);
    this.drawn = { features: Float64Array.from({ length: 2 * count }, (_, k) => Number(results[division.features][k])), heldOut };
    const hollow = heldOut.filter(Boolean).length;
    this.words.points = `${plural(count - hollow, "point")} ${count - hollow === 1 ? "is" : "are"} training data, ${formatNumber(hollow)} held out.`;
    this.partEntry.textContent = hollow ? "hollow: held out" : "";
  }

  private positions(): Float64Array {
    const data = this.host.data()!;
    return this.drawn?.heldOut.length === data.count ? this.drawn.features : data.features;
  }

  // Points -----------------------------------------------------------------------------------------------------------------

  private drawPoints(): void {
    const context = this.plane.begin(this.plane.points);
    const theme = this.host.theme();
    this.plane.drawAxes(context, theme, this.host.spec.data?.feature_names ?? []);
    const data = this.host.data();
    if (data?.dimensions !== 2) return;
    const positions = this.positions();
    context.save();
    this.plane.clip(context);
    const groups = new Map<unknown, number[]>();
    const stride = Math.ceil(data.count / MAX_DRAWN);
    this.sampling.textContent = stride > 1 ? `one of ${stride} points is drawn` : "";
    for (let row = 0; row < data.count; row += stride) {
      const target = this.classes ? data.targets[row] : this.pointColor(data.targets[row]);
      const style = data.count > MANY_POINTS ? `${target} ${this.wrong[row]} ${this.drawn?.heldOut[row]}` : row;
      const group = groups.get(style);
      if (group) group.push(row);
      else groups.set(style, [row]);
    }
    for (const rows of groups.values()) this.drawMarkers(context, theme, rows, positions, data.targets[rows[0]]);
    if (this.editor.chosen !== null) this.drawChosen(context, positions, this.editor.chosen);
    context.restore();
  }

  /** Draws points of equal style. */
  private drawMarkers(context: CanvasRenderingContext2D, theme: Theme, rows: number[], positions: Float64Array, target: number): void {
    const wrong = this.wrong[rows[0]];
    const heldOut = this.drawn?.heldOut[rows[0]];
    const color = this.pointColor(target);
    const radius = this.host.data()!.count > MANY_POINTS ? 3 : 4.5;
    const stroke = (style: string, width: number): void => {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.stroke();
    };
    context.beginPath();
    for (const row of rows) {
      traceMarker(context, this.classes ? target : 0, this.plane.x.toPosition(positions[2 * row]), this.plane.y.toPosition(positions[2 * row + 1]), radius);
    }
    stroke(wrong || !this.classes ? theme.ink : theme.background, wrong ? 4 : 2.5);
    context.fillStyle = heldOut ? theme.background : color;
    context.fill();
    if (heldOut) stroke(color, 1.5);
  }

  private drawChosen(context: CanvasRenderingContext2D, features: Float64Array, row: number): void {
    const theme = this.host.theme();
    const [x, y] = [this.plane.x.toPosition(features[2 * row]), this.plane.y.toPosition(features[2 * row + 1])];
    for (const [color, width] of [[theme.background, 5], [theme.ink, 2.5]] as const) {
      context.beginPath();
      context.arc(x, y, 11, 0, 2 * Math.PI);
      context.strokeStyle = color;
      context.lineWidth = width;
      context.stroke();
    }
  }

  private pointColor(target: number): string {
    const theme = this.host.theme();
    if (this.classes) return theme.classes[target % theme.classes.length];
    const [low, high] = this.numberRange();
    const [first, last] = numberRamp(theme.dark);
    return formatColor(mixColors(first, last, Math.min(Math.max((target - low) / (high - low), 0), 1)));
  }

  private middleTarget(): number {
    const [low, high] = this.numberRange();
    return (low + high) / 2;
  }

  private choose(row: number | null): void {
    this.showChosen(row);
    this.drawPoints();
    if (row !== null) this.host.announce(this, this.describePoint(row));
  }

  private showChosen(row: number | null): void {
    const data = this.host.data();
    if (row === null || data?.dimensions !== 2) {
      this.toolbar.replaceChildren(data && this.editor.editable ? this.describeEditing() : "");
    } else {
      const { editable, resizable } = this.editor;
      this.toolbar.replaceChildren(html("span", {}, this.describePoint(row)));
      if (editable && this.host.spec.data?.targets !== null) this.toolbar.append(this.classes ? button("Relabel", () => this.editor.relabel()) : this.makeTargetBox(row));
      if (resizable) this.toolbar.append(button("Delete", () => this.editor.delete()));
    }
  }

  private makeTargetBox(row: number): HTMLElement {
    const box = html("input", { type: "number", step: "any", value: String(this.host.data()!.targets[row]), "aria-label": "Target of the point" });
    box.onchange = () => Number.isFinite(box.valueAsNumber) && this.host.changeData({ kind: "relabel", row, target: box.valueAsNumber });
    return box;
  }

  // Legend and words -------------------------------------------------------------------------------------------------------

  private buildLegend(): void {
    const entries: HTMLElement[] = this.classes ? this.classes.map((name, c) => this.makeClassEntry(name, c)) : [this.makeRampEntry()];
    entries.push(this.partEntry, this.sampling);
    if (this.parts().units) entries.push(html("label", {}, this.unitLines, "Lines of hidden units"));
    if (this.classes && this.editor.resizable) {
      const chosen = this.newTarget.selectedIndex;
      this.newTarget.replaceChildren(...this.classes.map((name) => html("option", {}, name)));
      this.newTarget.selectedIndex = Math.max(chosen, 0);
      entries.push(html("span", {}, html("label", { htmlFor: this.newTarget.id }, "New points:"), this.newTarget));
    }
    this.legend.replaceChildren(...entries);
  }

  private makeClassEntry(name: string, c: number): HTMLElement {
    const path = svg("path", { d: markerPath(c, 8, 8, 5.5), fill: this.pointColor(c) });
    return html("span", {}, svg("svg", { width: 16, height: 16, "aria-hidden": "true" }, path), name);
  }

  private makeRampEntry(): HTMLElement {
    const [low, high] = this.numberRange();
    const colors: Color[] = numberRamp(this.host.theme().dark);
    const ramp = html("span", { className: "boundary-ramp" });
    ramp.style.background = `linear-gradient(90deg, ${colors.map(formatColor).join(", ")})`;
    return html("span", {}, formatNumber(low, 3), ramp, formatNumber(high, 3));
  }

  private describeEditing(): string {
    return this.editor.resizable ? "Drag points; click to add one." : "Drag points.";
  }

  private describeKeys(): string {
    const { editable, resizable } = this.editor;
    const words = ["Arrow keys choose a point."];
    if (editable) words.push("Shift and arrow keys move it, Enter changes its class.");
    if (resizable) words.push("Delete removes it, Insert adds a point.");
    return words.join(" ");
  }

  private describePoint(row: number): string {
    const data = this.host.data()!;
    const names = this.host.spec.data!.feature_names;
    const place = [0, 1].map((k) => `${names[k]} = ${formatNumber(data.features[2 * row + k], 3)}`).join(", ");
    const target = this.classes ? this.classes[data.targets[row]] : `target ${formatNumber(data.targets[row])}`;
    return `Point ${row + 1} of ${data.count}: ${place}, ${target}.`;
  }

  private describeArea(field: Field): string {
    if (field.kind === "number") {
      const [low, high] = [field.values.reduce((a, b) => Math.min(a, b)), field.values.reduce((a, b) => Math.max(a, b))];
      return `In the picture, predictions go from ${formatNumber(low, 3)} to ${formatNumber(high, 3)}.`;
    }
    const counts = (this.classes ?? []).map(() => 0);
    for (const c of predictClasses(field)) counts[c] = (counts[c] ?? 0) + 1;
    const total = counts.reduce((a, b) => a + b, 0);
    const areas = counts.map((n, c) => `${this.classes?.[c] ?? `class ${c}`} ${formatPercent(n / total)}`);
    return `Areas in the picture: ${areas.join(", ")}.`;
  }

  /** Compares predictions at the data points with their targets. */
  private compare(scores: TypedArray): void {
    const data = this.host.data();
    if (!data) return;
    const field = this.readField(scores, data.count);
    if (field.kind === "number") {
      const squares = field.values.reduce((sum, value, k) => sum + (value - data.targets[k]) ** 2, 0);
      this.words.points = `At the points, the root mean squared error is ${formatNumber(Math.sqrt(squares / data.count), 3)}.`;
      return;
    }
    const predicted = predictClasses(field);
    this.wrong = Array.from(predicted, (c, k) => c !== data.targets[k]);
    const right = this.wrong.filter((w) => !w).length;
    this.partEntry.textContent = right < data.count ? `${formatNumber(data.count - right)} misclassified: thick outline` : "";
    this.words.points = `${formatNumber(right)} of ${plural(data.count, "point")} (${formatPercent(right / data.count)}) ${right === 1 ? "is" : "are"} classified correctly.`;
  }
}

const button = (label: string, onclick: () => void): HTMLElement => html("button", { type: "button", onclick }, label);
