/** A recurrent network step by step: inputs, states and outputs at every time step, and their numbers at one of them. */

import { html } from "../dom";
import { FixedLimit, findLargest, makeSignedPixels } from "../drawing/signed";
import { type Place, Tiles } from "../drawing/tiles";
import { uniqueId } from "../controls/control_panel";
import { formatNumber, plural } from "../numbers";
import type { SequenceGroup, SequenceParts, SequenceSpec, TileLayout, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { readArray } from "./frame_values";
import { Prediction } from "./prediction";

const CELL = 28;
const LABELS = 84;
/** More inputs at a time step have no boxes. */
const MAX_BOXES = 8;
/** Smallest height of a row. */
const SMALLEST = 6;

addStyles(`
.sequence { display: grid; gap: 10px; }
.sequence .groups { display: grid; grid-template-columns: ${LABELS}px 1fr; gap: 8px; align-items: start; font-size: .9em; }
.sequence .groups > span { overflow-wrap: anywhere; line-height: 1.3; }
.sequence small { display: block; color: var(--faint); }
.sequence table { border-collapse: collapse; font-size: .9em; font-variant-numeric: tabular-nums; }
.sequence th { text-align: start; font-weight: 600; vertical-align: top; white-space: nowrap; }
.sequence th, .sequence td { padding: 1px 10px 1px 0; }
.sequence input[type=range] { flex: 1; min-width: 120px; max-width: 320px; }
`);

interface Drawn {
  group: SequenceGroup;
  tiles: Tiles;
  limit: FixedLimit;
}

export class Sequence implements View {
  readonly element = html("div", { className: "sequence" });
  private readonly groups = html("div", { className: "groups" });
  private readonly cursor = html("input", { type: "range", id: uniqueId(), min: 0, step: 1, value: "0" });
  private readonly numbers = html("table");
  /** Boxes for the inputs at the cursor, if they are few. */
  private boxes: HTMLInputElement[] = [];
  private readonly editor = html("div", { className: "row", role: "group", "aria-label": "Inputs at the time step" });
  private readonly caption = html("p", { className: "readout" });
  private readonly readout = html("p", { className: "readout" });
  private drawn: Drawn[] = [];
  private values: Float64Array | null = null;
  private row = 0;
  private edited = false;
  private step = 0;
  private frame: Frame | null = null;
  private readonly spec: SequenceSpec;
  private readonly prediction: Prediction | null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as SequenceSpec;
    this.prediction = this.spec.scores && new Prediction(this.spec.scores);
    this.cursor.oninput = () => this.moveTo(Number(this.cursor.value));
    const button = (label: string, step: number): HTMLElement => html("button", { type: "button", onclick: () => this.showSample(step) }, label);
    const choose = this.count > 1 ? [button("Previous", -1), button("Next", 1)] : [];
    const label = html("label", { htmlFor: this.cursor.id }, "Time step");
    const hint = this.parts.binary ? [html("p", { className: "readout" }, "Click an input, or press Enter on it, to change it.")] : [];
    const cursor = html("div", { className: "row" }, label, this.cursor);
    this.element.append(html("div", { className: "row" }, ...choose, this.caption), this.groups, this.readout, ...hint, cursor, this.editor, this.numbers);
    if (this.prediction) this.element.append(this.prediction.element);
  }

  reset(): void {
    const { groups, steps } = this.parts;
    const width = (this.element.clientWidth || 320) - LABELS - 8;
    this.cursor.max = String(steps - 1);
    this.drawn = groups.map((group) => {
      const tiles = new Tiles({
        label: `${this.spec.title}: ${group.label}`,
        cell: Math.min(CELL, width / steps),
        cellHeight: Math.min(CELL, width / steps, Math.max(SMALLEST, 240 / group.units)),
        told: (place) => this.tell(group, place),
        chosen: (place) => this.choose(group, place),
      });
      const layout: TileLayout = { counts: [1, 1, group.units, steps], strides: [0, 0, 1, group.units] };
      tiles.arrange(layout, width);
      return { group, tiles, limit: new FixedLimit() };
    });
    const cells = this.drawn.flatMap(({ group, tiles }) => [html("span", {}, group.label, html("small", {}, group.names?.join(", ") ?? plural(group.units, group.role === "state" ? "unit" : "value"))), tiles.element]);
    this.groups.replaceChildren(...cells);
    this.drawn.forEach(({ tiles }) => tiles.frameColumn(this.step));
    this.buildEditor(groups[0]);
  }

  private buildEditor({ label, names, units }: SequenceGroup): void {
    this.boxes = Array.from({ length: units <= MAX_BOXES ? units : 0 }, (_, unit) => {
      const box = html("input", { type: "number", step: "any" });
      box.oninput = () => box.value !== "" && Number.isFinite(Number(box.value)) && this.edit(this.step * units + unit, Number(box.value));
      return box;
    });
    this.editor.replaceChildren(...this.boxes.map((box, unit) => html("label", {}, `${names?.[unit] ?? `${label}[${unit}]`} `, box)));
  }

  requests(): Request[] {
    const { function: name, argument } = this.parts;
    return [{ id: `${this.index}.sequence`, function: name, args: { [argument]: this.input() } }];
  }

  draw(frame: Frame): void {
    this.frame = frame;
    const theme = this.host.theme();
    for (const { group, tiles, limit } of this.drawn) {
      const values = this.read(group);
      if (values) tiles.paint(values, makeSignedPixels(theme, limit.update(frame, findLargest(values))));
      tiles.element.hidden = !values;
    }
    const results = frame.results[`${this.index}.sequence`];
    if (results && this.parts.prediction !== null) this.prediction?.show(results[this.parts.prediction]);
    this.caption.textContent = this.describeSample();
    this.showNumbers();
  }

  describe(): string {
    const said = this.parts.groups.map((group) => this.sayAt(group)).filter(Boolean);
    return `${this.describeSample()} At time step ${this.step}: ${said.join("; ")}. ${this.prediction?.describe() ?? ""}`.trim();
  }

  private get parts(): SequenceParts {
    return this.host.variant().views[this.index] as SequenceParts;
  }

  // Samples ----------------------------------------------------------------------------------------------------------------

  private get count(): number {
    const { samples, argument } = this.parts;
    return samples === null ? 0 : readArray(this.host, null, samples).length / this.size(argument);
  }

  private size(array: string): number {
    return this.host.variant().arrays[array].shape.reduce((a, b) => a * b, 1);
  }

  private input(): Float64Array {
    const { samples, argument } = this.parts;
    const size = this.size(argument);
    this.values ??= samples === null ? new Float64Array(size) : Float64Array.from(readArray(this.host, null, samples).slice(this.row * size, (this.row + 1) * size) as ArrayLike<number>, Number);
    return this.values.slice();
  }

  private showSample(step: number): void {
    this.row = (this.row + step + this.count) % this.count;
    this.values = null;
    this.edited = false;
    this.host.refresh();
  }

  /** Values of a group at all steps: an output of the function, or the true outputs of the sample. */
  private read(group: SequenceGroup): ArrayLike<number | bigint> | TypedArray | null {
    if (group.role !== "target") return this.frame?.results[`${this.index}.sequence`]?.[group.output] ?? null;
    const size = group.units * this.parts.steps;
    return this.edited ? null : readArray(this.host, null, this.parts.targets!).slice(this.row * size, (this.row + 1) * size);
  }

  private describeSample(): string {
    if (this.edited) return "Changed sequence.";
    return this.count ? `Sequence ${formatNumber(this.row + 1)} of ${formatNumber(this.count)}.` : "A sequence of zeros.";
  }

  // Cursor -----------------------------------------------------------------------------------------------------------------

  private choose(group: SequenceGroup, place: Place): void {
    if (group.role === "input" && this.parts.binary) this.edit(place.offset, 1 - this.input()[place.offset]);
    this.moveTo(place.column);
  }

  private edit(offset: number, value: number): void {
    const values = this.input();
    values[offset] = value;
    this.values = values;
    this.edited = true;
    this.host.refresh();
  }

  private moveTo(step: number): void {
    this.step = step;
    this.cursor.value = String(step);
    this.drawn.forEach(({ tiles }) => tiles.frameColumn(step));
    this.showNumbers();
  }

  private showNumbers(): void {
    this.cursor.setAttribute("aria-valuetext", `time step ${this.step}`);
    const values = this.input();
    this.boxes.forEach((box, unit) => {
      const value = Number(values[this.step * this.boxes.length + unit].toPrecision(7));
      if (Number(box.value) !== value || box.value === "") box.value = String(value);
    });
    const shown = this.parts.groups.filter((group) => this.read(group) && !(group.role === "input" && this.boxes.length));
    const rows = shown.map((group) => html("tr", {}, html("th", { scope: "row" }, group.label), html("td", {}, this.valuesAt(group).join(", "))));
    this.numbers.replaceChildren(html("caption", { className: "words-only" }, `Numbers at time step ${this.step}`), html("tbody", {}, ...rows));
  }

  private valuesAt(group: SequenceGroup): string[] {
    const values = this.read(group)!;
    return Array.from({ length: group.units }, (_, unit) => formatNumber(Number(values[this.step * group.units + unit]), 3));
  }

  private sayAt(group: SequenceGroup): string {
    return this.read(group) ? `${group.label} = ${group.units > 8 ? `${group.units} numbers` : this.valuesAt(group).join(", ")}` : "";
  }

  private tell(group: SequenceGroup, place: Place | null): void {
    const values = place && this.read(group);
    this.readout.textContent = "";
    if (!place || !values) return;
    const name = group.names?.[place.row] ?? `${group.label}[${place.row}]`;
    this.readout.textContent = `Time step ${place.column}, ${name}: ${formatNumber(Number(values[place.offset]))}`;
    this.host.announce(this, this.readout.textContent);
  }
}
