/** Functions of one number over the range of its slider, with present values, and from where on they are not finite. */

import { html, svg } from "../dom";
import { drawAxes } from "../drawing/axes";
import { formatNumber } from "../numbers";
import { type Scale, makeScale } from "../scales";
import type { SliderSpec, ValueCurvesParts, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";

const POINTS = 241;
/** Evaluations between two points, repeated until a change is known to about nine digits. */
const REFINEMENTS = 4;
const [LEFT, TOP, BOTTOM, RIGHT] = [56, 10, 38, 14];
const STYLES = ["stroke-width:9;opacity:.35", "stroke-width:3;stroke-dasharray:9 6", "stroke-width:2"];

addStyles(`
.view:has(.values) { grid-column: 1 / -1; }
.values { display: grid; gap: 8px 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); align-items: start; }
.values > div { min-width: 0; display: grid; gap: 8px; }
.values .end { stroke: var(--ink); stroke-dasharray: 3 3; }
.values .end-label { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--background); stroke-width: 4px; }
.values .legend { font-size: .9em; display: flex; flex-wrap: wrap; gap: 2px 16px; }
.values .legend svg { display: inline; }
.values table { border-collapse: collapse; width: 100%; font-size: .9em; table-layout: fixed; font-variant-numeric: tabular-nums; }
.values :is(th, td) { text-align: start; font-weight: 400; padding: 4px 6px; border-bottom: 1px solid var(--faint); vertical-align: top; overflow-wrap: anywhere; height: 2.9em; }
.values thead :is(th, td) { height: auto; color: var(--faint); }
.values .found { min-height: 6em; }
`);

/** Where the values of a curve change from finite to inf or NaN, or between these. */
interface Change {
  at: number;
  before: string;
  to: string;
}

const kindOf = (value: number): string => (Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? "finite" : value > 0 ? "inf" : "−inf");

export class ValueCurves implements View {
  private readonly slider: SliderSpec;
  private readonly svg = svg("svg", { role: "img" });
  private readonly legend = html("div", { className: "legend" });
  private readonly table = html("table");
  private readonly found = html("p", { className: "found" });
  readonly element: HTMLElement;
  private readonly plot: HTMLElement;
  private parts: ValueCurvesParts | null = null;
  private grid = new Float64Array();
  private requested: Request[] = [];
  private changes: Change[][] = [];
  private results: number[][] = [];
  private x!: Scale;
  private dragging = false;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.slider = host.spec.controls.find(({ id }) => id === spec.slider) as SliderSpec;
    this.plot = html("div", {}, this.svg, this.legend);
    this.element = html("div", { className: "values chart" }, this.plot, html("div", {}, this.table, this.found));
    this.svg.setAttribute("aria-label", `${spec.title} over ${this.slider.label}`);
    this.svg.onpointerdown = (event) => {
      this.dragging = true;
      this.svg.setPointerCapture(event.pointerId);
      this.move(event.offsetX);
    };
    this.svg.onpointermove = (event) => this.dragging && this.move(event.offsetX);
    this.svg.onpointerup = this.svg.onpointercancel = () => (this.dragging = false);
  }

  reset(): void {
    const parts = this.host.variant().views[this.index] as ValueCurvesParts;
    if (parts === this.parts) return;
    this.parts = parts;
    this.changes = [];
    this.results = [];
    this.found.textContent = "";
    const { minimum, maximum, scale } = this.slider;
    const places = makeScale(scale, minimum, maximum, 0, POINTS - 1);
    this.grid = Float64Array.from({ length: POINTS }, (_, k) => (k === POINTS - 1 ? maximum : places.toValue(k)));
    this.requested = parts.curves.map((curve, k) => this.ask(`grid.${k}`, curve.function, this.grid));
  }

  requests(): Request[] {
    return this.requested;
  }

  draw(frame: Frame): void {
    const { curves } = this.parts!;
    const found = curves.map((_, k) => frame.results[`${this.index}.grid.${k}`]?.[0]);
    if (found.some((values) => !values)) return;
    const first = this.results.length === 0;
    this.results = found.map((values) => toNumbers(values));
    this.drawCurves(Number(frame.inputs[this.slider.id]));
    void this.showNumbers(Number(frame.inputs[this.slider.id]));
    if (first) void this.findChanges();
  }

  describe(): string {
    const rows = Array.from(this.table.querySelectorAll("tbody tr"), (row) => Array.from(row.children, ({ textContent }) => textContent).join(": "));
    return `${rows.join("; ")}. ${this.found.textContent}`;
  }

  private ask(id: string, name: string, values: Float64Array): Request {
    return { id: `${this.index}.${id}`, function: name, args: { [this.parts!.argument]: values as TypedArray }, batches: values.length };
  }

  private move(offset: number): void {
    const { minimum, maximum } = this.slider;
    const value = Math.min(Math.max(this.x.toValue(offset), minimum), maximum);
    this.host.set({ [this.slider.id]: Number(value.toPrecision(4)) });
  }

  /** Values at the present place. A newer place replaces an older one. */
  private async showNumbers(value: number): Promise<void> {
    const parts = this.parts!;
    const rows = [...parts.numbers, ...parts.curves];
    const at = Float64Array.of(value);
    const results = await this.host.evaluate(rows.map(({ function: name }, k) => this.ask(`now.${k}`, name, at)));
    if (parts !== this.parts) return;
    const numbers = rows.map((_, k) => toNumbers(results[`${this.index}.now.${k}`][0]));
    const truth = parts.reference === null ? null : numbers[parts.numbers.length + parts.reference][0];
    const head = html("tr", {}, html("td", {}, `${this.slider.label} = ${formatNumber(value)}`), html("th", { scope: "col" }, "value"), ...(truth === null ? [] : [html("th", { scope: "col" }, "relative error")]));
    const body = rows.map(({ label }, k) => {
      const isCurve = k >= parts.numbers.length;
      const shown = numbers[k].map((v) => write(v, isCurve ? 8 : 3));
      const isReference = k - parts.numbers.length === parts.reference;
      const error = truth === null || !isCurve ? [] : [html("td", {}, isReference ? "" : this.compare(numbers[k][0], truth))];
      return html("tr", {}, html("th", { scope: "row" }, label), html("td", { colSpan: isCurve ? 1 : 2 }, shown.length > 1 ? `(${shown.join(", ")})` : shown[0]), ...error);
    });
    this.table.replaceChildren(html("thead", {}, head), html("tbody", {}, ...body));
  }

  private compare(value: number, truth: number): string {
    if (!Number.isFinite(value)) return "no digit is right";
    const error = Math.abs(value - truth) / Math.abs(truth);
    return value === truth ? "0" : truth === 0 ? "" : error.toExponential(1);
  }

  /** Looks for places where curves stop to be finite, first on the grid, then between its points. */
  private async findChanges(): Promise<void> {
    const parts = this.parts!;
    const all = await Promise.all(
      parts.curves.map(async (curve, c) => {
        const kinds = this.results[c].map(kindOf);
        const places = kinds.flatMap((kind, k) => (k && kind !== kinds[k - 1] ? [k] : []));
        return Promise.all(places.map((k) => this.refine(curve.function, this.grid[k - 1], this.grid[k], kinds[k - 1], kinds[k])));
      }),
    );
    if (parts !== this.parts) return;
    this.changes = all;
    const told = parts.curves.map(({ label }, c) => this.sayChanges(label, all[c], this.results[c]));
    this.found.replaceChildren(...told.flatMap((line) => [line, html("br")]));
    this.host.refresh();
  }

  private async refine(name: string, low: number, high: number, before: string, to: string): Promise<Change> {
    for (let round = 0; round < REFINEMENTS; round++) {
      const between = Float64Array.from({ length: POINTS }, (_, k) => low + ((high - low) * k) / (POINTS - 1));
      const id = `refine.${name}.${low}.${round}`;
      const results = await this.host.evaluate([this.ask(id, name, between)]);
      const kinds = toNumbers(results[`${this.index}.${id}`][0]).map(kindOf);
      const k = Math.max(kinds.findIndex((kind) => kind !== before), 1);
      [low, high] = [between[k - 1], between[k]];
    }
    return { at: high, before, to };
  }

  private sayChanges(label: string, changes: Change[], values: number[]): string {
    const { label: name, unit } = this.slider;
    if (changes.length === 0) return values.every(Number.isFinite) ? `${label}: finite over the whole range.` : `${label}: ${kindOf(values[0])} over the whole range.`;
    const parts = changes.map(({ at, to }) => `${to} from ${name} = ${formatNumber(at)}${unit} on`);
    return `${label}: ${parts.join(", ")}.`;
  }

  private drawCurves(value: number): void {
    const theme = this.host.theme();
    const width = Math.max(Math.floor(this.plot.clientWidth), 200);
    const height = Math.round(Math.min(Math.max(width * 0.62, 200), 340));
    const finite = this.results.flat().filter(Number.isFinite);
    const [low, high] = [Math.min(0, ...finite), Math.max(...finite, 1e-9)];
    const { minimum, maximum, scale, label, unit } = this.slider;
    const x = (this.x = makeScale(scale, minimum, maximum, LEFT, width - RIGHT));
    const y = makeScale("linear", low, high + 0.05 * (high - low), height - BOTTOM, TOP);
    const bottom = height - BOTTOM;
    for (const [name, size] of [["width", width], ["height", height]] as const) this.svg.setAttribute(name, String(size));
    const name = [label, unit].filter(Boolean).join(", ");
    const yAxis = { kind: "linear", low, high, scale: y, label: "value" } as const;
    const axes = drawAxes({ kind: scale, low: minimum, high: maximum, scale: x, label: name }, yAxis, [LEFT, TOP, width - RIGHT, bottom]);
    const color = (k: number): string => theme.curves[k % theme.curves.length];
    // The reference is drawn wide below the others.
    const { curves, reference } = this.parts!;
    const order = curves.map((_, k) => k).sort((a, b) => Number(b === reference) - Number(a === reference));
    const style = (k: number): string => `stroke:${color(k)};${STYLES[k === reference ? 0 : k % 2 ? 1 : 2]}`;
    const lines = order.map((k) => {
      let d = "";
      this.results[k].forEach((v, i) => (d += Number.isFinite(v) ? `${d && Number.isFinite(this.results[k][i - 1]) ? "L" : "M"}${x.toPosition(this.grid[i]).toFixed(1)} ${y.toPosition(v).toFixed(1)}` : ""));
      return svg("path", { d, style: style(k) });
    });
    const ends = this.changes.flatMap((list) => list).map(({ at, to }, k) => {
      const left = x.toPosition(at);
      const flip = left > width - 90;
      return svg("g", {}, svg("line", { class: "end", x1: left, x2: left, y1: TOP, y2: bottom }), svg("text", { class: "end-label", x: left + (flip ? -4 : 4), y: bottom - 8 - 16 * k, "text-anchor": flip ? "end" : "start" }, `${to} from ${formatNumber(at)}`));
    });
    const now = x.toPosition(value);
    this.svg.replaceChildren(...axes, ...lines, svg("line", { class: "now", x1: now, x2: now, y1: TOP, y2: bottom }), ...ends);
    const samples = curves.map(({ label: curve }, k) => html("span", {}, svg("svg", { width: 34, height: 10 }, svg("line", { x1: 0, x2: 34, y1: 5, y2: 5, style: style(k) })), ` ${curve}`));
    this.legend.replaceChildren(...samples);
  }
}

const toNumbers = (values: TypedArray): number[] => Array.from(values as Float64Array, Number);

function write(value: number, digits: number): string {
  return Number.isFinite(value) ? formatNumber(value, digits) : kindOf(value);
}
