/** Colors of signed numbers such as weights, symmetric about zero, and their legend. */

import { html } from "../dom";
import { formatNumber } from "../numbers";
import { addStyles } from "../styles";
import type { Frame, Theme } from "../view";
import { formatColor, mixColors, packColor, parseColor, type Color } from "./colors";

addStyles(`
.signed-legend { display: flex; gap: 6px; align-items: center; font-size: .85em; color: var(--faint); font-variant-numeric: tabular-nums; flex-wrap: wrap; }
.signed-legend span:nth-child(2) { width: 96px; height: 12px; border: 1px solid var(--faint); }
`);

/** Color of a number from -1 to 1; larger ones have the color of the end, and NaN that of the text. */
export function mixSigned(theme: Theme, t: number): Color {
  if (Number.isNaN(t)) return parseColor(theme.ink);
  return mixColors(parseColor(theme.zero), parseColor(t < 0 ? theme.negative : theme.positive), Math.min(Math.abs(t), 1));
}

/** Colors of numbers as pixels, where `limit` has the full color. */
export function makeSignedPixels(theme: Theme, limit: number): (value: number) => number {
  const colors = Uint32Array.from({ length: 512 }, (_, k) => packColor(mixSigned(theme, (k - 255) / 255)));
  const missing = packColor(mixSigned(theme, NaN));
  return (value) => (Number.isNaN(value) ? missing : colors[255 + Math.round(255 * Math.min(Math.max(value / limit, -1), 1))]);
}

export class SignedLegend {
  readonly element = html("div", { className: "signed-legend" }, html("span"), html("span"), html("span"));

  constructor(private readonly meaning: string) {}

  /** `strength` is the part of the full color that the limit has. */
  show(theme: Theme, limit: number, strength = 1): void {
    const [low, ramp, high] = Array.from(this.element.children) as HTMLElement[];
    const stops = [-1, -0.5, 0, 0.5, 1].map((t) => formatColor(mixSigned(theme, strength * t)));
    ramp.style.background = `linear-gradient(to right, ${stops.join(",")})`;
    low.textContent = `${this.meaning}: ${formatNumber(-limit)}`;
    high.textContent = formatNumber(limit);
  }
}

/** The largest size of finite numbers. */
export function findLargest(values: ArrayLike<number | bigint>): number {
  let largest = 0;
  for (let k = 0; k < values.length; k++) {
    const size = Math.abs(Number(values[k]));
    if (size > largest && size < Infinity) largest = size;
  }
  return largest;
}

/** The next larger number of the form 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return Number(([1, 2, 5].map((m) => m * power).find((round) => round >= value * 0.999999) ?? 10 * power).toPrecision(1));
}

/** The limit of a scale. It never shrinks while frames of one training are shown, because a scale that moves hides changes. */
export class FixedLimit {
  private limit = 0;
  private training = "";

  update(frame: Frame, largest: number): number {
    const { steps, loss } = frame.curve;
    const training = `${frame.steps} ${steps.length} ${loss[0]} ${loss[loss.length - 1]}`;
    if (frame.finished && training !== this.training) {
      this.limit = 0;
      this.training = training;
    }
    this.limit = Math.max(this.limit, roundUp(largest));
    return this.limit || 1;
  }
}
