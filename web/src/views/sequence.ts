/** A recurrent network step by step: inputs, states and outputs at every time step, and their numbers at one of them. */

import { html } from "../dom";
import { formatColor } from "../drawing/colors";
import { FixedLimit, findLargest, makeSignedPixels, mixSigned } from "../drawing/signed";
import { type Place, Tiles } from "../drawing/tiles";
import { uniqueId } from "../controls/control_panel";
import { formatFixed, formatNumber, plural } from "../numbers";
import type { SequenceGroup, SequenceParts, SequenceSpec, TileLayout, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { readArray } from "./frame_values";
import { Prediction } from "./prediction";

const CELL = 28;
const LABELS = 84;
/** More inputs at a time step have no boxes. */
const MAX_BOXES = 8;
/** More units at a time step are a list of numbers. */
const MAX_CELLS = 32;
/** Part of the full color of numbers under text. */
const SHADE = 0.45;
/** Units with a smaller correlation do not follow a quantity. */
const FOLLOWS = 0.8;
/** Smallest height of a row. */
const SMALLEST = 6;

addStyles(`
.sequence { display: grid; gap: 10px 28px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
.sequence > div { display: grid; gap: 10px; align-content: start; min-width: 0; }
.view:has(> .sequence) { grid-column: 1 / -1; }
.sequence .groups { display: grid; grid-template-columns: ${LABELS}px 1fr; gap: 8px; align-items: start; font-size: .9em; }
.sequence .groups > span { overflow-wrap: anywhere; line-height: 1.3; }
.sequence small { display: block; color: var(--faint); }
.sequence table { border-collapse: collapse; font-size: .9em; font-variant-numeric: tabular-nums; }
.sequence th { text-align: start; font-weight: 600; vertical-align: top; white-space: nowrap; }
.sequence th, .sequence td { padding: 1px 10px 1px 0; }
.sequence .cells { display: grid; grid-template-columns: repeat(auto-fill, 44px); gap: 3px; }
.sequence .cells span { border: 1px solid var(--faint); border-radius: 4px; text-align: center; line-height: 1.35; }
.sequence .cells .follows { outline: 2px solid var(--ink); }
.sequence .cells small { color: inherit; }
.sequence td { width: 100%; }
.sequence .story { min-height: 2.9em; font-weight: 600; }
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
  private readonly story = html("p", { className: "story" });
  private readonly answer = html("p");
  private readonly followers = html("p", { className: "readout" });
  /** Units that follow marks. */
  private following = new Set<string>();
  /** Boxes for the integers whose bits are the inputs. */
  private readonly integers: HTMLInputElement[];
  private probe: Request | null = null;
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
    const move = (label: string, by: number): HTMLElement => html("button", { type: "button", onclick: () => this.moveTo(Math.min(Math.max(this.step + by, 0), this.parts.steps - 1)) }, label);
    const cursor = html("div", { className: "row" }, move("Previous step", -1), move("Next step", 1), label, this.cursor);
    const names = this.parts.integers ?? [];
    this.integers = names.map((_, unit) => this.makeInteger(unit));
    const typed = html("div", { className: "row", hidden: names.length === 0 }, ...names.map((name, unit) => html("label", {}, `${name} `, this.integers[unit])));
    this.story.hidden = this.parts.story === null;
    const picture = html("div", {}, html("div", { className: "row" }, ...choose, this.caption), typed, this.answer, this.groups, this.readout, ...hint);
    this.element.append(picture, html("div", {}, cursor, this.story, this.editor, this.numbers, this.followers));
    if (this.prediction) this.element.lastElementChild!.append(this.prediction.element);
  }

  reset(): void {
    const { groups, steps } = this.parts;
    const width = (this.groups.clientWidth || 320) - LABELS - 8;
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
    const cells = this.drawn.flatMap(({ group, tiles }) => [html("span", {}, group.label, html("small", {}, group.names?.join(", ") ?? (group.role === "mark" ? "known" : plural(group.units, group.role === "state" ? "unit" : "value")))), tiles.element]);
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

  requests(finished: boolean): Request[] {
    const { function: name, argument } = this.parts;
    const requests: Request[] = [{ id: `${this.index}.sequence`, function: name, args: { [argument]: this.input() } }];
    const { probe, samples } = this.parts;
    if (!finished || !probe || samples === null) return requests;
    const count = Math.min(probe, this.count);
    const args = { [argument]: readArray(this.host, null, samples).slice(0, count * this.size(argument)) as TypedArray };
    this.probe ??= { id: `${this.index}.probe`, function: name, args, batches: count };
    return [...requests, this.probe];
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
    if (frame.results[`${this.index}.probe`]) this.findFollowers(frame.results[`${this.index}.probe`]);
    this.showIntegers();
    this.showNumbers();
  }

  describe(): string {
    const said = this.parts.groups.map((group) => this.sayAt(group)).filter(Boolean);
    const others = [this.story, this.answer, this.followers].map(({ textContent }) => textContent);
    return [this.describeSample(), `At time step ${this.step}: ${said.join("; ")}.`, ...others, this.prediction?.describe()].filter(Boolean).join(" ");
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
    if (group.role !== "target" || this.parts.targets === null) return this.frame?.results[`${this.index}.sequence`]?.[group.output] ?? null;
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
    this.change(values);
  }

  private change(values: Float64Array): void {
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
    const rows = shown.map((group) => html("tr", {}, html("th", { scope: "row" }, group.label), html("td", {}, this.showValues(group))));
    this.story.textContent = this.parts.story === null || !this.frame ? "" : `Step ${this.step}: ${this.parts.story.replace(/{(.*?)}/g, (_, name) => this.readNamed(name))}`;
    this.numbers.replaceChildren(html("caption", { className: "words-only" }, `Numbers at time step ${this.step}`), html("tbody", {}, ...rows));
  }

  /** The numbers of a group at the cursor: states as colored cells. */
  private showValues(group: SequenceGroup): HTMLElement | string {
    if (group.role !== "state" || group.units > MAX_CELLS) return this.valuesAt(group).join(", ");
    const theme = this.host.theme();
    const values = this.read(group)!;
    const limit = this.drawn.find((drawn) => drawn.group === group)!.limit.update(this.frame!, findLargest(values));
    const cells = Array.from({ length: group.units }, (_, unit) => {
      const value = Number(values[this.step * group.units + unit]);
      const background = formatColor(mixSigned(theme, (SHADE * value) / limit));
      const className = this.following.has(`${group.label}[${unit}]`) ? "follows" : "";
      return html("span", { className, style: `background:${background}` }, formatFixed(value, 2), html("small", {}, `${group.label}[${unit}]`));
    });
    return html("div", { className: "cells" }, ...cells);
  }

  /** The number at the cursor of an input by its name, or of a group with one number. */
  private readNamed(name: string): string {
    const { groups } = this.parts;
    const unit = groups[0].names?.indexOf(name) ?? -1;
    const group = unit >= 0 ? groups[0] : groups.find(({ label }) => label === name)!;
    const value = Number(this.read(group)?.[this.step * group.units + Math.max(unit, 0)]);
    return Number.isInteger(value) ? String(value) : formatFixed(value, 2);
  }

  /** For each mark, the unit whose values are most correlated with it over many sequences and all steps. */
  private findFollowers(results: TypedArray[]): void {
    const { groups, steps } = this.parts;
    this.following.clear();
    const states = groups.filter(({ role }) => role === "state");
    const sentences = groups.filter(({ role }) => role === "mark").map((mark) => {
      const known = Array.from(results[mark.output] as ArrayLike<number>, Number);
      const units = states.flatMap((group) =>
        Array.from({ length: group.units }, (_, unit) => {
          const values = known.map((_, k) => Number(results[group.output][k * group.units + unit]));
          return { name: `${group.label}[${unit}]`, size: correlate(values, known) };
        }),
      );
      const best = units.reduce((a, b) => (Math.abs(b.size) > Math.abs(a.size) ? b : a));
      const follows = Math.abs(best.size) >= FOLLOWS;
      if (follows) this.following.add(best.name);
      const correlation = `correlation ${formatFixed(best.size, 2)}`;
      return follows ? `${best.name} follows the ${mark.label} best: ${correlation}.` : `No unit alone follows the ${mark.label}; ${best.name} comes closest, ${correlation}.`;
    });
    this.followers.textContent = `${sentences.join(" ")} Over ${formatNumber(this.probe!.batches!)} sequences of ${steps} steps.`;
  }

  // Integers ---------------------------------------------------------------------------------------------------------------

  private makeInteger(unit: number): HTMLInputElement {
    const { steps, integers } = this.parts;
    const box = html("input", { type: "number", min: 0, max: 2 ** (steps - 1) - 1, step: 1 });
    box.oninput = () => {
      if (box.value === "" || !box.validity.valid) return;
      const values = this.input();
      for (let t = 0; t < steps; t++) values[t * integers!.length + unit] = Math.floor(Number(box.value) / 2 ** t) % 2;
      this.change(values);
    };
    box.onchange = () => box.reportValidity();
    box.onblur = () => this.showIntegers();
    return box;
  }

  private showIntegers(): void {
    const { groups, integers } = this.parts;
    if (!integers) return;
    const values = this.input();
    this.integers.forEach((box, unit) => {
      const value = String(toInteger(values, this.integers.length, unit));
      if (Number(box.value) !== Number(value) || box.value === "") box.value = value;
    });
    const [found, truth] = (["output", "target"] as const).map((role) => {
      const group = groups.find((g) => g.role === role);
      const bits = group && this.read(group);
      return bits ? toInteger(bits, group.units, 0) : null;
    });
    const verdict = truth === null ? "" : truth === found ? ", which is right" : `; the true number is ${formatNumber(truth)}`;
    this.answer.textContent = found === null ? "" : `The network answers ${formatNumber(found)}${verdict}.`;
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

/** The integer of a column of bits, least significant first. Bits above one half are 1. */
function toInteger(values: ArrayLike<number | bigint>, columns: number, column: number): number {
  let sum = 0;
  for (let t = 0; t * columns < values.length; t++) if (Number(values[t * columns + column]) > 0.5) sum += 2 ** t;
  return sum;
}

/** Correlation coefficient; 0 for constants. */
function correlate(a: number[], b: number[]): number {
  const center = (values: number[]): number[] => {
    const mean = values.reduce((x, y) => x + y, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const dot = (x: number[], y: number[]): number => x.reduce((sum, value, k) => sum + value * y[k], 0);
  const [x, y] = [center(a), center(b)];
  return dot(x, y) / (Math.sqrt(dot(x, x) * dot(y, y)) || 1);
}
