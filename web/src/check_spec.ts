/** Checks of a figure file that give its faults a message instead of an exception somewhere else. */

import { FORMAT, type FigureSpec } from "./spec";

export function parseSpec(text: string): FigureSpec {
  let spec: FigureSpec;
  try {
    spec = JSON.parse(text);
  } catch (error) {
    throw new Error(`The figure file is not JSON: ${(error as Error).message}`);
  }
  if (spec?.format !== FORMAT) {
    throw new Error(`The figure file has format ${spec?.format}; this page reads format ${FORMAT}. Build the page again.`);
  }
  for (const field of ["modules", "variants", "controls", "views"] as const) {
    if (!Array.isArray(spec[field])) throw new Error(`The figure file has no list of ${field}. Build the page again.`);
  }
  if (spec.variants.length === 0) throw new Error("The figure file has no variant. Build the page again.");
  for (const variant of spec.variants) variant.arrays = { ...spec.arrays, ...variant.arrays };
  for (const control of spec.controls) {
    if (control.target !== "input") continue;
    if (spec.variants.some((variant) => !variant.arrays[control.id])) throw new Error(`The figure file has no array for the control ${control.id}.`);
  }
  return spec;
}
