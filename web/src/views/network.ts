/** The network drawn as units and weighted edges, with the values of the units for one data point. */

import { html, svg } from "../dom";
import { FixedLimit, findLargest, mixSigned } from "../drawing/signed";
import { formatColor } from "../drawing/colors";
import { formatNumber, plural } from "../numbers";
import type { NetworkParts, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { formatIndex, readArray } from "./frame_values";

/** Layers with more units are drawn as one box. */
const MAX_UNITS = 50;
const HEAD = 38;
const MAX_RADIUS = 17;
/** Units at least this large show their value inside. */
const TEXT_RADIUS = 13;
const MAX_EDGE = 6;
/** Largest distance of the pointer to an edge that it names. */
const REACH = 7;

addStyles(`
.net svg { display: block; width: 100%; touch-action: pan-y pinch-zoom; cursor: crosshair; }
.net text { font: 12px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
.net .value { font-size: 11px; font-variant-numeric: tabular-nums; }
.net .faint { fill: var(--faint); }
.net .edge { fill: none; stroke-linecap: butt; }
.net .chosen { stroke: var(--ink) !important; stroke-opacity: 1; }
.net-legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: .85em; color: var(--faint); align-items: center; }
.net-legend span { display: inline-flex; gap: 6px; align-items: center; }
`);

interface Unit {
  layer: number;
  unit: number;
}
/** A unit, or the edge to it from a unit of the layer before. */
interface Item extends Unit {
  from: number | null;
}

interface DrawnUnit {
  x: number;
  y: number;
  circle: SVGElement;
  text: SVGElement;
}

interface DrawnEdge extends Unit {
  from: number;
  line: SVGElement;
}

/** A layer as it is drawn: the numbers of its units, or none if it is one box. */
type Shown = number[] | null;

export class Network implements View {
  private readonly svg = svg("svg", { tabindex: 0, role: "application" });
  private readonly readout = html("p", { className: "readout" });
  private readonly legend = html("div", { className: "net-legend" });
  readonly element = html("div", { className: "net" }, this.svg, this.readout, this.legend);
  private readonly weightLimit = new FixedLimit();
  private readonly biasLimit = new FixedLimit();
  private valueLimits: FixedLimit[] = [];
  private shown: Shown[] = [];
  private units: (DrawnUnit | null)[][] = [];
  private edges: DrawnEdge[] = [];
  private frame: Frame | null = null;
  private item: Item | null = null;
  private outline: SVGElement | null = null;
  private readonly inspectable: boolean;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.inspectable = host.spec.views.some(({ kind }) => kind === "numbers");
    const space = this.inspectable ? " The space bar shows how the number is computed." : "";
    const keys = `Left and right arrow keys choose a layer, up and down a unit; Enter goes through the weights of a unit, Escape back.${space}`;
    this.svg.setAttribute("aria-label", `${spec.title}. ${keys}`);
    this.svg.onpointermove = (event) => this.choose(this.findItem(event.offsetX, event.offsetY));
    this.svg.onpointerdown = (event) => this.choose(this.findItem(event.offsetX, event.offsetY));
    this.svg.onclick = (event) => this.inspectItem(this.findItem(event.offsetX, event.offsetY));
    this.svg.onpointerleave = () => this.choose(null);
    this.svg.onblur = () => this.choose(null);
    this.svg.onfocus = () => this.svg.matches(":focus-visible") && this.choose({ layer: 0, unit: this.first(0), from: null });
    this.svg.onkeydown = (event) => this.press(event);
  }

  reset(): void {
    this.shown = [];
    this.item = null;
    if (this.frame && this.parts.layers.length === this.valueLimits.length) this.build();
  }

  requests(): Request[] {
    const { activations, layers } = this.parts;
    const data = this.host.data();
    if (!activations || !data || data.count === 0 || data.dimensions !== layers[0].units) return [];
    const row = Math.min(this.host.sample, data.count - 1);
    const point = data.features.slice(row * data.dimensions, (row + 1) * data.dimensions);
    return [{ id: `${this.index}.activations`, function: activations.function, args: { [activations.argument]: point } }];
  }

  draw(frame: Frame): void {
    this.frame = frame;
    if (this.valueLimits.length !== this.parts.layers.length) this.valueLimits = this.parts.layers.map(() => new FixedLimit());
    const shown = this.parts.layers.map((_, layer) => this.listUnits(layer));
    if (JSON.stringify(shown) !== JSON.stringify(this.shown)) {
      this.shown = shown;
      this.build();
    }
    this.drawEdges(frame);
    this.drawUnits(frame);
    this.tell();
  }

  describe(): string {
    const { layers, connections } = this.parts;
    if (!this.frame) return "";
    const sizes = layers.map(({ name, units }, k) => (this.shown[k]?.length ?? units) + (k ? ` in ${name}` : " inputs"));
    const strongest = connections.map(({ weights }, k) => {
      const values = readArray(this.host, this.frame, weights);
      let best = 0;
      for (let i = 1; i < values.length; i++) if (Math.abs(Number(values[i])) > Math.abs(Number(values[best]))) best = i;
      const { units } = layers[k + 1];
      return `The largest weight of ${weights} goes from ${this.nameUnit(k, Math.floor(best / units))} to ${this.nameUnit(k + 1, best % units)}: ${formatNumber(Number(values[best]))}.`;
    });
    return [`Units: ${sizes.join(", ")}.`, ...strongest, this.describeOutputs()].join(" ").trim();
  }

  private get parts(): NetworkParts {
    return this.host.variant().views[this.index] as NetworkParts;
  }

  private values(name: string): TypedArray {
    return readArray(this.host, this.frame, name);
  }

  private outputs(layer: number): TypedArray | null {
    const results = this.frame?.results[`${this.index}.activations`];
    return results?.[this.parts.activations!.outputs[layer]] ?? null;
  }

  /** Hidden units with weights and biases of 0 only are not part of the network: they are places for wider ones. */
  private listUnits(layer: number): Shown {
    const { layers, connections } = this.parts;
    const { units } = layers[layer];
    const all = Array.from({ length: units }, (_, u) => u);
    if (layer === 0 || layer === layers.length - 1) return units > MAX_UNITS ? null : all;
    const [into, out] = [connections[layer - 1], connections[layer]];
    const weights = [this.values(into.weights), this.values(out.weights), into.bias === null ? [] : this.values(into.bias)];
    const next = layers[layer + 1].units;
    const used = all.filter((u) => {
      for (let i = 0; i < layers[layer - 1].units; i++) if (weights[0][i * units + u]) return true;
      for (let j = 0; j < next; j++) if (weights[1][u * next + j]) return true;
      return Boolean(weights[2][u]);
    });
    const drawn = used.length ? used : all;
    return drawn.length > MAX_UNITS ? null : drawn;
  }

  private first(layer: number): number {
    return this.shown[layer]?.[0] ?? 0;
  }

  // Building ---------------------------------------------------------------------------------------------------------------

  private build(): void {
    const { layers, connections } = this.parts;
    const width = Math.max(this.element.clientWidth, 240);
    const tallest = Math.max(...this.shown.map((units) => units?.length ?? 5));
    const height = HEAD + Math.min(Math.max(tallest * 42, 130), 470);
    const sides = [0, layers.length - 1].map((layer) => Math.max(this.labelWidth(layer, width), this.headWidth(layer) / 2 - 24));
    const xs = layers.map((_, k) => sides[0] + 24 + ((width - sides[0] - sides[1] - 48) * k) / Math.max(layers.length - 1, 1));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.height = `${height}px`;
    this.units = layers.map((_, k) => this.placeUnits(k, xs[k], height));
    this.edges = connections.flatMap((_, k) => this.makeEdges(k + 1));
    this.outline = svg("circle", { class: "chosen", r: 0, fill: "none", "stroke-width": 2.5 });
    this.svg.replaceChildren(
      ...this.edges.map(({ line }) => line),
      ...this.units.flatMap((units, k) => this.drawLayer(k, units, xs[k], height)),
      this.outline,
    );
  }

  private headWidth(layer: number): number {
    const { name, activation } = this.parts.layers[layer];
    return 7.5 * Math.max(name.length, (activation ?? "linear").length);
  }

  /** Width of the names of inputs and outputs. */
  private labelWidth(layer: number, width: number): number {
    const labels = this.shown[layer] && this.parts.layers[layer].labels;
    return labels ? Math.min(8 + 7 * Math.max(...labels.map((label) => label.length)), width * 0.22) : 0;
  }

  private placeUnits(layer: number, x: number, height: number): (DrawnUnit | null)[] {
    const shown = this.shown[layer];
    const units: (DrawnUnit | null)[] = Array.from({ length: this.parts.layers[layer].units }, () => null);
    if (!shown) return units;
    const space = (height - HEAD) / shown.length;
    const radius = Math.min(MAX_RADIUS, space * 0.42);
    shown.forEach((unit, k) => {
      const y = HEAD + space * (k + 0.5);
      const circle = svg("circle", { cx: x, cy: y, r: radius });
      units[unit] = { x, y, circle, text: svg("text", { class: "value", x, y: y + 4 }) };
    });
    return units;
  }

  private drawLayer(layer: number, units: (DrawnUnit | null)[], x: number, height: number): SVGElement[] {
    const { name, activation, labels, units: count } = this.parts.layers[layer];
    const elements: SVGElement[] = [svg("text", { x, y: 13 }, name), svg("text", { class: "faint", x, y: 28 }, activation ?? (layer ? "linear" : "inputs"))];
    if (!this.shown[layer]) {
      elements.push(svg("rect", { x: x - 20, y: HEAD + 4, width: 40, height: height - HEAD - 8, rx: 6, style: "fill:var(--surface);stroke:var(--faint)" }));
      elements.push(svg("text", { x, y: (HEAD + height) / 2 }, formatNumber(count)), svg("text", { class: "faint", x, y: (HEAD + height) / 2 + 15 }, "units"));
    }
    const left = layer === 0;
    units.forEach((drawn, unit) => {
      if (!drawn) return;
      elements.push(drawn.circle, drawn.text);
      if (!labels) return;
      const space = this.labelWidth(layer, this.element.clientWidth);
      const label = labels[unit].length * 7 > space ? `${labels[unit].slice(0, Math.floor(space / 7) - 1)}…` : labels[unit];
      const style = `text-anchor:${left ? "end" : "start"}`;
      elements.push(svg("text", { x: drawn.x + (left ? -1 : 1) * (MAX_RADIUS + 5), y: drawn.y + 4, style }, label));
    });
    return elements;
  }

  private makeEdges(layer: number): DrawnEdge[] {
    const [before, after] = [this.shown[layer - 1], this.shown[layer]];
    if (!before || !after) return [];
    return after.flatMap((unit) =>
      before.map((from) => {
        const [a, b] = [this.units[layer - 1][from]!, this.units[layer][unit]!];
        return { layer, unit, from, line: svg("line", { class: "edge", x1: a.x, y1: a.y, x2: b.x, y2: b.y }) };
      }),
    );
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------

  private drawEdges(frame: Frame): void {
    const { connections } = this.parts;
    const weights = connections.map((connection) => this.values(connection.weights));
    const limit = this.weightLimit.update(frame, Math.max(...weights.map(findLargest)));
    const theme = this.host.theme();
    const most = Math.min(MAX_EDGE, Math.max(1.5, 160 / Math.sqrt(this.edges.length + 1)));
    for (const { layer, unit, from, line } of this.edges) {
      const value = Number(weights[layer - 1][from * this.parts.layers[layer].units + unit]);
      const size = Math.min(Math.abs(value) / limit, 1);
      line.style.stroke = value < 0 ? theme.negative : theme.positive;
      line.style.strokeWidth = String(size * most);
      line.style.strokeOpacity = String(0.25 + 0.75 * size);
      line.style.strokeDasharray = value < 0 ? "6 4" : "";
    }
    this.showLegend(limit, most);
  }

  private drawUnits(frame: Frame): void {
    const { layers, connections } = this.parts;
    const theme = this.host.theme();
    const biases = connections.map(({ bias }) => (bias === null ? null : this.values(bias)));
    const biasLimit = this.biasLimit.update(frame, Math.max(...biases.map((b) => (b ? findLargest(b) : 0))));
    layers.forEach((_, layer) => {
      const values = this.outputs(layer);
      const limit = values ? this.valueLimits[layer].update(frame, findLargest(values)) : 1;
      this.shown[layer]?.forEach((unit) => {
        const { circle, text } = this.units[layer][unit]!;
        const radius = Number(circle.getAttribute("r"));
        const value = values ? Number(values[unit]) : null;
        circle.style.fill = value === null ? theme.surface : formatColor(mixSigned(theme, 0.55 * Math.max(-1, Math.min(1, value / limit))));
        text.textContent = value !== null && radius >= TEXT_RADIUS ? formatShort(value) : "";
        const bias = biases[layer - 1] ? Number(biases[layer - 1]![unit]) : 0;
        circle.style.stroke = bias === 0 ? theme.faint : bias < 0 ? theme.negative : theme.positive;
        circle.style.strokeWidth = String(1 + (Math.min(radius / 5, 3.5) * Math.abs(bias)) / biasLimit);
        circle.style.strokeDasharray = bias < 0 ? "4 3" : "";
      });
    });
  }

  private showLegend(limit: number, width: number): void {
    const theme = this.host.theme();
    const line = (value: number): HTMLElement => {
      const sample = svg("svg", { width: 34, height: 10, "aria-hidden": "true", style: "width:34px;height:10px" });
      const stroke = value < 0 ? `stroke:${theme.negative};stroke-dasharray:6 4` : `stroke:${theme.positive}`;
      sample.append(svg("line", { x1: 0, y1: 5, x2: 34, y2: 5, "stroke-width": width, style: stroke }));
      return html("span", {}, sample, formatNumber(value));
    };
    const has = this.parts.connections.some(({ bias }) => bias !== null);
    const data = this.outputs(0) ? `Numbers in units: values for point ${formatNumber(this.host.sample + 1)}.` : "";
    const boxes = this.parts.layers.filter((_, layer) => !this.shown[layer]).map(({ name, units }) => `${name} is one box for ${plural(units, "unit")}, without its weights.`);
    const named = this.parts.layers.every(({ values }) => values !== null);
    const click = this.inspectable ? `Click ${named ? "a unit or a weight" : "a weight"} to see how it is computed.` : "";
    const notes = [has ? "Rings: biases." : "", data, click, ...boxes].filter(Boolean).map((note) => html("span", {}, note));
    this.legend.replaceChildren("Weights:", line(-limit), line(limit), ...notes);
  }

  // Choosing ---------------------------------------------------------------------------------------------------------------

  private findItem(x: number, y: number): Item | null {
    for (const [layer, units] of this.units.entries()) {
      for (const [unit, drawn] of units.entries()) {
        if (drawn && Math.hypot(drawn.x - x, drawn.y - y) <= Number(drawn.circle.getAttribute("r")) + 3) return { layer, unit, from: null };
      }
    }
    let [best, nearest]: [DrawnEdge | null, number] = [null, REACH];
    for (const edge of this.edges) {
      const [a, b] = [this.units[edge.layer - 1][edge.from]!, this.units[edge.layer][edge.unit]!];
      const t = Math.min(Math.max(((x - a.x) * (b.x - a.x) + (y - a.y) * (b.y - a.y)) / ((b.x - a.x) ** 2 + (b.y - a.y) ** 2), 0), 1);
      const distance = Math.hypot(a.x + t * (b.x - a.x) - x, a.y + t * (b.y - a.y) - y);
      if (distance < nearest) [best, nearest] = [edge, distance];
    }
    return best && { layer: best.layer, unit: best.unit, from: best.from };
  }

  private press(event: KeyboardEvent): void {
    const item = this.item ?? { layer: 0, unit: this.first(0), from: null };
    const next = this.step(item, event.key);
    if (!next && event.key !== " ") return;
    event.preventDefault();
    if (!next) return this.inspectItem(item);
    this.choose(next);
    if (this.readout.textContent) this.host.announce(this, this.readout.textContent);
  }

  private step(item: Item, key: string): Item | null {
    const { layer, unit, from } = item;
    if (key === "Enter" && from === null && this.shown[layer - 1]) return { ...item, from: this.first(layer - 1) };
    if (key === "Escape" && from !== null) return { ...item, from: null };
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (sideways) {
      const target = Math.min(Math.max(layer + sideways, 0), this.shown.length - 1);
      return { layer: target, unit: this.first(target), from: null };
    }
    const along = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (!along) return null;
    const list = this.shown[from === null ? layer : layer - 1] ?? [0];
    const place = list.indexOf(from ?? unit) + along;
    const chosen = list[Math.min(Math.max(place, 0), list.length - 1)];
    return from === null ? { ...item, unit: chosen } : { ...item, from: chosen };
  }

  /** Shows the arithmetic of a unit for the chosen point, or of a weight. */
  private inspectItem(item: Item | null): void {
    if (!item) return;
    const { layer, unit, from } = item;
    const { values, units } = this.parts.layers[layer];
    if (from === null && values !== null) this.host.inspect(values, this.host.sample * units + unit);
    if (from !== null) this.host.inspect(this.parts.connections[layer - 1].weights, from * units + unit);
  }

  private choose(item: Item | null): void {
    this.item = item;
    this.tell();
  }

  /** Marks the chosen unit or edge, and says its numbers. */
  private tell(): void {
    const { item } = this;
    for (const { layer, unit, from, line } of this.edges) line.classList.toggle("chosen", item?.from === from && item.layer === layer && item.unit === unit);
    const drawn = item?.from === null ? this.units[item.layer]?.[item.unit] : null;
    if (this.outline) Object.entries({ cx: drawn?.x ?? 0, cy: drawn?.y ?? 0, r: drawn ? Number(drawn.circle.getAttribute("r")) + 4 : 0 }).forEach(([k, v]) => this.outline!.setAttribute(k, String(v)));
    this.readout.textContent = item && this.frame ? (item.from === null ? this.sayUnit(item) : this.sayEdge(item, item.from)) : "";
  }

  private sayEdge({ layer, unit }: Unit, from: number): string {
    const { weights } = this.parts.connections[layer - 1];
    const offset = from * this.parts.layers[layer].units + unit;
    const index = formatIndex(offset, [this.parts.layers[layer - 1].units, this.parts.layers[layer].units]);
    return `${weights}${index} = ${formatNumber(Number(this.values(weights)[offset]))}, from ${this.nameUnit(layer - 1, from)} to ${this.nameUnit(layer, unit)}`;
  }

  private sayUnit({ layer, unit }: Unit): string {
    const { units, name } = this.parts.layers[layer];
    if (!this.shown[layer]) return `${name}: ${plural(units, "unit")}, too many to draw one by one`;
    const outputs = this.outputs(layer);
    const value = outputs ? ` = ${formatNumber(Number(outputs[unit]))} for point ${formatNumber(this.host.sample + 1)}` : "";
    const bias = layer > 0 ? this.parts.connections[layer - 1].bias : null;
    return `${this.nameUnit(layer, unit)}${value}${bias === null ? "" : `, bias ${bias}[${unit}] = ${formatNumber(Number(this.values(bias)[unit]))}`}`;
  }

  private nameUnit(layer: number, unit: number): string {
    const { labels, name } = this.parts.layers[layer];
    return labels?.[unit] ?? `${name}[${unit}]`;
  }

  private describeOutputs(): string {
    const last = this.parts.layers.length - 1;
    const values = this.outputs(last);
    if (!values || !this.shown[last]) return "";
    return `For point ${formatNumber(this.host.sample + 1)}: ${Array.from(this.shown[last]!, (u) => `${this.nameUnit(last, u)} = ${formatNumber(Number(values[u]))}`).join(", ")}.`;
  }
}

/** A number that fits into a unit. */
function formatShort(value: number): string {
  const text = Math.abs(value) < 10 ? formatNumber(Number(value.toFixed(Math.abs(value) < 1 ? 2 : 1))) : formatNumber(value, 2);
  return text.length <= 5 ? text : value.toExponential(0).replace("e+", "e");
}
