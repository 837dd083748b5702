/** Feature maps of convolutional and pooling layers as small pictures, and the kernels of a chosen map. */

import { html } from "../dom";
import { FixedLimit, findLargest, makeSignedPixels } from "../drawing/signed";
import { type Place, Tiles } from "../drawing/tiles";
import { formatNumber, plural } from "../numbers";
import type { FeatureMapSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, TypedArray, View } from "../view";
import { formatIndex, readArray } from "./frame_values";

/** Size of a map in pixels. */
const MAP = 58;
const KERNEL_CELL = 12;
const MAX_MAPS = 32;

addStyles(`
.maps { display: grid; gap: 10px; }
.maps > div { display: grid; gap: 4px; }
.maps small { color: var(--faint); font-size: .85em; font-weight: 400; }
`);

interface Layer {
  spec: FeatureMapSpec;
  tiles: Tiles;
  kernel: Tiles | null;
  heading: HTMLElement;
  caption: HTMLElement;
  limit: FixedLimit;
  kernelLimit: FixedLimit;
  /** The map whose kernel is shown. */
  chosen: number;
}

export class FeatureMaps {
  readonly element = html("div", { className: "maps" });
  private readonly readout = html("p", { className: "readout" });
  private layers: Layer[] = [];
  private frame: Frame | null = null;
  private results: TypedArray[] | null = null;
  private width = 0;

  constructor(
    private readonly host: Host,
    private readonly owner: View,
    private readonly title: string,
  ) {}

  reset(specs: FeatureMapSpec[], width: number): void {
    this.width = width;
    this.layers = specs.map((spec) => this.makeLayer(spec));
    this.layers.forEach((layer) => this.arrange(layer));
    const parts = this.layers.map(({ heading, tiles, caption, kernel }) => {
      const part = html("div", {}, heading, tiles.element);
      if (kernel) part.append(caption, kernel.element);
      return part;
    });
    this.element.replaceChildren(...parts, ...(parts.length ? [this.readout] : []));
  }

  draw(frame: Frame, results: TypedArray[] | null): void {
    this.frame = frame;
    this.results = results;
    for (const layer of this.layers) this.drawLayer(layer);
  }

  describe(): string {
    const { results } = this;
    if (!results) return "";
    return this.layers.map(({ spec }) => `${spec.name}: ${describeMaps(results[spec.output], spec.shape)}`).join(" ");
  }

  private makeLayer(spec: FeatureMapSpec): Layer {
    const [height, width, maps] = spec.shape;
    const told = (place: Place | null): void => this.tell(spec, place);
    const layer: Layer = {
      spec,
      tiles: new Tiles({
        label: `${this.title}: ${spec.name}, ${plural(maps, "map")}`,
        cell: MAP / Math.max(height, width),
        told,
        chosen: (place) => this.choose(layer, place.tile),
      }),
      kernel: spec.kernel === null ? null : new Tiles({ label: `${this.title}: kernel of ${spec.name}`, cell: KERNEL_CELL, told: (place) => this.tellKernel(spec, place) }),
      heading: html("h4"),
      caption: html("small"),
      limit: new FixedLimit(),
      kernelLimit: new FixedLimit(),
      chosen: 0,
    };
    return layer;
  }

  private arrange(layer: Layer): void {
    const [height, width, maps] = layer.spec.shape;
    layer.tiles.arrange({ counts: [1, Math.min(maps, MAX_MAPS), height, width], strides: [0, 1, width * maps, maps] }, this.width);
    this.arrangeKernel(layer);
  }

  private arrangeKernel({ spec, tiles, kernel, chosen }: Layer): void {
    if (!kernel) return;
    const [rows, columns, inputs, outputs] = this.kernelShape(spec);
    const strides: [number, number, number, number] = [0, outputs, columns * inputs * outputs, inputs * outputs];
    kernel.arrange({ counts: [1, Math.min(inputs, MAX_MAPS), rows, columns], strides, offset: chosen }, this.width);
    tiles.frameTile(chosen);
  }

  private kernelShape(spec: FeatureMapSpec): number[] {
    const { shape } = this.host.variant().arrays[spec.kernel!];
    return [...Array.from({ length: 4 - shape.length }, () => 1), ...shape];
  }

  private drawLayer(layer: Layer): void {
    const { spec, tiles, kernel, heading, caption, chosen } = layer;
    const theme = this.host.theme();
    const [height, width, maps] = spec.shape;
    const values = this.results?.[spec.output] ?? null;
    const limit = layer.limit.update(this.frame!, values ? findLargest(values) : 0);
    tiles.paint(values ?? new Float64Array(height * width * maps), makeSignedPixels(theme, limit));
    const part = maps > MAX_MAPS ? `, the first ${MAX_MAPS} of them shown` : "";
    heading.replaceChildren(spec.name, html("small", {}, ` ${plural(maps, "map")} of ${height} × ${width}${part}; full color: ±${formatNumber(limit)}`));
    if (!kernel) return;
    const weights = readArray(this.host, this.frame, spec.kernel!);
    const kernelLimit = layer.kernelLimit.update(this.frame!, findLargest(weights));
    kernel.paint(weights, makeSignedPixels(theme, kernelLimit));
    const inputs = this.kernelShape(spec)[2];
    const bias = spec.bias === null ? "" : `; bias ${formatNumber(Number(readArray(this.host, this.frame, spec.bias)[chosen]))}`;
    const shown = inputs > MAX_MAPS ? `, the first ${MAX_MAPS} of ${inputs} inputs shown` : inputs > 1 ? `, one part for each of ${inputs} inputs` : "";
    caption.textContent = `Kernel of map ${chosen}${shown}${bias}; full color: ±${formatNumber(kernelLimit)}`;
  }

  private choose(layer: Layer, map: number): void {
    if (!layer.kernel) return;
    layer.chosen = map;
    this.arrangeKernel(layer);
    if (this.frame) this.drawLayer(layer);
  }

  private tell(spec: FeatureMapSpec, place: Place | null): void {
    const value = place && this.results?.[spec.output][place.offset];
    this.say(place && value !== undefined && value !== null ? `${spec.name}, map ${place.tile}, row ${place.row}, column ${place.column}: ${formatNumber(Number(value))}` : "");
  }

  private tellKernel(spec: FeatureMapSpec, place: Place | null): void {
    if (!place || !this.frame) return this.say("");
    const { shape } = this.host.variant().arrays[spec.kernel!];
    this.say(`${spec.kernel}${formatIndex(place.offset, shape)} = ${formatNumber(Number(readArray(this.host, this.frame, spec.kernel!)[place.offset]))}`);
  }

  private say(text: string): void {
    this.readout.textContent = text;
    if (text) this.host.announce(this.owner, text);
  }
}

function describeMaps(values: TypedArray, [height, width, maps]: number[]): string {
  const sums = new Float64Array(maps);
  for (let k = 0; k < values.length; k++) sums[k % maps] += Math.abs(Number(values[k]));
  const best = sums.reduce((a, value, k) => (value > sums[a] ? k : a), 0);
  return sums[best] === 0 ? `all ${plural(maps, "map")} are 0.` : `map ${best} of ${maps} is strongest, ${formatNumber(sums[best] / (height * width))} on average.`;
}
