/** Numbers as text. */

const INTEGER = new Intl.NumberFormat("en");

/** A number with about four significant digits: 20,000; 0.06895; 1.2e-7. A minus sign is a real minus. */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text: string;
  if (Number.isInteger(value) && size < 1e9) text = INTEGER.format(size);
  else if (size < 1e-4 || size >= 1e9) text = size.toExponential(digits - 2).replace(/\.?0+e/, "e").replace("e+", "e");
  else text = String(Number(size.toPrecision(digits)));
  return value < 0 ? `−${text}` : text;
}

export const formatPercent = (fraction: number): string => `${formatNumber(100 * fraction, 3)} %`;

export const plural = (count: number, noun: string, nouns = `${noun}s`): string => `${formatNumber(count)} ${count === 1 ? noun : nouns}`;

/** A number with so many decimals, so that its width does not change while it does: −0.36; 1.00. */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return formatNumber(value);
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}
