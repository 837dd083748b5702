/** A kernel to edit, over an image: the feature map, and for one of its numbers the window and the sum of products. */

import { uniqueId } from "../controls/control_panel";
import { html } from "../dom";
import { fitImage } from "../drawing/center_image";
import { formatColor, mixColors, packColor, parseColor } from "../drawing/colors";
import { dragNumber } from "../drawing/drag";
import { Pad } from "../drawing/pad";
import { SignedLegend, findLargest, makeSignedPixels, mixSigned, roundUp } from "../drawing/signed";
import { type Place, Tiles } from "../drawing/tiles";
import { formatFixed, formatNumber, formatPercent } from "../numbers";
import type { ConvolutionParts, ConvolutionSpec, TileLayout, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { readArray } from "./frame_values";

const CELL = 10;
/** Change of a number of the kernel for each pixel that it is dragged, and for each press of an arrow key. */
const DRAG = 0.02;
const STEP = 0.1;

addStyles(`
.convolution { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); gap: 16px 24px; }
.convolution > div { display: grid; gap: 8px; align-content: start; min-width: 0; }
.convolution h4 { margin: 0; font-size: .9em; font-weight: 600; }
.convolution .row { gap: 6px; }
.convolution .kernel { display: grid; gap: 4px; width: fit-content; }
.convolution .kernel input { width: 76px; height: 52px; text-align: center; appearance: textfield; touch-action: none; cursor: ew-resize; }
.convolution .kernel input::-webkit-inner-spin-button { appearance: none; }
.convolution > .window { font-variant-numeric: tabular-nums; overflow-x: auto; }
@container (min-width: 930px) { .convolution > .window { grid-column: 1 / -1; } }
.convolution table { border-collapse: collapse; justify-self: start; }
.convolution td { padding: 1px 4px 1px 0; white-space: nowrap; text-align: end; }
.convolution .tile-chosen { outline: 2px solid var(--ink); box-shadow: 0 0 0 4px var(--background), inset 0 0 0 2px var(--background); }
`);

type Mode = ConvolutionParts["modes"][number];

export class Convolution implements View {
  readonly element = html("div", { className: "convolution" });
  private readonly spec: ConvolutionSpec;
  private readonly cells: HTMLInputElement[];
  private readonly presets: HTMLButtonElement[];
  private readonly image: Tiles;
  private readonly mapOptions = { label: "Feature map", cell: CELL, told: (place: Place | null) => place && this.choose(place.row, place.column) };
  private readonly map: Tiles;
  private readonly pad: Pad;
  private readonly flip = html("input", { type: "checkbox" });
  private readonly rectify = html("input", { type: "checkbox" });
  private readonly stride = this.makeSelect("Stride", ["1", "2"]);
  private readonly padding = this.makeSelect("Padding", ["valid", "same"]);
  private readonly source = html("p", { className: "readout" });
  private readonly size = html("p", { className: "readout" });
  private readonly meaning = html("p", { className: "readout" });
  private readonly legend = new SignedLegend("feature map");
  private readonly heading = html("h4");
  private readonly table = html("table");
  private readonly total = html("p");
  private values: number[];
  /** Number of the image; null for the drawing. */
  private row: number | null = 0;
  private drawing: Float64Array | null = null;
  /** Row and column of the number of the feature map that is written out. */
  private at: [number, number] | null = null;
  private results: TypedArray[] | null = null;
  private request: Request | null = null;
  private drawn: Mode | null = null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as ConvolutionSpec;
    const { presets, kernel } = this.spec;
    this.values = presets[0].values.slice();
    this.cells = this.values.map((_, k) => this.makeCell(k, kernel[1]));
    this.presets = presets.map(({ name, values }) => html("button", { type: "button", onclick: () => this.change(() => (this.values = values.slice())) }, name));
    this.image = new Tiles({ label: "Image", cell: CELL, told: (place) => place && this.choose(...this.findWindow(place.row, place.column)) });
    this.map = new Tiles(this.mapOptions);
    this.pad = new Pad("Drawing pad", (pad) => this.change(() => this.readPad(pad)));
    for (const input of [this.flip, this.rectify, this.stride.select, this.padding.select]) input.onchange = () => this.change(() => undefined);
    this.build();
  }

  reset(): void {
    const [rows, columns] = this.spec.image;
    const width = Math.min(this.source.parentElement!.clientWidth || 320, CELL * columns);
    this.image.arrange({ counts: [1, 1, rows, columns], strides: [0, 0, columns, 1] }, width);
    this.drawn = null;
    this.pad.paint();
    if (this.results) this.show();
  }

  requests(): Request[] {
    const { argument, kernel, flip, rectify } = this.parts;
    const args = {
      [argument]: this.pixels(),
      [kernel]: Float64Array.from(this.values),
      [flip]: Uint8Array.of(Number(this.flip.checked)),
      [rectify]: Uint8Array.of(Number(this.rectify.checked)),
    };
    this.request ??= { id: `${this.index}.${this.mode.function}`, function: this.mode.function, args };
    return [this.request];
  }

  draw(frame: Frame): void {
    const results = frame.results[`${this.index}.${this.mode.function}`];
    if (!results) return;
    this.results = results;
    this.show();
  }

  describe(): string {
    return [this.source.textContent, this.meaning.textContent, this.size.textContent, this.total.textContent].join(" ");
  }

  private get parts(): ConvolutionParts {
    return this.host.variant().views[this.index] as ConvolutionParts;
  }

  private get mode(): Mode {
    const [stride, padding] = [Number(this.stride.select.value), this.padding.select.value];
    return this.parts.modes.find((mode) => mode.stride === stride && mode.padding === padding)!;
  }

  /** Changes the arguments of the function. */
  private change(act: () => void): void {
    act();
    this.request = null;
    this.showKernel();
    this.host.refresh();
  }

  private pixels(): Float64Array {
    if (this.row === null) return this.drawing!;
    const size = this.spec.image[0] * this.spec.image[1];
    return Float64Array.from(readArray(this.host, null, this.parts.images).slice(this.row * size, (this.row + 1) * size) as ArrayLike<number>, (value) => value / 100);
  }

  private readPad(pad: Pad): void {
    const [rows, columns] = this.spec.image;
    const ink = fitImage(pad.read(), columns, rows) ?? new Float64Array(rows * columns);
    this.drawing = ink.map((value) => Math.round(100 * value) / 100);
    this.row = null;
  }

  private showImage(step: number): void {
    const { length } = this.spec.names;
    this.change(() => (this.row = this.row === null ? 0 : (this.row + step + length) % length));
  }

  // Page -------------------------------------------------------------------------------------------------------------------

  private build(): void {
    const button = (label: string, onclick: () => void): HTMLElement => html("button", { type: "button", onclick }, label);
    const kernel = html("div", { className: "kernel", role: "group", "aria-label": "Kernel", style: `grid-template-columns:repeat(${this.spec.kernel[1]},auto)` }, ...this.cells);
    const draw = html("details", {}, html("summary", {}, "Draw an image"), this.pad.element, button("Clear", () => this.pad.clear()));
    const check = (input: HTMLElement, text: string): HTMLElement => html("label", {}, input, text);
    const options = html("div", { className: "row" }, this.stride.element, this.padding.element);
    this.element.append(
      html("div", {}, html("h4", {}, "Image"), this.image.element, html("div", { className: "row" }, button("Previous", () => this.showImage(-1)), button("Next", () => this.showImage(1))), this.source, draw),
      html("div", {}, html("h4", {}, "Kernel"), kernel, html("p", { className: "readout" }, "Type a number, drag it to the left or right, or press an arrow key."), html("div", { className: "row" }, ...this.presets), check(this.flip, "Flip the kernel (convolution)"), check(this.rectify, "relu: replace negative sums by 0"), options, this.meaning),
      html("div", {}, html("h4", {}, "Feature map"), this.map.element, this.legend.element, this.size),
      html("div", { className: "window" }, this.heading, this.table, this.total),
    );
    this.showKernel();
  }

  private makeSelect(name: string, options: string[]): { element: HTMLElement; select: HTMLSelectElement } {
    const select = html("select", { id: uniqueId() }, ...options.map((option) => html("option", {}, option)));
    return { element: html("label", {}, `${name} `, select), select };
  }

  private makeCell(k: number, columns: number): HTMLInputElement {
    const cell = html("input", { type: "number", step: STEP, "aria-label": `Kernel, row ${Math.floor(k / columns) + 1}, column ${(k % columns) + 1}` });
    const set = (value: number): void => this.change(() => (this.values[k] = value));
    cell.oninput = () => cell.value !== "" && Number.isFinite(Number(cell.value)) && set(Number(cell.value));
    cell.onblur = () => this.showKernel();
    cell.onpointerdown = (event) => dragNumber(event, this.values[k], DRAG, STEP, set);
    return cell;
  }

  private showKernel(): void {
    const theme = this.host.theme();
    const limit = findLargest(this.values) || 1;
    this.cells.forEach((cell, k) => {
      const value = this.values[k];
      cell.style.background = formatColor(mixSigned(theme, (0.45 * value) / limit));
      if (Number(cell.value) !== value || cell.value === "") cell.value = String(value);
    });
    this.presets.forEach((button, k) => (button.ariaPressed = String(this.spec.presets[k].values.every((value, j) => value === this.values[j]))));
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------

  private show(): void {
    const { mode } = this;
    const theme = this.host.theme();
    const [used, , map] = this.results!;
    const [rows, columns] = mode.shape;
    if (this.drawn !== mode) {
      this.at = this.drawn && this.at && this.keepPlace(this.at, this.drawn);
      this.drawn = mode;
      this.mapOptions.cell = CELL * mode.stride;
      const layout: TileLayout = { counts: [1, 1, rows, columns], strides: [0, 0, columns, 1] };
      this.map.arrange(layout, Math.min(this.size.parentElement!.clientWidth || 320, CELL * this.spec.image[1]));
    }
    const [paper, ink] = [parseColor(theme.zero), parseColor(theme.ink)];
    this.image.paint(this.pixels(), (value) => packColor(mixColors(paper, ink, value)));
    const limit = roundUp(findLargest(map)) || 1;
    this.map.paint(map, makeSignedPixels(theme, limit));
    this.legend.show(theme, limit);
    this.showKernel();
    this.source.textContent = this.row === null ? "Drawing." : `Image ${this.row + 1} of ${this.spec.names.length}: ${this.spec.names[this.row]}. Paper is 0, ink is 1.`;
    this.size.textContent = this.describeMap(map);
    this.meaning.textContent = this.explainKernel(used);
    this.choose(...(this.at ?? findStrongest(map, columns)));
  }

  private describeMap(map: TypedArray): string {
    const values = Array.from(map as ArrayLike<number>, Number);
    const zeros = values.filter((value) => value === 0).length / values.length;
    return `${this.mode.shape.join(" × ")} numbers from ${formatFixed(Math.min(...values), 2)} to ${formatFixed(Math.max(...values), 2)}; ${formatPercent(zeros)} are 0.`;
  }

  private explainKernel(used: TypedArray): string {
    const sum = Number(this.values.reduce((a, b) => a + b, 0).toFixed(6));
    const uniform = sum === 0 ? "uniform areas give 0" : sum === 1 ? "uniform areas keep their value" : `uniform areas become ${formatNumber(sum)} times as strong`;
    const same = this.values.every((value, k) => value === Number(used[k]));
    const flipped = this.flip.checked ? (same ? " Flipping does not change this kernel." : " The sums use the kernel rotated by 180 degrees.") : "";
    return `The numbers of the kernel add up to ${formatNumber(sum)}: ${uniform}.${flipped}`;
  }

  /** The number of the feature map whose window has its middle closest to a pixel. */
  private findWindow(row: number, column: number): [number, number] {
    const { stride, before } = this.mode;
    const [down, right] = [row, column].map((at, axis) => Math.round((at + before[axis] - (this.spec.kernel[axis] - 1) / 2) / stride));
    return [down, right];
  }

  /** The number whose window has about the middle that a number of another feature map has. */
  private keepPlace(at: [number, number], { stride, before }: Mode): [number, number] {
    const [row, column] = at.map((k, axis) => k * stride - before[axis] + (this.spec.kernel[axis] - 1) / 2);
    return this.findWindow(row, column);
  }

  /** Writes out the sum for a number of the feature map. */
  private choose(row: number, column: number): void {
    if (!this.results) return;
    const { shape, stride, before } = this.mode;
    const [i, j] = [Math.min(Math.max(row, 0), shape[0] - 1), Math.min(Math.max(column, 0), shape[1] - 1)];
    this.at = [i, j];
    const [rows, columns] = this.spec.kernel;
    const [top, left] = [i * stride - before[0], j * stride - before[1]];
    this.image.frameBlock(top, left, rows, columns);
    this.map.frameBlock(i, j, 1, 1);
    this.map.startAt(i, j);
    const [used, sums, map] = this.results;
    const pixels = this.pixels();
    const [height, width] = this.spec.image;
    const pixel = (y: number, x: number): number => (y >= 0 && x >= 0 && y < height && x < width ? pixels[y * width + x] : 0);
    const lines = Array.from({ length: rows }, (_, y) =>
      Array.from({ length: columns }, (_, x) => {
        const weight = Number(used[y * columns + x]);
        const sign = y + x ? "+ " : "";
        return html("td", {}, `${sign}${formatFixed(pixel(top + y, left + x), 2)} · ${weight < 0 ? `(${formatWeight(weight)})` : formatWeight(weight)}`);
      }),
    );
    this.table.replaceChildren(html("tbody", {}, ...lines.map((line) => html("tr", {}, ...line))));
    const [sum, value] = [sums, map].map((values) => Number(values[i * shape[1] + j]));
    this.heading.textContent = `Row ${i}, column ${j} of the feature map: pixel times weight, summed`;
    this.total.textContent = `= ${formatFixed(sum, 2)}${this.rectify.checked ? `, and relu(${formatFixed(sum, 2)}) = ${formatFixed(value, 2)}` : ""}`;
    this.host.announce(this, `Row ${i}, column ${j}: ${formatFixed(value, 2)}`);
  }
}

/** Row and column of the largest number in size. */
function findStrongest(map: TypedArray, columns: number): [number, number] {
  const at = map.findIndex((value: number | bigint) => Math.abs(Number(value)) === findLargest(map));
  return [Math.floor(at / columns), at % columns];
}

/** All decimals of a weight: from one to four. */
const formatWeight = (value: number): string => formatFixed(value, Math.min(Math.max((String(value).split(".")[1] ?? "").length, 1), 4));
