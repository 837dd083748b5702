/** One neuron: inputs, weights, sum, activation function and output as a picture, and the arithmetic with the present numbers. */

import { html, svg } from "../dom";
import { formatColor } from "../drawing/colors";
import { dragNumber } from "../drawing/drag";
import { SignedLegend, findLargest, mixSigned, roundUp } from "../drawing/signed";
import { formatFixed, formatNumber } from "../numbers";
import { makeScale } from "../scales";
import type { NeuronParts, NeuronSpec, SliderSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, View } from "../view";
import { NeuronPlane, SHADE } from "./neuron_plane";

const RADIUS = 25;
/** Vertical distance of the inputs, and where the first one is. */
const DISTANCE = 82;
const TOP = 54;
/** Range of z in the picture of the activation function. */
const REACH = 6;
/** Change of a weight for each pixel that it is dragged. */
const DRAG = 0.02;
/** Outputs that are at most 1 in size everywhere are drawn on the scale from -1 to 1. */
const BOUNDED = 1.0001;

addStyles(`
.neuron { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 14px 28px; align-items: start; }
.neuron > div { display: grid; gap: 8px; min-width: 0; }
.neuron svg { display: block; width: 100%; max-width: 640px; }
.neuron text { font: 12px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; font-variant-numeric: tabular-nums; }
.neuron .faint { fill: var(--faint); }
.neuron .small { font-size: 11px; }
.neuron .number { font-size: 14px; font-weight: 600; }
.neuron .weight { cursor: ew-resize; touch-action: none; }
.neuron .weight rect { fill: var(--background); stroke: var(--faint); }
.neuron .weight:hover rect { stroke: var(--ink); }
.neuron .wire, .neuron .axis { stroke: var(--faint); fill: none; }
.neuron .curve { stroke: var(--ink); stroke-width: 2; fill: none; }
.neuron-sum { display: grid; grid-template-columns: auto 1fr; gap: 2px 6px; font-variant-numeric: tabular-nums; margin: 0; }
.neuron-sum dt { text-align: end; }
.neuron-sum dd { margin: 0; min-height: 1.45em; }
.neuron h4 { margin: 0; font-size: .9em; font-weight: 600; }
.neuron-caption { min-height: 2.9em; }
@container (max-width: 980px) { .neuron-caption { min-height: 4.4em; } }
`);

/** Outputs of the function, by their numbers. */
interface Outputs {
  products: number[];
  z: number;
  a: number;
  slope: number;
  curve: ArrayLike<number>;
  corners: number[];
  truth: number[];
  right: number[];
}

