/** A prediction: probabilities of classes as bars, or numbers. */

import { html } from "../dom";
import { formatNumber, plural } from "../numbers";
import type { ScoreSpec } from "../spec";
import { addStyles } from "../styles";

/** More classes are sorted by their probability, and the others counted. */
const MAX_ROWS = 12;

addStyles(`
.bars { display: grid; grid-template-columns: fit-content(45%) 1fr auto; gap: 3px 8px; align-items: center; font-size: .9em; font-variant-numeric: tabular-nums; align-content: start; }
.bars > * { min-width: 0; overflow-wrap: anywhere; }
.bars i { display: block; height: 12px; background: var(--faint); min-width: 1px; }
.bars b + i { background: var(--ink); }
.bars > :nth-child(3n) { text-align: end; }
.bars p { grid-column: 1 / -1; text-align: start !important; color: var(--faint); }
`);

export class Prediction {
  readonly element = html("div", { className: "bars" });
  private values: number[] | null = null;

  constructor(private readonly spec: ScoreSpec) {}

  /** Shows a prediction, or with null that there is none. */
  show(outputs: ArrayLike<number | bigint> | null, nothing = ""): void {
    this.values = outputs && this.complete(Array.from(outputs as ArrayLike<number>, Number));
    if (!this.values) {
      this.element.replaceChildren(html("p", {}, nothing));
      return;
    }
    const order = this.order().slice(0, MAX_ROWS);
    const rows = order.flatMap((k) => this.makeRow(k, this.values![k]));
    const rest = this.values.length - order.length;
    this.element.replaceChildren(...rows, ...(rest > 0 ? [html("p", {}, `and ${plural(rest, "other")}`)] : []));
  }

  /** Index of the predicted class, or null for numbers. */
  get winner(): number | null {
    if (!this.values || this.spec.kind === "number") return null;
    return this.values.reduce((best, value, k) => (value > this.values![best] ? k : best), 0);
  }

  name(k: number): string {
    return this.spec.names?.[k] ?? (this.spec.kind === "number" ? `output ${k}` : `class ${k}`);
  }

  describe(): string {
    const { values, winner } = this;
    if (!values) return "";
    if (winner === null) return `Predicted: ${values.map((value, k) => `${this.name(k)} = ${formatNumber(value)}`).join(", ")}.`;
    const second = values.reduce((best, value, k) => (k !== winner && (best < 0 || value > values[best]) ? k : best), -1);
    const say = (k: number): string => `${this.name(k)} (${this.format(values[k])})`;
    return `Predicted: ${say(winner)}${second < 0 ? "" : `, then ${say(second)}`}.`;
  }

  /** One probability is that of the second of two classes. */
  private complete(values: number[]): number[] {
    return this.spec.kind === "probability" ? [1 - values[0], values[0]] : values;
  }

  private order(): number[] {
    const all = this.values!.map((_, k) => k);
    return all.length > MAX_ROWS ? all.sort((a, b) => this.values![b] - this.values![a]) : all;
  }

  private format(value: number): string {
    if (this.spec.kind === "score") return formatNumber(value);
    return value > 0 && value < 0.0005 ? "< 0.1 %" : `${(100 * value).toFixed(1)} %`;
  }

  private makeRow(k: number, value: number): HTMLElement[] {
    if (this.spec.kind === "number") return [html("b", {}, this.name(k)), html("span"), html("span", {}, formatNumber(value, 6))];
    const largest = this.spec.kind === "score" ? Math.max(...this.values!.map(Math.abs)) || 1 : 1;
    const bar = html("i");
    bar.style.width = `${100 * Math.min(Math.max(value / largest, 0), 1)}%`;
    return [html(k === this.winner ? "b" : "span", {}, this.name(k)), bar, html("span", {}, this.format(value))];
  }
}
