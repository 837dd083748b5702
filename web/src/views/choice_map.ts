/** Scores over the options of two choices, as a heat map whose cells choose both options. */

import { html } from "../dom";
import { type Color, formatColor, mixColors, numberRamp } from "../drawing/colors";
import { uniqueId } from "../controls/control_panel";
import { formatNumber } from "../numbers";
import type { ChoiceMapSpec, ChoiceSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, View } from "../view";

/** A cell is close to the best one within this part of its value. */
const CLOSE = 0.05;
/** Losses that differ by less are called equal. */
const EQUAL = 0.01;

addStyles(`
.map { display: grid; gap: 8px; }
.map .cells { overflow-x: auto; padding: 4px; }
.map table { border-collapse: collapse; width: 100%; table-layout: fixed; }
.map th { font-weight: 400; font-size: .85em; padding: 2px 4px; }
.map thead tr:first-child th { text-align: start; }
.map td { padding: 1px; }
.map td button { width: 100%; min-height: 34px; padding: 0; font-size: .85em; border: 0; border-radius: 3px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.map [aria-pressed=true] { box-shadow: 0 0 0 2px var(--background), 0 0 0 5px var(--ink); font-weight: 700; position: relative; }
.map .verdict { min-height: 8.8em; }
@container (max-width: 480px) { .map .verdict { min-height: 13.1em; } }
`);