export class NeuronView implements View {
  readonly element = html("div", { className: "neuron" });
  private readonly spec: NeuronSpec;
  private readonly picture = svg("svg", { role: "img" });
  private readonly sum = html("dl", { className: "neuron-sum" });
  private readonly caption = html("p", { className: "neuron-caption" });
  private readonly legend = new SignedLegend("color of numbers");
  private readonly plane: NeuronPlane | null;
  private readonly request: Request;
  /** z at which the activation function is evaluated. */
  private readonly grid: Float64Array;
  private values: Record<string, number> = {};
  private outputs: Outputs | null = null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as NeuronSpec;
    const { function: name, grid } = this.parts;
    const [count] = host.variant().arrays[grid].shape;
    const end = this.findReach();
    this.grid = Float64Array.from({ length: count }, (_, k) => end * ((2 * k) / (count - 1) - 1));
    this.request = { id: `${index}.neuron`, function: name, args: { [grid]: this.grid } };
    this.picture.setAttribute("aria-label", "The neuron with its inputs, weights, bias, sum, activation function and output. The sliders change them.");
    const hint = html("p", { className: "readout" }, "Drag a weight to the left or right to change it.");
    this.element.append(html("div", {}, this.picture, this.sum, this.caption, this.legend.element, hint));
    this.plane = this.spec.plane && new NeuronPlane(host, this.spec);
    if (this.plane) this.element.append(this.plane.element);
  }

  reset(): void {
    this.plane?.reset();
    if (this.outputs) this.show();
  }

  requests(): Request[] {
    return [this.request];
  }

  draw(frame: Frame): void {
    const results = frame.results[this.request.id];
    if (!results) return;
    const [products, z, a, slope, curve, ...others] = results.map((values) => Array.from(values as ArrayLike<number>, Number));
    const corners = this.spec.plane ? others.shift()! : [];
    const [truth = [], right = []] = others;
    this.outputs = { products, z: z[0], a: a[0], slope: slope[0], curve, corners, truth, right };
    this.values = Object.fromEntries(Object.entries(frame.inputs).map(([id, value]) => [id, Number(value)]));
    this.show();
  }

  describe(): string {
    if (!this.outputs) return "";
    const numbers = [...this.spec.inputs, ...this.spec.weights, this.spec.bias].map((id) => `${id} = ${formatNumber(this.values[id])}`);
    return [`${numbers.join(", ")}.`, this.caption.textContent, this.plane?.describe() ?? ""].join(" ").trim();
  }

  private get parts(): NeuronParts {
    return this.host.variant().views[this.index] as NeuronParts;
  }

  private get activation(): string {
    const { activation, activations } = this.spec;
    return activations[activation === null ? 0 : this.values[activation]];
  }

  private slider(id: string): SliderSpec {
    return this.host.spec.controls.find((control): control is SliderSpec => control.id === id && control.kind === "slider")!;
  }

  /** The largest size of z that the sliders allow. */
  private findReach(): number {
    const size = (id: string): number => Math.max(Math.abs(this.slider(id).minimum), Math.abs(this.slider(id).maximum));
    const { inputs, weights, bias } = this.spec;
    return Math.max(REACH, inputs.reduce((sum, id, k) => sum + size(id) * size(weights[k]), size(bias)));
  }

  private show(): void {
    const outputs = this.outputs!;
    const bound = findLargest(outputs.curve);
    const limit = bound <= BOUNDED ? 1 : roundUp(bound / 3);
    this.build(outputs, limit);
    this.showSum(outputs);
    this.caption.textContent = this.explain(outputs);
    this.legend.show(this.host.theme(), limit, SHADE);
    this.plane?.draw({ ...outputs, values: this.values, grid: this.grid, limit });
  }

  // Picture ----------------------------------------------------------------------------------------------------------------

  private build(outputs: Outputs, limit: number): void {
    const { inputs, weights, bias } = this.spec;
    const width = Math.max(this.picture.clientWidth, 300);
    const height = TOP + DISTANCE * inputs.length + RADIUS + 8;
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.picture.style.height = `${height}px`;
    const x = RADIUS + 3;
    const last = width - RADIUS - 3;
    const sum = x + (last - x) * 0.46;
    const middle = TOP + (DISTANCE * inputs.length) / 2;
    const places = [...inputs, null].map((_, k) => TOP + DISTANCE * k);
    const sources = [...weights, bias];
    const edges = sources.map((id, k) => this.drawEdge(id, x + RADIUS, places[k], sum, middle));
    const box = Math.min(Math.max((last - sum) * 0.52, 84), 150);
    const center = (sum + last) / 2;
    const parts: SVGElement[] = [
      ...edges.map(({ line }) => line),
      arrow(sum + RADIUS, middle, center - box / 2 - 2),
      arrow(center + box / 2, middle, last - RADIUS - 2),
      ...inputs.flatMap((id, k) => this.drawUnit(x, places[k], this.values[id], id, limit)),
      ...this.drawUnit(x, places.at(-1)!, 1, "bias unit", limit),
      ...this.drawUnit(sum, middle, outputs.z, "z, the sum", limit, 2),
      ...this.drawUnit(last, middle, outputs.a, "a", limit, 2),
      ...this.drawActivation(outputs, center, middle, box),
      ...edges.map(({ label }) => label),
    ];
    this.picture.replaceChildren(...parts);
  }

  private drawUnit(x: number, y: number, value: number, name: string, limit: number, digits = 1): SVGElement[] {
    const theme = this.host.theme();
    const fill = formatColor(mixSigned(theme, SHADE * Math.max(-1, Math.min(1, value / limit))));
    return [
      svg("circle", { cx: x, cy: y, r: RADIUS, style: `fill:${fill};stroke:${theme.faint}` }),
      svg("text", { class: "number", x, y: y + 5 }, formatFixed(value, digits)),
      svg("text", { class: "faint", x: Math.max(x, 3.2 * name.length), y: y - RADIUS - 6 }, name),
    ];
  }

  /** A connection with its weight, which can be dragged. */
  private drawEdge(id: string, x0: number, y0: number, x1: number, y1: number): { line: SVGElement; label: SVGElement } {
    const theme = this.host.theme();
    const value = this.values[id];
    const slider = this.slider(id);
    const size = Math.abs(value) / Math.max(Math.abs(slider.minimum), Math.abs(slider.maximum));
    const length = Math.hypot(x1 - x0, y1 - y0);
    const [endX, endY] = [x1 - (RADIUS * (x1 - x0)) / length, y1 - (RADIUS * (y1 - y0)) / length];
    const stroke = value < 0 ? `stroke:${theme.negative};stroke-dasharray:7 4` : `stroke:${value ? theme.positive : theme.faint}`;
    const line = svg("line", { x1: x0, y1: y0, x2: endX, y2: endY, "stroke-width": 1 + 6 * size, style: stroke });
    const text = `${id} = ${formatFixed(value, 1)}`;
    const half = 3.6 * Math.max(text.length, 8) + 4;
    const [x, y] = [x0 + (endX - x0) * 0.47, y0 + (endY - y0) * 0.47];
    const label = svg("g", { class: "weight" }, svg("rect", { x: x - half, y: y - 12, width: 2 * half, height: 24, rx: 6 }), svg("text", { x, y: y + 4 }, text));
    label.onpointerdown = (event) => {
      event.preventDefault();
      dragNumber(event, value, DRAG, slider.step ?? 0.01, (moved) => this.host.set({ [id]: Math.min(Math.max(moved, slider.minimum), slider.maximum) }));
    };
    return { line, label };
  }

  /** The activation function as a curve, with the present point. */
  private drawActivation({ z, a, curve }: Outputs, center: number, middle: number, box: number): SVGElement[] {
    const tall = box * 0.8;
    const inside = Array.from(curve, (value, k) => [this.grid[k], value]).filter(([at]) => Math.abs(at) <= REACH);
    const low = Math.min(0, ...inside.map(([, value]) => value));
    const high = Math.max(1, ...inside.map(([, value]) => value));
    const [left, top] = [center - box / 2, middle - tall / 2];
    const xs = makeScale("linear", -REACH, REACH, left + 5, left + box - 5);
    const ys = makeScale("linear", low, high, top + tall - 6, top + 6);
    const path = inside.map(([at, value], k) => `${k ? "L" : "M"}${xs.toPosition(at).toFixed(1)} ${ys.toPosition(value).toFixed(1)}`).join("");
    const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);
    const [px, py] = [xs.toPosition(clamp(z, -REACH, REACH)), ys.toPosition(clamp(a, low, high))];
    const theme = this.host.theme();
    const tick = (x: number, y: number, text: string, anchor: string): SVGElement => svg("text", { class: "faint small", x, y, style: `text-anchor:${anchor}` }, text);
    return [
      svg("rect", { x: left, y: top, width: box, height: tall, rx: 4, style: `fill:${theme.surface};stroke:${theme.faint}` }),
      svg("path", { class: "axis", d: `M${left} ${ys.toPosition(0)}H${left + box}M${xs.toPosition(0)} ${top}V${top + tall}` }),
      svg("path", { class: "curve", d: path }),
      svg("path", { class: "axis", "stroke-dasharray": "3 3", d: `M${px} ${ys.toPosition(0)}V${py}H${xs.toPosition(0)}` }),
      svg("circle", { cx: px, cy: py, r: 5, style: `fill:${theme.ink};stroke:${theme.background};stroke-width:2` }),
      svg("text", { x: center, y: top - 7 }, this.activation),
      tick(left, top + tall + 14, formatNumber(-REACH), "start"),
      tick(center, top + tall + 14, "z", "middle"),
      tick(left + box, top + tall + 14, formatNumber(REACH), "end"),
      tick(left + 4, top + 13, formatNumber(Number(high.toPrecision(2))), "start"),
      ...(low < 0 ? [tick(left + box - 4, top + tall - 4, formatNumber(Number(low.toPrecision(2))), "end")] : []),
      ...(Math.abs(z) > REACH ? [tick(center, top + tall + 28, `z is outside of this picture`, "middle")] : []),
    ];
  }

  // Words ------------------------------------------------------------------------------------------------------------------

  private showSum({ products, z, a }: Outputs): void {
    const { inputs, weights, bias } = this.spec;
    const names = [...inputs.map((id, k) => `${weights[k]} · ${id}`), bias];
    const factors = inputs.map((id, k) => `${parenthesize(this.values[weights[k]])} · ${parenthesize(this.values[id])}`);
    const b = this.values[bias];
    const terms = [...products, b].map((value, k) => (k ? `${value < 0 ? "−" : "+"} ${formatFixed(Math.abs(value), 2)}` : formatFixed(value, 2)));
    const rows: [string, string][] = [
      ["z", `= ${names.join(" + ")}`],
      ["", `= ${factors.join(" + ")} + ${parenthesize(b)}`],
      ["", `= ${terms.join(" ")} = ${formatFixed(z, 2)}`],
      ["a", `= ${this.activation}(z) = ${this.activation}(${formatFixed(z, 2)}) = ${formatFixed(a, 2)}`],
    ];
    this.sum.replaceChildren(...rows.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)]));
  }

  /** The sign of z, the output that follows, and the effect of a small change of z. */
  private explain({ z, a, slope }: Outputs): string {
    const { activation } = this;
    const sign = z > 0 ? "positive" : z < 0 ? "negative" : "zero";
    const result = a === z ? `${activation} leaves it unchanged` : `${activation} gives ${Number.isInteger(a) ? formatNumber(a) : formatFixed(a, 2)}`;
    const flat = Math.abs(slope) < 0.005;
    const change = flat ? `The curve is flat here: a small change of z ${slope ? "hardly changes" : "does not change"} the output.` : `The slope is ${formatFixed(slope, 2)} here: a small change of z changes the output ${formatFixed(slope, 2)} times as much.`;
    return `z is ${sign}, so ${result}. ${change}`;
  }
}

function arrow(x0: number, y: number, x1: number): SVGElement {
  return svg("path", { class: "wire", "stroke-width": 2, d: `M${x0} ${y}H${x1}M${x1 - 6} ${y - 4}L${x1} ${y}L${x1 - 6} ${y + 4}` });
}

const parenthesize = (value: number): string => (value < 0 ? `(${formatFixed(value, 1)})` : formatFixed(value, 1));
