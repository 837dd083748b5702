/** Colors as numbers, and mixtures of them. */

export type Color = readonly [number, number, number];

const parsed = new Map<string, Color>();

/** A color of a theme, such as `#0072b2`. Tables of colors ask for it often. */
export function parseColor(text: string): Color {
  let color = parsed.get(text);
  if (!color) {
    const value = parseInt(text.slice(1), 16);
    parsed.set(text, (color = [value >> 16, (value >> 8) & 255, value & 255]));
  }
  return color;
}

/** From `a` at 0 to `b` at 1. */
export const mixColors = (a: Color, b: Color, t: number): Color => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];

export const formatColor = (color: Color): string => `rgb(${color.map(Math.round).join(" ")})`;

/** An opaque color as a pixel of image data. */
export const packColor = ([r, g, b]: Color): number => (255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r);

/** Colors of numbers without a sign, from the smallest to the largest. */
export function numberRamp(dark: boolean): [Color, Color] {
  return (dark ? ["#1d2b30", "#a5dbe6"] : ["#e9f1f2", "#0b5563"]).map(parseColor) as [Color, Color];
}
