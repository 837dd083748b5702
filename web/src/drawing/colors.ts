/** Colors as numbers, and mixtures of them. */

export type Color = readonly [number, number, number];

export const parseColor = (text: string): Color => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16)) as unknown as Color;

/** From `a` at 0 to `b` at 1. */
export const mixColors = (a: Color, b: Color, t: number): Color => a.map((x, k) => x + (b[k] - x) * t) as unknown as Color;

export const formatColor = (color: Color): string => `rgb(${color.map(Math.round).join(" ")})`;

/** An opaque color as a pixel of image data. */
export const packColor = ([r, g, b]: Color): number => (255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r);

/** Colors of numbers without a sign, from the smallest to the largest. */
export function numberRamp(dark: boolean): [Color, Color] {
  return (dark ? ["#1d2b30", "#a5dbe6"] : ["#e9f1f2", "#0b5563"]).map(parseColor) as [Color, Color];
}
