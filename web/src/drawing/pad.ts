/** A pad to draw on with the pointer or the keyboard; opened images can lie under the strokes. */

import { html } from "../dom";
import { addStyles } from "../styles";
import type { Gray } from "./center_image";

/** Pixels of a side. */
const SIZE = 224;
const PEN = SIZE / 13;
/** Distance of a step with the arrow keys. */
const STEP = SIZE / 28;

addStyles(`
.pad { position: relative; width: ${SIZE + 2}px; max-width: 100%; }
.pad canvas { width: 100%; display: block; border: 1px solid var(--faint); border-radius: 4px; cursor: crosshair; touch-action: none; }
.pad.over canvas { outline: 3px dashed var(--ink); }
.pad div { position: absolute; width: 14px; height: 14px; margin: -7px; border: 2px solid var(--ink); border-radius: 50%; pointer-events: none; box-shadow: 0 0 0 2px var(--background); }
.pad .down { background: var(--ink); }
`);

type Stroke = [number, number][];

export class Pad {
  readonly canvas = html("canvas", { width: SIZE, height: SIZE, tabIndex: 0, role: "application" });
  private readonly pen = html("div", { hidden: true });
  readonly element = html("div", { className: "pad" }, this.canvas, this.pen);
  private readonly strokes: Stroke[] = [];
  private picture: Gray | null = null;
  private inverted = false;
  private at: [number, number] = [SIZE / 2, SIZE / 2];
  private down = false;

  constructor(
    label: string,
    private readonly changed: (pad: Pad) => void,
  ) {
    this.canvas.setAttribute("aria-label", `${label}. Arrow keys move the pen, Space puts it down and lifts it, Delete clears, Control+Z undoes.`);
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.strokes.push([this.position(event)]);
      this.update();
    };
    this.canvas.onpointermove = (event) => {
      if (!this.canvas.hasPointerCapture(event.pointerId)) return;
      for (const e of event.getCoalescedEvents?.() ?? [event]) this.strokes.at(-1)!.push(this.position(e));
      this.update();
    };
    this.canvas.onkeydown = (event) => this.press(event);
    this.canvas.onfocus = () => this.canvas.matches(":focus-visible") && this.showPen(true);
    this.canvas.onblur = () => {
      this.down = false;
      this.showPen(false);
    };
  }

  get empty(): boolean {
    return this.strokes.length === 0 && !this.picture;
  }

  clear(): void {
    this.strokes.length = 0;
    this.picture = null;
    this.down = false;
    this.update();
  }

  undo(): void {
    if (this.strokes.pop() === undefined) this.picture = null;
    this.update();
  }

  /** Puts a picture in place of everything. */
  load(picture: Gray): void {
    this.strokes.length = 0;
    this.picture = picture;
    this.update();
  }

  /** Draws everything again: light on dark, or inverted. */
  paint(inverted = this.inverted): void {
    this.inverted = inverted;
    const color = inverted ? "#000" : "#fff";
    this.canvas.style.background = inverted ? "#fff" : "#000";
    const context = this.canvas.getContext("2d", { willReadFrequently: true })!;
    context.clearRect(0, 0, SIZE, SIZE);
    if (this.picture) this.paintPicture(context, this.picture, color);
    Object.assign(context, { strokeStyle: color, fillStyle: color, lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const [x, y] of stroke) context.lineTo(x, y);
      context.stroke();
    }
  }

  /** The opacity of the pixels. */
  read(): Gray {
    const { data } = this.canvas.getContext("2d")!.getImageData(0, 0, SIZE, SIZE);
    return { values: Float32Array.from({ length: SIZE * SIZE }, (_, k) => data[4 * k + 3] / 255), width: SIZE, height: SIZE };
  }

  private update(): void {
    this.paint();
    this.changed(this);
  }

  private paintPicture(context: CanvasRenderingContext2D, { values, width, height }: Gray, color: string): void {
    const small = html("canvas", { width, height });
    const own = small.getContext("2d")!;
    own.fillStyle = color;
    own.fillRect(0, 0, width, height);
    const image = own.getImageData(0, 0, width, height);
    values.forEach((value, k) => (image.data[4 * k + 3] = 255 * value));
    own.putImageData(image, 0, 0);
    const scale = Math.min(SIZE / width, SIZE / height);
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(small, (SIZE - width * scale) / 2, (SIZE - height * scale) / 2, width * scale, height * scale);
  }

  private position(event: PointerEvent): [number, number] {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * SIZE, ((event.clientY - top) / height) * SIZE];
  }

  private press(event: KeyboardEvent): void {
    const step = { ArrowUp: [0, -STEP], ArrowDown: [0, STEP], ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0] }[event.key];
    if (step) this.movePen(step[0], step[1]);
    else if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.strokes.push([[...this.at]]);
      this.update();
    } else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.showPen(true);
  }

  private movePen(right: number, down: number): void {
    const clamp = (v: number): number => Math.min(Math.max(v, STEP), SIZE - STEP);
    this.at = [clamp(this.at[0] + right), clamp(this.at[1] + down)];
    if (!this.down) return;
    if (this.strokes.length === 0) this.strokes.push([]);
    this.strokes.at(-1)!.push([...this.at]);
    this.update();
  }

  private showPen(visible: boolean): void {
    this.pen.hidden = !visible;
    this.pen.classList.toggle("down", this.down);
    this.pen.style.cssText = `left:${(100 * this.at[0]) / SIZE}%;top:${(100 * this.at[1]) / SIZE}%`;
  }
}