export class ChoiceMap implements View {
  private readonly spec: ChoiceMapSpec;
  private readonly rows: ChoiceSpec;
  private readonly columns: ChoiceSpec;
  private readonly select = html("select", { id: uniqueId(), onchange: () => this.paint() });
  private readonly buttons: HTMLButtonElement[][];
  private readonly verdict = html("p", { className: "verdict" });
  readonly element: HTMLElement;
  private chosen: [number, number] = [0, 0];

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
  ) {
    this.spec = spec as ChoiceMapSpec;
    const find = (id: string): ChoiceSpec => host.spec.controls.find((control) => control.id === id) as ChoiceSpec;
    [this.rows, this.columns] = [find(this.spec.rows), find(this.spec.columns)];
    this.select.append(...this.spec.scores.map(({ name }) => html("option", {}, name)));
    this.buttons = this.rows.options.map((_, i) => this.columns.options.map((_, j) => html("button", { type: "button", onclick: () => this.choose(i, j) })));
    const width = this.columns.options.length + 1;
    const axes = html("tr", {}, html("th", { colSpan: width }, `${this.rows.label} ↓, ${this.columns.label} →`));
    const head = html("tr", {}, html("td"), ...this.columns.options.map(({ label }) => html("th", { scope: "col" }, label)));
    const body = this.rows.options.map(({ label }, i) => html("tr", {}, html("th", { scope: "row" }, label), ...this.buttons[i].map((cell) => html("td", {}, cell))));
    const table = html("table", { "aria-label": spec.title }, html("thead", {}, axes, head), html("tbody", {}, ...body));
    this.element = html(
      "div",
      { className: "map" },
      html("div", { className: "row" }, html("label", { htmlFor: this.select.id }, "Show"), this.select),
      html("div", { className: "cells", onkeydown: (event: KeyboardEvent) => this.press(event) }, table),
      html("p", { className: "note" }, "★ best cell. Click a cell, or use the arrow keys."),
      this.verdict,
    );
  }

  reset(): void {
    this.paint();
  }

  requests(): Request[] {
    return [];
  }

  draw(frame: Frame): void {
    const find = (choice: ChoiceSpec): number => choice.options.findIndex(({ value }) => value === frame.inputs[choice.id]);
    this.chosen = [find(this.rows), find(this.columns)];
    this.paint();
  }

  describe(): string {
    return this.verdict.textContent ?? "";
  }

  private choose(i: number, j: number): void {
    this.chosen = [i, j];
    this.paint();
    this.host.set({ [this.rows.id]: this.rows.options[i].value, [this.columns.id]: this.columns.options[j].value });
    this.buttons[i][j].focus();
    this.host.announce(this, this.sayVerdict(i, j));
  }

  private press(event: KeyboardEvent): void {
    const [di, dj] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    if (!di && !dj) return;
    event.preventDefault();
    const [i, j] = [this.chosen[0] + di, this.chosen[1] + dj];
    if (this.buttons[i]?.[j]) this.choose(i, j);
  }

  private paint(): void {
    const { name, values, lowest } = this.spec.scores[this.select.selectedIndex];
    const all = values.flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const [first, last] = numberRamp(this.host.theme().dark);
    const best = lowest ? low : high;
    this.buttons.forEach((line, i) =>
      line.forEach((cell, j) => {
        const value = values[i][j];
        const color = mixColors(first, last, Math.sqrt((value - low) / (high - low || 1)));
        const isBest = value === best;
        const chosen = i === this.chosen[0] && j === this.chosen[1];
        cell.textContent = `${isBest ? "★ " : ""}${formatNumber(value, 2)}`;
        cell.style.background = formatColor(color);
        cell.style.color = isLight(color) ? "#000" : "#fff";
        cell.ariaPressed = String(chosen);
        cell.tabIndex = chosen ? 0 : -1;
        cell.ariaLabel = `${this.nameCell(i, j)}: ${name} ${formatNumber(value, 3)}${isBest ? ", the best" : ""}`;
      }),
    );
    this.verdict.textContent = this.sayVerdict(...this.chosen);
  }

  private nameCell(i: number, j: number): string {
    return `${this.rows.label} ${this.rows.options[i].label}, ${this.columns.label} ${this.columns.options[j].label}`;
  }

  private sayVerdict(i: number, j: number): string {
    const { scores, gap } = this.spec;
    const shown = scores.map(({ name, values }) => `${name} ${formatNumber(values[i][j], 3)}`).join(", ");
    const intro = `${this.nameCell(i, j)}: ${shown}.`;
    const capitalized = intro[0].toUpperCase() + intro.slice(1);
    return gap ? `${capitalized} ${this.explainGap(i, j, gap)}` : capitalized;
  }

  private sayGap(gap: number): string {
    if (Math.abs(gap) < EQUAL) return "The two losses are nearly equal.";
    if (gap > 0) return `The gap between the two losses is ${formatNumber(gap, 2)}.`;
    return `The validation loss is ${formatNumber(-gap, 2)} below the training loss.`;
  }

  /** A validation loss is the training loss plus the gap: which of the two is larger than in the best cell? */
  private explainGap(i: number, j: number, [training, validation]: [number, number]): string {
    const [t, v] = [this.spec.scores[training].values, this.spec.scores[validation].values];
    const [bi, bj] = findLowest(v);
    const gap = v[i][j] - t[i][j];
    const lowest = v[bi][bj];
    const size = this.sayGap(gap);
    if (i === bi && j === bj) return `${size} No cell has a lower validation loss.`;
    const excess = v[i][j] - lowest;
    if (excess <= CLOSE * lowest) return `${size} The validation loss is close to the lowest, ${formatNumber(lowest, 3)}.`;
    const fromTraining = t[i][j] - t[bi][bj];
    const fromGap = excess - fromTraining;
    const beginning = `${size} The validation loss is ${formatNumber(excess, 2)} above the lowest`;
    if (fromGap > fromTraining) return `${beginning}, mostly because of the gap: the network fits the training points, but not new ones (overfitting).`;
    return `${beginning}, mostly because the training loss is high, too: the network cannot follow the points (underfitting).`;
  }
}

function findLowest(values: number[][]): [number, number] {
  const all = values.flat();
  const at = all.indexOf(Math.min(...all));
  return [Math.floor(at / values[0].length), at % values[0].length];
}

/** Whether black has more contrast on a color than white. */
function isLight(color: Color): boolean {
  const [r, g, b] = color.map((c) => ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;
}
