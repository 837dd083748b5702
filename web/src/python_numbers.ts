/** Numbers as Python prints them, for texts that are compared with those of `pel.why`. */

import type { Dtype } from "./spec";

/** A number with some significant digits, as `f"{value:.4g}"`; integers in full. */
export function formatPython(value: number | bigint, dtype: Dtype, digits = 4): string {
  if (dtype === "bool") return value ? "True" : "False";
  if (!dtype.startsWith("float")) return String(value);
  const number = Number(value);
  if (!Number.isFinite(number)) return String(number).toLowerCase().replace("infinity", "inf");
  if (Object.is(number, -0)) return "-0";
  const rounded = roundsUp(number, digits) ? number : number * (1 - Number.EPSILON);
  const exponential = rounded.toExponential(digits - 1);
  const [mantissa, exponent] = (Number(exponential.split("e")[1]) < -4 ? exponential : rounded.toPrecision(digits)).split("e");
  return (mantissa.includes(".") ? mantissa.replace(/\.?0*$/, "") : mantissa) + (exponent ? `e${exponent.replace(/^(.)(.)$/, "$10$2")}` : "");
}

/** Whether the middle between two decimal numbers is rounded away from zero, as JavaScript does: Python rounds it to the even digit. */
function roundsUp(number: number, digits: number): boolean {
  const exact = Math.abs(number).toExponential(60);
  return !/^50*e/.test(exact.slice(digits + 1)) || "13579".includes(exact[digits]);
}
