/** A control for each feature, the prediction for their values, and how the winning score depends on each of them. */

import { ControlPanel } from "../controls/control_panel";
import { html } from "../dom";
import { formatColor } from "../drawing/colors";
import { findLargest, mixSigned } from "../drawing/signed";
import { formatNumber } from "../numbers";
import type { FeatureInputsParts, FeatureInputsSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { readArray } from "./frame_values";
import { Prediction } from "./prediction";

addStyles(`
.features { display: grid; gap: 12px; }
.features h4 { margin: 0; font-size: .9em; font-weight: 600; }
.features .why i { justify-self: start; }
.features .results { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); gap: 12px 24px; align-items: start; }
.features .results > * { display: grid; gap: 6px; }
`);

export class FeatureInputs implements View {
  readonly element = html("div", { className: "features" });
  private readonly spec: FeatureInputsSpec;
  private readonly panel: ControlPanel;
  private readonly prediction: Prediction;
  private readonly why = html("div", { className: "bars why" });
  private readonly caption = html("p", { className: "readout" });
  private values: number[];
  private example: number | null = null;
  private frame: Frame | null = null;
  private slopes: number[] | null = null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as FeatureInputsSpec;
    const { fields, scores } = this.spec;
    this.values = fields.map(({ value }) => value);
    this.prediction = new Prediction(scores);
    this.panel = new ControlPanel(fields, (id, value) => {
      this.example = null;
      this.set(this.values.map((old, k) => (fields[k].id === id ? Number(value) : old)));
    });
    this.panel.element.setAttribute("aria-label", `${spec.title}: features`);
    const button = (label: string, step: number): HTMLElement => html("button", { type: "button", onclick: () => this.showExample(step) }, label);
    const examples = this.parts.examples === null ? [] : [button("Previous example", -1), button("Next example", 1)];
    const prediction = html("div", {}, html("h4", {}, "Prediction"), this.prediction.element);
    const why = html("div", {}, html("h4", {}, "Why: change of the winning score over the range of a feature, at its present slope"), this.why);
    const results = html("div", { className: "results" }, prediction, this.parts.saliency === null ? null : why);
    this.element.append(this.panel.element, html("div", { className: "row" }, ...examples, this.caption), results);
    this.show();
  }

  reset(): void {}

  requests(): Request[] {
    const { function: name, argument } = this.parts;
    return [{ id: `${this.index}.features`, function: name, args: { [argument]: Float64Array.from(this.values) } }];
  }

  draw(frame: Frame): void {
    this.frame = frame;
    const results = frame.results[`${this.index}.features`];
    if (!results) return;
    this.prediction.show(results[this.parts.scores]);
    if (this.parts.saliency !== null) this.drawWhy(results[this.parts.saliency]);
    this.caption.textContent = this.describeExample();
  }

  describe(): string {
    const { slopes } = this;
    const best = slopes ? slopes.reduce((a, slope, k) => (Math.abs(slope) > Math.abs(slopes[a]) ? k : a), 0) : -1;
    const reason = slopes?.[best] ? ` The score depends most on ${this.spec.fields[best].label}: larger values ${slopes[best] > 0 ? "raise" : "lower"} it.` : "";
    return [this.describeExample(), this.prediction.describe() + reason].filter(Boolean).join(" ");
  }

  private get parts(): FeatureInputsParts {
    return this.host.variant().views[this.index] as FeatureInputsParts;
  }

  private set(values: number[]): void {
    this.values = values;
    this.show();
    this.host.refresh();
  }

  private show(): void {
    this.panel.show(Object.fromEntries(this.spec.fields.map(({ id }, k) => [id, this.values[k]])));
  }

  private get count(): number {
    const { examples } = this.parts;
    return examples === null ? 0 : readArray(this.host, this.frame, examples).length / this.spec.fields.length;
  }

  private showExample(step: number): void {
    const { length } = this.spec.fields;
    this.example = this.example === null ? 0 : (this.example + step + this.count) % this.count;
    const all = readArray(this.host, this.frame, this.parts.examples!);
    this.set(Array.from(all.slice(this.example * length, (this.example + 1) * length) as ArrayLike<number>, (value) => Number(Number(value).toPrecision(7))));
  }

  private describeExample(): string {
    if (this.example === null) return "";
    const { labels } = this.parts;
    const label = labels === null ? null : Number(readArray(this.host, this.frame, labels)[this.example]);
    const truth = label === null ? "" : `: ${this.spec.scores.kind === "number" ? formatNumber(label) : this.prediction.name(label)}`;
    return `Example ${formatNumber(this.example + 1)} of ${formatNumber(this.count)}${truth}.`;
  }

  /** The features with the largest slopes times ranges, with signed bars. */
  private drawWhy(saliency: TypedArray): void {
    const { fields } = this.spec;
    const theme = this.host.theme();
    const slopes = fields.map(({ minimum, maximum }, k) => Number(saliency[k]) * (maximum - minimum));
    const largest = findLargest(slopes) || 1;
    const order = slopes.map((_, k) => k).sort((a, b) => Math.abs(slopes[b]) - Math.abs(slopes[a]));
    this.slopes = slopes;
    const rows = order.slice(0, 12).flatMap((k) => {
      const bar = html("i");
      bar.style.cssText = `width:${(100 * Math.abs(slopes[k])) / largest}%;background:${formatColor(mixSigned(theme, Math.sign(slopes[k]) || 0))}`;
      return [html("span", {}, fields[k].label), bar, html("span", {}, formatNumber(slopes[k], 3))];
    });
    this.why.replaceChildren(...rows);
  }
}
