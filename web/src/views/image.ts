/** An image as input: examples, a drawing or an opened file, with the prediction, the reason for it, and the feature maps. */

import { html } from "../dom";
import { type Gray, centerImage, fitImage, readGray } from "../drawing/center_image";
import { type Color, mixColors, packColor } from "../drawing/colors";
import { Pad } from "../drawing/pad";
import { FixedLimit, SignedLegend, findLargest, mixSigned } from "../drawing/signed";
import { formatNumber } from "../numbers";
import type { ImageParts, ImageSpec, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";
import { FeatureMaps } from "./feature_maps";
import { readArray } from "./frame_values";
import { Prediction } from "./prediction";

/** Opened images are reduced to this size before anything else. */
const MAX_SIDE = 256;

addStyles(`
.image { display: grid; gap: 12px; }
.image-top { display: flex; flex-wrap: wrap; gap: 14px; align-items: flex-start; }
.image-top > * { display: grid; gap: 6px; min-width: 0; }
.image-top > :last-child { flex: 1 1 190px; }
.image-shown { width: 150px; image-rendering: pixelated; border: 1px solid var(--faint); display: block; }
.image-shown ~ .readout { max-width: 180px; }
.image h4 { margin: 0; font-size: .9em; font-weight: 600; }
.image .row { gap: 6px; }
`);

export class ImageView implements View {
  readonly element = html("div", { className: "image" });
  private readonly spec: ImageSpec;
  private readonly seen = html("canvas", { className: "image-shown", role: "img" });
  private readonly why = html("canvas", { className: "image-shown", role: "img" });
  private readonly prediction: Prediction;
  private readonly maps: FeatureMaps;
  private readonly legend = new SignedLegend("gradient");
  private readonly limit = new FixedLimit();
  private readonly caption = html("p", { className: "readout" });
  private readonly score = html("p", { className: "readout" });
  private readonly mistake = html("button", { type: "button", hidden: true, onclick: () => this.showMistake() }, "Next mistake");
  /** Which examples are predicted correctly. */
  private correct: ArrayLike<number> | null = null;
  private readonly message = html("p", { className: "message", role: "alert", hidden: true });
  private readonly pad: Pad | null = null;
  private readonly center = html("input", { type: "checkbox", checked: true });
  /** Number of the example; null for the pad or a file. */
  private row: number | null = null;
  /** Pixels of a drawing or an opened image. */
  private opened: Float64Array | null = null;
  private frame: Frame | null = null;

  constructor(
    private readonly host: Host,
    spec: ViewSpec,
    private readonly index: number,
  ) {
    this.spec = spec as ImageSpec;
    const [height, width] = this.spec.image;
    for (const canvas of [this.seen, this.why]) Object.assign(canvas, { width, height });
    this.seen.setAttribute("aria-label", "The image that the network receives");
    this.why.setAttribute("aria-label", "The gradient of the winning score over the image");
    this.prediction = new Prediction(this.spec.scores);
    this.maps = new FeatureMaps(host, this, this.spec.title);
    if (this.spec.pad && this.channels === 1) this.pad = new Pad(`${spec.title}: drawing pad`, (pad) => this.showDrawing(pad));
    if (this.parts.images !== null) this.row = 0;
    this.build();
  }

  reset(): void {
    this.maps.reset(this.parts.maps, this.element.clientWidth || 320);
    this.pad?.paint(this.spec.pad!.inverted);
  }

  requests(finished: boolean): Request[] {
    const pixels = this.pixels();
    const { argument, correct, function: name } = this.parts;
    const requests: Request[] = pixels ? [{ id: `${this.index}.image`, function: name, args: { [argument]: pixels } }] : [];
    return finished && correct !== null ? [...requests, { id: `${this.index}.correct`, function: correct, args: {} }] : requests;
  }

  draw(frame: Frame): void {
    this.frame = frame;
    const results = this.pixels() ? (frame.results[`${this.index}.image`] ?? null) : null;
    this.drawImages(results && this.parts.saliency !== null ? results[this.parts.saliency] : null);
    this.prediction.show(results && results[this.parts.scores], this.pad ? "Draw, or open, drop or paste an image." : this.spec.pad ? "Open, drop or paste an image." : "There is no image.");
    this.maps.draw(frame, results);
    this.maps.element.hidden = !results;
    this.caption.textContent = this.describeSource();
    this.correct = (frame.results[`${this.index}.correct`]?.[0] as ArrayLike<number> | undefined) ?? this.correct;
    this.score.textContent = this.describeScore();
    this.mistake.hidden = this.correct === null || this.correct.length === this.countCorrect();
  }

  describe(): string {
    return [this.describeSource(), this.describeScore(), this.prediction.describe(), this.maps.describe()].filter(Boolean).join(" ");
  }

  private get parts(): ImageParts {
    return this.host.variant().views[this.index] as ImageParts;
  }

  private get channels(): number {
    return this.spec.image[2];
  }

  // Sources ----------------------------------------------------------------------------------------------------------------

  /** Pixels as the network receives them, or null without an image. */
  private pixels(): Float64Array | TypedArray | null {
    const [height, width, channels] = this.spec.image;
    if (this.row !== null) {
      const [images, size] = [this.images(), height * width * channels];
      return images && images.length >= size ? images.slice(this.example * size, (this.example + 1) * size) : null;
    }
    return this.opened;
  }

  private readPad(pad: Pad): Float64Array | null {
    if (pad.empty) return null;
    const [height, width] = this.spec.image;
    const drawing = pad.read();
    const ink = this.center.checked ? centerImage(drawing, width, height, this.spec.pad!.fit) : fitImage(drawing, width, height);
    const [low, high] = this.spec.pad!.inverted ? this.spec.range.toReversed() : this.spec.range;
    return ink && ink.map((value) => low + (high - low) * value);
  }

  private images(): ArrayLike<number | bigint> & { slice(a: number, b: number): Float64Array } {
    const data = this.spec.points ? this.host.data() : null;
    return (data?.features ?? readArray(this.host, this.frame, this.parts.images!)) as never;
  }

  private get count(): number {
    const [height, width, channels] = this.spec.image;
    return this.parts.images === null ? 0 : Math.floor(this.images().length / (height * width * channels));
  }

  private get example(): number {
    return Math.min(this.spec.points ? this.host.sample : this.row!, this.count - 1);
  }

  private label(): number | null {
    const { labels } = this.parts;
    const data = this.spec.points ? this.host.data() : null;
    if (data) return data.targets[this.example] ?? null;
    return labels === null ? null : Number(readArray(this.host, this.frame, labels)[this.example]);
  }

  private showExample(step: number): void {
    const row = this.row === null ? 0 : (this.example + step + this.count) % this.count;
    this.row = row;
    this.message.hidden = true;
    if (this.spec.points) this.host.selectSample(row);
    else this.host.refresh();
  }

  /** Goes to the next example that is predicted wrongly. */
  private showMistake(): void {
    const from = this.row === null ? -1 : this.example;
    const step = Array.from({ length: this.count }, (_, k) => k + 1).find((k) => !this.correct?.[(from + k) % this.count]);
    this.row ??= this.count - 1;
    this.showExample(step ?? 1);
  }

  private countCorrect(): number {
    return Array.from(this.correct ?? []).reduce((sum, is) => sum + is, 0);
  }

  private describeScore(): string {
    return this.correct ? `${formatNumber(this.countCorrect())} of these ${formatNumber(this.correct.length)} images are predicted correctly.` : "";
  }

  private showDrawing(pad: Pad): void {
    this.showOpened(this.readPad(pad));
  }

  private showOpened(pixels: Float64Array | null): void {
    this.row = null;
    this.opened = pixels;
    this.message.hidden = true;
    this.host.refresh();
  }

  private async open(file: File | null | undefined): Promise<void> {
    if (!file) return;
    try {
      const bitmap = await createImageBitmap(file);
      const context = this.rasterize(bitmap);
      const { data, width, height } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
      if (this.pad) this.load(readGray(data, width, height), file.name);
      else this.loadColors(data, width, height);
    } catch {
      const type = file.type ? ` (${file.type})` : "";
      this.fail(`${file.name}${type} is not an image that this browser can read. Open a PNG, JPEG, GIF or WebP file.`);
    }
  }

  private rasterize(bitmap: ImageBitmap): CanvasRenderingContext2D {
    const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = html("canvas", { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
    const context = canvas.getContext("2d")!;
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return context;
  }

  private load(gray: Gray, name: string): void {
    if (fitImage(gray, gray.width, gray.height)) this.pad!.load(gray);
    else this.fail(`${name} is one uniform area: there is nothing to recognize. Open another image.`);
  }

  /** A color image is cropped to the shape of the input, around its middle. */
  private loadColors(rgba: Uint8ClampedArray, width: number, height: number): void {
    const [rows, columns, channels] = this.spec.image;
    const scale = Math.max(columns / width, rows / height);
    const [low, high] = this.spec.range;
    const opened = new Float64Array(rows * columns * channels);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const sums = averageBox(rgba, width, height, width / 2 + (j - columns / 2) / scale, height / 2 + (i - rows / 2) / scale, 1 / scale);
        for (let c = 0; c < channels; c++) opened[(i * columns + j) * channels + c] = low + ((high - low) * sums[c]) / 255;
      }
    }
    this.showOpened(opened);
  }

  private fail(message: string): void {
    this.message.hidden = false;
    this.message.textContent = message;
  }

  // Page -------------------------------------------------------------------------------------------------------------------

  private build(): void {
    const { pad, parts } = this;
    const button = (label: string, onclick: () => void): HTMLElement => html("button", { type: "button", onclick }, label);
    const examples = parts.images === null ? [] : [button("Previous", () => this.showExample(-1)), button("Next", () => this.showExample(1)), this.mistake];
    const tools = pad ? [button("Clear", () => pad.clear()), button("Undo", () => pad.undo())] : [];
    const input = html("input", { type: "file", accept: "image/*" });
    input.onchange = () => {
      void this.open(input.files?.[0]);
      input.value = "";
    };
    const open = this.spec.pad ? [button("Open an image", () => input.click())] : [];
    const check = html("label", {}, this.center, "Scale and center the drawing");
    this.center.onchange = () => pad && this.row === null && this.showDrawing(pad);
    const source = pad ? html("div", {}, html("h4", {}, "Draw"), pad.element, html("div", { className: "row" }, ...tools, ...open), check) : null;
    const seen = html("div", {}, html("h4", {}, "Input"), this.seen, this.caption, html("div", { className: "row" }, ...examples, ...(pad ? [] : open)), this.score);
    const why = parts.saliency === null ? null : html("div", {}, html("h4", {}, "Why: gradient of the winning score"), this.why, this.legend.element);
    const prediction = html("div", {}, html("h4", {}, "Prediction"), this.prediction.element);
    const top = html("div", { className: "image-top" });
    top.append(...[source, seen, why, prediction].filter((part) => part !== null));
    this.element.append(top, this.message, this.maps.element);
    if (this.spec.pad) this.acceptFiles();
  }

  private acceptFiles(): void {
    const over = (is: boolean) => (event: Event) => {
      event.preventDefault();
      this.pad?.element.classList.toggle("over", is);
    };
    this.element.ondragover = over(true);
    this.element.ondragleave = over(false);
    this.element.ondrop = (event) => {
      over(false)(event);
      const file = event.dataTransfer?.files[0];
      if (file) void this.open(file);
      else this.fail("The dropped object is not a file. Save the image first, and drop or open its file.");
    };
    this.element.addEventListener("paste", (event) => {
      const file = Array.from(event.clipboardData?.files ?? []).find((f) => f.type.startsWith("image/"));
      if (!file) return;
      event.preventDefault();
      void this.open(file);
    });
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------

  private drawImages(saliency: TypedArray | null): void {
    const [height, width, channels] = this.spec.image;
    const pixels = this.pixels();
    const theme = this.host.theme();
    const limit = this.frame && saliency ? this.limit.update(this.frame, findLargest(saliency)) : 1;
    this.legend.show(theme, limit);
    const [seen, why] = [this.seen, this.why].map((canvas) => canvas.getContext("2d")!.createImageData(width, height));
    const [seenPixels, whyPixels] = [seen, why].map((image) => new Uint32Array(image.data.buffer));
    for (let k = 0; pixels && k < height * width; k++) {
      const color = this.colorOf(pixels, k * channels);
      seenPixels[k] = packColor(color);
      let slope = 0;
      for (let c = 0; saliency && c < channels; c++) slope += Number(saliency[k * channels + c]);
      const strength = Math.min(Math.abs(slope) / limit, 1);
      whyPixels[k] = packColor(mixColors(mixColors(color, mixSigned(theme, 0), 0.5), mixSigned(theme, Math.sign(slope)), 0.9 * strength));
    }
    this.seen.getContext("2d")!.putImageData(seen, 0, 0);
    this.why.getContext("2d")!.putImageData(why, 0, 0);
  }

  private colorOf(pixels: ArrayLike<number | bigint>, at: number): Color {
    const [low, high] = this.spec.range;
    const level = (c: number): number => 255 * Math.min(Math.max((Number(pixels[at + c]) - low) / (high - low), 0), 1);
    return this.channels >= 3 ? [level(0), level(1), level(2)] : [level(0), level(0), level(0)];
  }

  private describeSource(): string {
    if (this.row === null) {
      if (!this.opened) return this.pad ? "Nothing is drawn yet." : "No image is open.";
      return this.pad ? "Drawing." : "Opened image.";
    }
    const label = this.label();
    const winner = this.prediction.winner;
    const verdict = label === null || winner === null ? "" : label === winner ? ", predicted correctly" : ", predicted wrongly";
    const truth = label === null ? "" : `: ${this.prediction.name(label)}${verdict}`;
    return `Image ${formatNumber(this.example + 1)} of ${formatNumber(this.count)}${truth}.`;
  }
}

/** Mean color of a square of pixels, whose corner is at (x, y). */
function averageBox(rgba: Uint8ClampedArray, width: number, height: number, x: number, y: number, side: number): [number, number, number, number] {
  const sums: [number, number, number, number] = [0, 0, 0, 0];
  const [x0, y0] = [Math.min(Math.max(Math.floor(x), 0), width - 1), Math.min(Math.max(Math.floor(y), 0), height - 1)];
  const [x1, y1] = [Math.max(x0 + 1, Math.min(Math.round(x + side), width)), Math.max(y0 + 1, Math.min(Math.round(y + side), height))];
  for (let i = y0; i < y1; i++) for (let j = x0; j < x1; j++) for (let c = 0; c < 4; c++) sums[c] += rgba[4 * (i * width + j) + c];
  const count = (x1 - x0) * (y1 - y0);
  return sums.map((sum) => sum / count) as typeof sums;
}
