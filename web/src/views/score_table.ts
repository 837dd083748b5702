/** Score table: how well the network and simple baselines predict training and held-out rows, and facts about the data. */

import { html } from "../dom";
import { formatNumber, formatPercent, plural } from "../numbers";
import type { ScoreTableParts, ScoreTableSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";

addStyles(`
.scores { display: grid; gap: 8px; }
.scores table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.scores th { font-weight: 400; text-align: start; padding: 4px 12px 4px 0; }
.scores thead th { color: var(--faint); font-size: .9em; vertical-align: bottom; }
.scores td, .scores thead th + th { text-align: end; padding: 4px 0 4px 12px; }
.scores tbody tr { border-top: 1px solid color-mix(in srgb, var(--faint) 35%, transparent); }
.scores tbody tr:first-child { font-weight: 600; }
.scores tbody tr:first-child th { font-weight: 600; }
.scores ul { margin: 0; padding-inline-start: 18px; font-size: .9em; color: var(--faint); }
`);

/** Scores on training and on held-out rows; NaN where there are no rows, null while they are not known. */
type Scores = [number | null, number | null];

export class ScoreTable implements View {
  readonly element = html("div", { className: "scores" });
  private readonly spec: ScoreTableSpec;
  private readonly body = html("tbody");
  private readonly comparison = html("p");
  private readonly changed = html("p", { hidden: true }, "The points have been changed. The sentences below are about the original data.");
  private readonly original: ReturnType<Host["data"]>;
  /** The outputs of the baselines, and the values of the controls for which they were computed. */
  private baselines: { controls: string; outputs: number[] } | null = null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as ScoreTableSpec;
    const heads = [this.spec.score, "training rows", "held-out rows"].map((text) => html("th", { scope: "col" }, text));
    const table = html("table", {}, html("thead", {}, html("tr", {}, ...heads)), this.body);
    const facts = html("ul", {}, ...this.spec.facts.map((fact) => html("li", {}, fact)));
    this.original = host.data();
    this.element.append(table, this.comparison, this.changed, facts);
  }

  /** The data may have changed. */
  reset(): void {
    this.baselines = null;
    const data = this.host.data();
    this.changed.hidden = equal(data?.features, this.original?.features) && equal(data?.targets, this.original?.targets);
  }

  requests(finished: boolean): Request[] {
    const { network, baselines } = this.host.variant().views[this.index] as ScoreTableParts;
    const requests = [{ id: `${this.index}.network`, function: network, args: {} }];
    return finished ? [...requests, { id: `${this.index}.baselines`, function: baselines, args: {} }] : requests;
  }

  draw(frame: Frame): void {
    const controls = JSON.stringify(frame.inputs);
    const found = frame.results[`${this.index}.baselines`];
    if (found) this.baselines = { controls, outputs: readNumbers(found) };
    const network = frame.results[`${this.index}.network`];
    if (!network) return;
    const [, ...own] = readNumbers(network);
    const outputs = this.baselines?.controls === controls ? this.baselines.outputs : null;
    const others = this.spec.baselines.map((_, k): Scores => (outputs ? [outputs[2 + 2 * k], outputs[3 + 2 * k]] : [null, null]));
    const rows = [this.makeRow("this network", own as Scores), ...this.spec.baselines.map((name, k) => this.makeRow(name, others[k]))];
    this.body.replaceChildren(...rows);
    if (outputs) this.comparison.textContent = `${describeDivision(outputs)} ${this.compare(own[1], others)}`;
  }

  describe(): string {
    return this.comparison.textContent ?? "";
  }

  private makeRow(name: string, scores: Scores): HTMLElement {
    return html("tr", {}, html("th", { scope: "row" }, name), ...scores.map((score) => html("td", {}, this.format(score))));
  }

  private format(score: number | null): string {
    if (score === null) return "…";
    if (Number.isNaN(score)) return "–";
    return this.spec.score === "accuracy" ? formatPercent(score) : formatNumber(score);
  }

  /** The held-out score of the network in words, next to the best baseline. */
  private compare(own: number, others: Scores[]): string {
    if (Number.isNaN(own)) return "Without held-out rows, the scores say nothing about new data.";
    const sign = this.spec.score === "accuracy" ? 1 : -1;
    const scores = others.map(([, score]) => score!);
    const best = scores.reduce((top, score, k) => (sign * score > sign * scores[top] ? k : top), 0);
    const text = `On held-out rows, this network has ${this.spec.score} ${this.format(own)}`;
    const other = `${this.spec.baselines[best]} (${this.format(scores[best])})`;
    if (this.format(own) === this.format(scores[best])) return `${text}, the same as ${other}.`;
    return `${text}, ${sign * own > sign * scores[best] ? "better" : "worse"} than ${other}.`;
  }
}

const equal = (a: ArrayLike<number> = [], b: ArrayLike<number> = []): boolean => a.length === b.length && Array.from(a).every((value, k) => value === b[k]);

const readNumbers = (outputs: TypedArray[]): number[] => outputs.map((values) => Number(values[0]));

function describeDivision([training, heldOut]: number[]): string {
  if (heldOut === 0) return `All ${plural(training, "row")} train the network.`;
  return `${plural(training, "row")} train${training === 1 ? "s" : ""} the network; ${formatNumber(heldOut)} ${heldOut === 1 ? "is" : "are"} held out and drawn hollow.`;
}
