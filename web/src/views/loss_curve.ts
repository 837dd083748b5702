/** Losses and metrics over the recorded steps. */

import { html, svg } from "../dom";
import { drawAxes } from "../drawing/axes";
import { formatNumber } from "../numbers";
import { type Scale, type ScaleKind, makeScale } from "../scales";
import type { LossCurveSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, View } from "../view";

const LEFT = 52;
const TOP = 10;
const BOTTOM = 36;
/** Smallest vertical distance of two labels. */
const LABEL_HEIGHT = 15;

addStyles(`
.curve .held_out { stroke-dasharray: 6 4; }
`);

/** A curve with its name, color and values at the recorded steps. */
interface Curve {
  label: string;
  set: string;
  color: string;
  values: ArrayLike<number>;
}

export class LossCurve implements View {
  readonly element = html("div", { className: "curve chart" });
  private readonly spec: LossCurveSpec;
  private readonly axes = svg("g");
  private readonly curves = svg("g");
  private readonly svg = svg("svg", { role: "img" }, this.axes, this.curves);
  private readonly logarithmic = html("input", { type: "checkbox" });
  private frame: Frame | null = null;
  private width = 0;
  private height = 0;
  private range: [number, number] | null = null;
  private dragging = false;
  /** What the axes on the page depend on. They are drawn again only when it changes. */
  private axesKey = "";

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as LossCurveSpec;
    this.logarithmic.checked = this.spec.scale === "log";
    this.logarithmic.onchange = () => {
      this.range = null;
      if (this.frame) this.draw(this.frame);
    };
    this.svg.setAttribute("aria-label", spec.title);
    this.svg.onpointerdown = (event) => {
      this.dragging = true;
      this.svg.setPointerCapture(event.pointerId);
      this.seek(event.offsetX);
    };
    this.svg.onpointermove = (event) => this.dragging && this.seek(event.offsetX);
    this.svg.onpointerup = this.svg.onpointercancel = () => (this.dragging = false);
    this.element.append(this.svg, html("label", {}, this.logarithmic, "Logarithmic scale"));
  }

  reset(): void {
    this.width = Math.max(Math.floor(this.element.clientWidth), 200);
    this.height = Math.round(Math.min(Math.max(this.width * 0.55, 180), 360));
  }

  requests(): Request[] {
    return [];
  }

  draw(frame: Frame): void {
    this.frame = frame;
    const curves = this.collectCurves(frame);
    const kind = this.scaleKind(curves);
    const [low, high] = this.fitRange(curves, kind, frame.finished);
    const margin = this.labelWidth(curves);
    const x = makeScale("linear", 0, Math.max(frame.steps, 1), LEFT, this.width - margin);
    const y = makeScale(kind, low, high, this.height - BOTTOM, TOP);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("width", String(this.width));
    this.svg.setAttribute("height", String(this.height));
    const axes = [kind, low, high, margin, frame.steps, this.width].join();
    if (axes !== this.axesKey) this.axes.replaceChildren(...drawAxes({ kind: "linear", low: 0, high: Math.max(frame.steps, 1), scale: x, label: "step" }, { kind, low, high, scale: y, label: "" }, [LEFT, TOP, this.width - margin, this.height - BOTTOM]));
    this.axesKey = axes;
    this.curves.replaceChildren(
      ...curves.map((curve) => this.drawCurve(curve, frame, x, y, low, high)),
      ...this.drawLabels(curves, y, low, high),
      this.drawNow(curves, frame, x, y, low, high),
    );
  }

  describe(): string {
    const { frame } = this;
    if (!frame) return "";
    const { steps } = frame.curve;
    const at = findStep(steps, frame.step);
    return this.collectCurves(frame)
      .filter((curve) => Number.isFinite(curve.values[at]))
      .map((curve) => this.describeCurve(curve, steps, at))
      .join(" ");
  }

  private describeCurve({ label, values }: Curve, steps: ArrayLike<number>, at: number): string {
    let lowest = 0;
    for (let k = 1; k <= at; k++) if (values[k] < values[lowest]) lowest = k;
    const [first, last] = [values[0], values[at]];
    const change = last < first ? `fell from ${formatNumber(first)} to` : last > first ? `rose from ${formatNumber(first)} to` : "did not change:";
    const minimum = lowest < at && values[lowest] < last ? `, with its minimum ${formatNumber(values[lowest])} at step ${formatNumber(steps[lowest])}` : "";
    return `By step ${formatNumber(steps[at])}, ${label} ${change} ${formatNumber(last)}${minimum}.`;
  }

  private collectCurves(frame: Frame): Curve[] {
    const metrics = Array.from(new Set(this.spec.series.map((series) => series.metric)));
    const { curves } = this.host.theme();
    return this.spec.series.map(({ label, set, metric }, k) => ({
      label,
      set,
      color: curves[metrics.indexOf(metric) % curves.length],
      values: frame.curve.evaluations[`${this.index}.${k}`] ?? (set === "training" ? frame.curve.loss : []),
    }));
  }

  /** Values of zero or less have no logarithm: the scale is then linear. */
  private scaleKind(curves: Curve[]): ScaleKind {
    const possible = curves.every(({ values }) => Array.from(values).every((value) => value > 0));
    this.logarithmic.disabled = !possible;
    return possible && this.logarithmic.checked ? "log" : "linear";
  }

  /** Range of all recorded values. While training runs it only grows, so that the scale does not jump. */
  private fitRange(curves: Curve[], kind: ScaleKind, finished: boolean): [number, number] {
    let [low, high] = finished || !this.range ? [Infinity, -Infinity] : this.range;
    for (const { values } of curves) {
      for (let k = 0; k < values.length; k++) {
        if (Number.isFinite(values[k])) [low, high] = [Math.min(low, values[k]), Math.max(high, values[k])];
      }
    }
    if (!(low <= high)) return [1, 2];
    this.range = [low, high];
    if (kind === "log") return high > low * 1.001 ? [low / 1.05, high * 1.05] : [low / 2, high * 2];
    const floor = low >= 0 && low < high * 0.7 ? 0 : low - 0.05 * (high - low);
    return high > low ? [floor, high + 0.03 * (high - low)] : [low - 0.5, high + 0.5];
  }

  private drawCurve(curve: Curve, frame: Frame, x: Scale, y: Scale, low: number, high: number): SVGElement {
    const { steps } = frame.curve;
    let d = "";
    for (let k = 0; k < curve.values.length; k++) {
      const value = Math.min(Math.max(curve.values[k], low), high);
      if (Number.isNaN(value)) continue;
      d += `${d ? "L" : "M"}${x.toPosition(steps[k]).toFixed(1)} ${y.toPosition(value).toFixed(1)}`;
    }
    return svg("path", { d, class: curve.set, style: `stroke:${curve.color}`, "stroke-width": 2, "stroke-linejoin": "round" });
  }

  /** Names at the ends of the lines, moved apart where they would overlap. */
  private drawLabels(curves: Curve[], y: Scale, low: number, high: number): SVGElement[] {
    const ends = curves
      .filter(({ values }) => values.length > 0)
      .map((curve) => ({ curve, at: y.toPosition(Math.min(Math.max(findLast(curve.values), low), high)) }))
      .sort((a, b) => a.at - b.at);
    const bottom = this.height - BOTTOM;
    ends.forEach((end, k) => (end.at = Math.max(end.at, k ? ends[k - 1].at + LABEL_HEIGHT : TOP)));
    ends.toReversed().forEach((end, k, all) => (end.at = Math.min(end.at, k ? all[k - 1].at - LABEL_HEIGHT : bottom)));
    const left = this.width - this.labelWidth(curves) + 6;
    return ends.map(({ curve, at }) => svg("text", { x: left, y: at + 4, style: `fill:${curve.color};font-weight:600` }, curve.label));
  }

  private labelWidth(curves: Curve[]): number {
    return Math.min(12 + 7 * Math.max(...curves.map(({ label }) => label.length)), this.width / 3);
  }

  private drawNow(curves: Curve[], frame: Frame, x: Scale, y: Scale, low: number, high: number): SVGElement {
    const at = findStep(frame.curve.steps, frame.step);
    const position = x.toPosition(frame.step);
    const dots = curves
      .filter(({ values }) => Number.isFinite(values[at]))
      .map(({ values, color }) => svg("circle", { cx: position, cy: y.toPosition(Math.min(Math.max(values[at], low), high)), r: 4, fill: color }));
    return svg("g", {}, svg("line", { class: "now", x1: position, x2: position, y1: TOP, y2: this.height - BOTTOM }), ...dots);
  }

  private seek(offset: number): void {
    const { frame } = this;
    if (!frame) return;
    const right = this.width - this.labelWidth(this.collectCurves(frame));
    const x = makeScale("linear", 0, frame.steps, LEFT, right);
    this.host.seek(Math.min(Math.max(x.toValue(offset), 0), frame.steps));
  }
}

/** The last value; those of recent steps may not be computed yet. */
const findLast = (values: ArrayLike<number>): number => Array.from(values).findLast(Number.isFinite) ?? 0;

/** Index of the last recorded step up to a step. */
function findStep(steps: ArrayLike<number>, step: number): number {
  let at = 0;
  for (let k = 1; k < steps.length && steps[k] <= step; k++) at = k;
  return at;
}
