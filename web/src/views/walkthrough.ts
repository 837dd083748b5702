/** A computation step by step: formula, sentence, tables of numbers with their arithmetic, and a drawn network. */

import { type Arithmetic, type Element, makeArithmetic } from "../arithmetic";
import { type ArithmeticPanel, makePanel } from "../arithmetic_panel";
import { type NumberTable, elementKey, makeTable } from "../arithmetic_tables";
import { html, svg } from "../dom";
import { formatNumber, plural } from "../numbers";
import type { Dtype, ViewSpec, WalkthroughParts } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { readArray } from "./frame_values";

const WIDTH = 420;
const HEIGHT = 236;
const RADIUS = 15;

addStyles(`
.view:has(.walk) { grid-column: 1 / -1; }
.walk { gap: 10px; }
.walk nav { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; }
.walk nav div { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; }
.walk nav span { font-size: .85em; color: var(--faint); }
.walk [aria-current] { border: 2px solid var(--ink); font-weight: 600; }
.walk .about { display: grid; gap: 4px 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); align-items: center; }
.walk .said { display: grid; gap: 8px; align-content: center; min-height: 11.5em; }
.walk .formula { overflow-x: auto; overflow-y: hidden; font-size: 1.15em; padding: 2px 0; }
.walk .both { align-items: start; }
@container (max-width: 770px) { .walk .panel { position: sticky; bottom: 0; max-height: 45vh; overflow: auto; } }
.walk .tables { max-height: none; min-height: 19em; }
.walk .result h4 { text-decoration: underline 2px; text-underline-offset: 4px; }
.walk svg { width: 100%; max-width: ${WIDTH}px; height: auto; display: block; }
.walk text { font: 12px system-ui, sans-serif; fill: var(--faint); text-anchor: middle; }
.walk line { stroke: var(--faint); stroke-width: 1; opacity: .55; }
.walk circle, .walk rect { fill: var(--surface); stroke: var(--faint); stroke-width: 1; }
.walk .used { opacity: 1; }
.walk line.used, .walk circle.used, .walk rect.used { stroke: var(--ink); stroke-width: 3; }
.walk text.used { fill: var(--ink); font-weight: 700; }
`);

export class Walkthrough implements View {
  private readonly back = button("Previous", () => this.go(this.at - 1));
  private readonly next = button("Next", () => this.go(this.at + 1));
  private readonly update = button("Update and begin again", () => this.takeStep());
  private readonly chips = html("div");
  private readonly place = html("span");
  private readonly drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  private readonly formula = html("div", { className: "formula", tabIndex: 0 });
  private readonly sentence = html("p");
  private readonly tables = html("div", { className: "tables", role: "group", "aria-label": "Numbers of this step" });
  private readonly both = html("div", { className: "both" });
  readonly element = html(
    "div",
    { className: "numbers walk", onkeydown: (event: KeyboardEvent) => this.press(event) },
    html("nav", { "aria-label": "Steps" }, html("div", {}, this.back, this.next, this.update), this.chips),
    this.place,
    html("div", { className: "about" }, this.drawing, html("div", { className: "said" }, this.formula, this.sentence)),
    html("p", { className: "note" }, "Choose a number to see its arithmetic. Results of this step are underlined."),
    this.both,
  );
  private parts: WalkthroughParts | null = null;
  private arithmetic!: Arithmetic;
  private panel!: ArithmeticPanel;
  private made = new Map<number, NumberTable>();
  private outputs: { array: TypedArray; dtype: Dtype }[] = [];
  private stops: readonly Element[] = [];
  private at = 0;
  private updates = 0;

  constructor(
    private readonly host: Host,
    _spec: ViewSpec,
    private readonly index: number,
  ) {}

  reset(): void {
    const parts = this.host.variant().views[this.index] as WalkthroughParts;
    if (parts !== this.parts) this.build(parts);
  }

  requests(): Request[] {
    return [{ id: `${this.index}.values`, function: this.parts!.values, args: {} }];
  }

  draw(frame: Frame): void {
    const { outputs } = this.host.variant().functions[this.parts!.values];
    this.outputs = (frame.results[`${this.index}.values`] ?? []).map((array, k) => ({ array, dtype: outputs[k].dtype }));
    // A reset of the controls undoes the updates.
    const { updates } = this.parts!;
    if (this.updates && updates.every(([name]) => String(readArray(this.host, frame, name)) === String(readArray(this.host, null, name)))) {
      this.updates = 0;
      this.open();
    }
    this.show();
  }

  describe(): string {
    if (!this.outputs.length) return "";
    const { steps, expressions } = this.parts!;
    const step = steps[this.at];
    const results = step.results.map((of) => `${expressions[of].name} is ${Array.from(this.outputs[of].array as Float64Array, (value) => formatNumber(Number(value))).join(", ")}.`);
    return `${this.place.textContent} ${this.sentence.textContent} ${results.join(" ")}`;
  }

  private build(parts: WalkthroughParts): void {
    this.parts = parts;
    this.outputs = [];
    this.arithmetic = makeArithmetic(parts, (of) => this.outputs[of]);
    this.panel = makePanel(this.arithmetic, parts, (stops) => {
      this.choose(stops);
      this.panel.focus();
    });
    this.made = new Map(parts.tables.map((of) => [of, this.makeTable(of, parts)]));
    this.both.replaceChildren(this.tables, this.panel.element);
    const phases = parts.steps.map(({ phase }) => phase);
    this.chips.replaceChildren(
      ...parts.steps.flatMap(({ name, phase }, k) => [
        ...(phases[k - 1] === phase ? [] : [html("span", {}, `${phase}:`)]),
        button(name, () => this.go(k)),
      ]),
    );
    this.update.hidden = parts.updates.length === 0;
    this.drawNetwork(parts);
    this.at = 0;
    this.open();
  }

