/** Matrices, vectors and kernels as colored cells, with their gradients beside them. */

import { html } from "../dom";
import { FixedLimit, SignedLegend, findLargest, makeSignedPixels } from "../drawing/signed";
import { Tiles, type Place } from "../drawing/tiles";
import { formatNumber } from "../numbers";
import type { HeatMapParts, TileLayout, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { formatIndex, readArray } from "./frame_values";

const CELL = 26;
/** Largest size of a kernel or image. */
const TILE = 72;
/** Largest width of an array with its gradient, so that wide views show several side by side. */
const MAX_WIDTH = 400;
/** Room between values and gradients. */
const SPACE = 16;

addStyles(`
.heat { display: grid; gap: 10px; }
.heat .panels { display: flex; flex-wrap: wrap; gap: 10px 28px; }
.heat figure { margin: 0; display: grid; gap: 4px; align-content: start; }
.heat .pair { display: flex; gap: ${SPACE}px; align-items: start; }
.heat .pair > * { flex: 0 1 auto; min-width: 0; }
.heat figcaption { font-size: .9em; color: var(--faint); }
.readout { min-height: 1.5em; font-size: .9em; font-variant-numeric: tabular-nums; }
`);

type Panel = HeatMapParts["panels"][number];

/** The pictures of one array. */
interface Pictures {
  panel: Panel;
  values: Tiles;
  gradient: Tiles | null;
}

export class HeatMap implements View {
  readonly element = html("div", { className: "heat" });
  private readonly legend = new SignedLegend("weights");
  private readonly gradientLegend = new SignedLegend("gradients");
  private readonly readout = html("p", { className: "readout" });
  private readonly limit = new FixedLimit();
  private readonly gradientLimit = new FixedLimit();
  private pictures: Pictures[] = [];
  private frame: Frame | null = null;
  private gradients: TypedArray[] | null = null;
  /** Values of the controls that say which parts of arrays are used. */
  private sizes = "";

  constructor(
    private readonly host: Host,
    private readonly spec: ViewSpec,
    private readonly index: number,
  ) {}

  reset(): void {
    const { panels } = this.host.variant().views[this.index] as HeatMapParts;
    const width = Math.min(this.element.clientWidth || 320, MAX_WIDTH);
    this.gradients = null;
    this.sizes = this.findSizes();
    this.pictures = panels.map((panel) => this.makePictures(crop(panel, this.frame), width));
    const hasGradients = this.pictures.some(({ gradient }) => gradient);
    const figures = this.pictures.map(({ panel, values, gradient }) =>
      html(
        "figure",
        {},
        html("figcaption", {}, `${panel.label} (${describeShape(panel)})${gradient ? " and its gradient" : ""}`),
        html("div", { className: "pair" }, values.element, gradient && gradient.element),
      ),
    );
    this.element.replaceChildren(
      html("div", { className: "panels" }, ...figures),
      this.readout,
      this.legend.element,
      ...(hasGradients ? [this.gradientLegend.element] : []),
    );
  }

  private findSizes(): string {
    const { panels } = this.host.variant().views[this.index] as HeatMapParts;
    return JSON.stringify(panels.flatMap(({ used }) => used?.map((id) => id && this.frame?.inputs[id]) ?? []));
  }

  requests(finished: boolean): Request[] {
    const { panels } = this.host.variant().views[this.index] as HeatMapParts;
    const evaluation = panels.find((panel) => panel.gradient)?.gradient;
    return finished && evaluation ? [{ id: `${this.index}.gradients`, function: evaluation.function, args: {} }] : [];
  }

  draw(frame: Frame): void {
    this.frame = frame;
    if (this.findSizes() !== this.sizes) this.reset();
    this.gradients = frame.results[`${this.index}.gradients`] ?? null;
    const arrays = this.pictures.map(({ panel }) => this.values(panel));
    const gradients = this.pictures.map(({ panel }) => this.gradient(panel));
    const theme = this.host.theme();
    const limit = this.limit.update(frame, Math.max(...arrays.map(findLargest)));
    this.legend.show(theme, limit);
    const color = makeSignedPixels(theme, limit);
    this.pictures.forEach(({ values }, k) => values.paint(arrays[k], color));
    if (!this.gradients) return;
    const gradientLimit = this.gradientLimit.update(frame, Math.max(...gradients.map((g) => (g ? findLargest(g) : 0))));
    this.gradientLegend.show(theme, gradientLimit);
    const gradientColor = makeSignedPixels(theme, gradientLimit);
    this.pictures.forEach(({ gradient }, k) => gradients[k] && gradient?.paint(gradients[k], gradientColor));
  }

  describe(): string {
    if (!this.frame) return "";
    const used = (panel: Panel, values: TypedArray | null): number[] | null => values && selectCells(panel.layout, values);
    return this.pictures.map(({ panel }) => describeArray(panel.label, used(panel, this.values(panel))!, used(panel, this.gradient(panel)))).join(" ");
  }

  private makePictures(panel: Panel, width: number): Pictures {
    const [tileRows, tileColumns, ...sides] = panel.layout.counts;
    const cell = tileRows * tileColumns > 1 ? Math.min(CELL, TILE / Math.max(...sides)) : CELL;
    const make = (label: string, chosen?: (place: Place) => void): Tiles => new Tiles({ label: `${this.spec.title}: ${label}`, cell, told: (place) => this.tell(panel, place), chosen });
    const inspect = (place: Place): void => this.host.inspect(panel.array, place.offset);
    const [values, gradient] = [make(panel.label, inspect), panel.gradient && make(`gradient of ${panel.label}`)];
    const each = gradient ? (width - SPACE) / 2 : width;
    values.arrange(panel.layout, each);
    gradient?.arrange(panel.layout, each);
    return { panel, values, gradient };
  }

  private values(panel: Panel): TypedArray {
    return readArray(this.host, this.frame, panel.array);
  }

  private gradient(panel: Panel): TypedArray | null {
    return (panel.gradient && this.gradients?.[panel.gradient.output]) ?? null;
  }

  private tell(panel: Panel, place: Place | null): void {
    this.readout.textContent = "";
    if (!place || !this.frame) return;
    const gradient = this.gradient(panel);
    const name = `${panel.label}${formatIndex(place.offset, panel.shape)}`;
    const slope = gradient ? `, gradient ${formatNumber(Number(gradient[place.offset]))}` : "";
    this.readout.textContent = `${name} = ${formatNumber(Number(this.values(panel)[place.offset]))}${slope}`;
    this.host.announce(this, this.readout.textContent);
  }
}

/** A panel with the cells of used rows and columns only. */
function crop(panel: Panel, frame: Frame | null): Panel {
  const [tileRows, tileColumns, ...cells] = panel.layout.counts;
  const [rows, columns] = cells.map((count, k) => {
    const id = panel.used?.[k];
    return id && frame ? Math.min(count, Number(frame.inputs[id])) : count;
  });
  return { ...panel, layout: { ...panel.layout, counts: [tileRows, tileColumns, rows, columns] } };
}

function describeShape({ shape, layout, used }: Panel): string {
  const [rows, columns] = layout.counts.slice(2);
  return (used ? [rows, columns].slice(-shape.length) : shape).join(" × ") || "number";
}

/** The elements that are drawn. */
function selectCells({ counts, strides, offset = 0 }: TileLayout, values: TypedArray): number[] {
  let places = [offset];
  counts.forEach((count, axis) => (places = places.flatMap((place) => Array.from({ length: count }, (_, k) => place + k * strides[axis]))));
  return places.map((place) => Number(values[place]));
}

function describeArray(label: string, numbers: number[], gradient: number[] | null): string {
  const positive = numbers.filter((value) => value > 0).length;
  const [low, high] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
  const range = numbers.length === 1 ? `${label} is ${formatNumber(low)}` : `${label} goes from ${formatNumber(low)} to ${formatNumber(high)}; ${positive} of ${formatNumber(numbers.length)} numbers are positive`;
  return `${range}.${gradient ? ` The largest part of its gradient has the size ${formatNumber(findLargest(gradient))}.` : ""}`;
}
