/** A plane of two features on the page: stacked canvases inside axes, and the mapping between features and pixels. */

import { html } from "../dom";
import { formatNumber } from "../numbers";
import { type Scale, makeScale, makeTicks } from "../scales";
import type { Theme } from "../view";

const LEFT = 46;
const BOTTOM = 36;
const EDGE = 8;

export class Plane {
  readonly element = html("div", { className: "plane" });
  /** The picture of the field has one pixel per CSS pixel: interpolation has no finer detail. */
  readonly field = html("canvas", { className: "field" });
  readonly lines = html("canvas");
  readonly points = html("canvas");
  width = 0;
  height = 0;
  x: Scale;
  y: Scale;

  constructor(
    readonly xRange: [number, number],
    readonly yRange: [number, number],
  ) {
    this.element.append(this.field, this.lines, this.points);
    this.x = makeScale("linear", ...xRange, 0, 1);
    this.y = makeScale("linear", ...yRange, 1, 0);
    Object.assign(this.field.style, { left: `${LEFT}px`, top: `${EDGE}px` });
  }

  /** Fits the plane into the width of the page. Returns whether the size changed; canvases keep their pictures if not. */
  fit(): boolean {
    const width = Math.max(Math.floor(this.element.clientWidth) - LEFT - EDGE, 120);
    const ratio = (this.yRange[1] - this.yRange[0]) / (this.xRange[1] - this.xRange[0]);
    const height = Math.round(width * Math.min(Math.max(ratio, 0.5), 0.85));
    if (width === this.width && height === this.height) return false;
    Object.assign(this, { width, height });
    this.x = makeScale("linear", ...this.xRange, LEFT, LEFT + width);
    this.y = makeScale("linear", ...this.yRange, EDGE + height, EDGE);
    this.element.style.height = `${height + EDGE + BOTTOM}px`;
    this.field.style.width = `${width}px`;
    this.field.style.height = `${height}px`;
    return true;
  }

  /** A cleared canvas for drawing in CSS pixels. */
  begin(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const ratio = Math.min(devicePixelRatio || 1, 3);
    const [width, height] = [this.width + LEFT + EDGE, this.height + EDGE + BOTTOM];
    const context = canvas.getContext("2d")!;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  /** Draws what follows inside the axes only. */
  clip(context: CanvasRenderingContext2D): void {
    context.beginPath();
    context.rect(LEFT, EDGE, this.width, this.height);
    context.clip();
  }

  drawAxes(context: CanvasRenderingContext2D, theme: Theme, names: string[]): void {
    context.strokeStyle = context.fillStyle = theme.faint;
    context.lineWidth = 1;
    context.font = "12px system-ui, sans-serif";
    context.strokeRect(LEFT - 0.5, EDGE - 0.5, this.width + 1, this.height + 1);
    context.textAlign = "center";
    context.textBaseline = "top";
    const bottom = EDGE + this.height;
    for (const tick of makeTicks("linear", ...this.xRange, this.width / 70)) {
      const x = this.x.toPosition(tick);
      context.fillRect(x - 0.5, bottom, 1, 4);
      context.fillText(formatNumber(tick), x, bottom + 6);
    }
    context.fillText(names[0] ?? "", LEFT + this.width / 2, bottom + 21);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of makeTicks("linear", ...this.yRange, this.height / 45)) {
      const y = this.y.toPosition(tick);
      context.fillRect(LEFT - 4, y - 0.5, 4, 1);
      context.fillText(formatNumber(tick), LEFT - 7, y);
    }
    context.save();
    context.translate(9, EDGE + this.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(names[1] ?? "", 0, 0);
    context.restore();
  }

  contains(x: number, y: number): boolean {
    return x >= LEFT && x <= LEFT + this.width && y >= EDGE && y <= EDGE + this.height;
  }

  /** Features at a position, kept inside the axes. */
  toFeatures(x: number, y: number): [number, number] {
    const clamp = (value: number, [low, high]: [number, number]): number => Number(Math.min(Math.max(value, low), high).toPrecision(5));
    return [clamp(this.x.toValue(x), this.xRange), clamp(this.y.toValue(y), this.yRange)];
  }
}