  private makeTable(of: number, { expressions, definitions }: WalkthroughParts): NumberTable {
    const { name, definition } = expressions[of];
    return makeTable(this.arithmetic, of, definition ?? definitions[name!], null, (element) => this.choose([element]));
  }

  private press(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).closest(".both, .formula")) return;
    event.preventDefault();
    this.go(this.at + step);
  }

  private go(at: number): void {
    const last = this.parts!.steps.length - 1;
    this.at = Math.min(Math.max(at, 0), last);
    this.open();
    this.show();
    this.host.announce(this, `${this.place.textContent} ${this.sentence.textContent}`);
  }

  /** Opens the present step, with its first result chosen. */
  private open(): void {
    const { steps } = this.parts!;
    const { name, phase, formula, operands, results, uses } = steps[this.at];
    // A disabled button would lose the focus of the keyboard.
    this.back.ariaDisabled = String(this.at === 0);
    this.next.ariaDisabled = String(this.at === steps.length - 1);
    this.update.ariaDisabled = this.next.ariaDisabled === "true" ? "false" : "true";
    let k = 0;
    for (const chip of this.chips.querySelectorAll("button")) chip.ariaCurrent = k++ === this.at ? "step" : null;
    this.formula.innerHTML = formula;
    this.formula.ariaLabel = `Formula of ${name}`;
    this.formula.role = "group";
    this.place.textContent = `Step ${this.at + 1} of ${steps.length}: ${name}, ${phase}${this.updates ? `, after ${plural(this.updates, "update")}` : ""}.`;
    const shown = [...operands, ...results].map((of) => [of, this.made.get(of)!.element] as const);
    for (const [of, element] of shown) element.classList.toggle("result", results.includes(of));
    this.tables.replaceChildren(...shown.map(([, element]) => element));
    this.drawing.setAttribute("aria-label", uses.length ? `Network. This step uses ${uses.join(", ")}.` : "Network.");
    for (const part of this.drawing.querySelectorAll<SVGElement>("[data-part]")) part.classList.toggle("used", uses.includes(part.dataset.part!));
    this.stops = [{ of: results[0], at: 0 }];
  }

  private choose(stops: readonly Element[]): void {
    this.stops = stops;
    this.show();
    this.host.announce(this, this.panel.describe(stops.at(-1)!));
  }

  private show(): void {
    if (!this.outputs.length) return;
    const { text, operands, results } = this.parts!.steps[this.at];
    const words = text.map((part) => (typeof part === "string" ? part : formatNumber(Number(this.outputs[part.of].array[part.at]))));
    this.sentence.textContent = words.join("");
    const chosen = this.stops.at(-1)!;
    const found = new Set(this.panel.show(this.stops).map(elementKey));
    for (const of of [...operands, ...results]) this.made.get(of)!.show({ row: 0, chosen, operands: found }, true);
  }

  /** Sets the variables to their new values and begins with the first step. */
  private takeStep(): void {
    if (this.update.ariaDisabled === "true") return;
    const values = this.parts!.updates.map(([name, of]) => [name, Float64Array.from(this.outputs[of].array as Float64Array, Number)]);
    this.updates++;
    this.host.startFrom(Object.fromEntries(values));
    this.go(0);
    this.next.focus();
  }

  private drawNetwork({ network }: WalkthroughParts): void {
    const step = (WIDTH - 90) / Math.max(network.length - 1, 1);
    const x = (k: number): number => 45 + k * step;
    const y = (k: number, unit: number): number => HEIGHT / 2 + 12 + (unit - (network[k].labels.length - 1) / 2) * 60;
    const elements: SVGElement[] = [];
    network.forEach(({ name, labels, weights, bias }, k) => {
      const part = (value: string): Record<string, string> => ({ "data-part": value });
      if (k) {
        const between = x(k) - step / 2;
        elements.push(svg("text", { x: between, y: 14, ...part(weights) }, weights));
        network[k - 1].labels.forEach((_, from) =>
          labels.forEach((_, to) => elements.unshift(svg("line", { x1: x(k - 1), y1: y(k - 1, from), x2: x(k), y2: y(k, to), ...part(weights) }))),
        );
      }
      if (bias) {
        const [bx, by] = [x(k) - step / 2, HEIGHT - 14];
        labels.forEach((_, to) => elements.unshift(svg("line", { x1: bx, y1: by, x2: x(k), y2: y(k, to), "stroke-dasharray": "4 3", ...part(bias) })));
        elements.push(svg("rect", { x: bx - 14, y: by - 11, width: 28, height: 22, ...part(bias) }), svg("text", { x: bx, y: by + 4, ...part(bias) }, bias));
      }
      elements.push(svg("text", { x: x(k), y: 14, ...part(name) }, name));
      labels.forEach((label, unit) => elements.push(svg("circle", { cx: x(k), cy: y(k, unit), r: RADIUS, ...part(name) }), svg("text", { x: x(k), y: y(k, unit) + 4, ...part(name) }, label)));
    });
    this.drawing.replaceChildren(...elements);
    this.drawing.style.display = network.length ? "" : "none";
  }
}

const button = (label: string, onclick: () => void): HTMLButtonElement => html("button", { type: "button", onclick }, label);
