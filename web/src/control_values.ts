/** Values of controls: checked, and as text for the address of the page. */

import type { ControlSpec } from "./spec";

export type Value = number | string;
export type Values = Record<string, Value>;

export const defaultValues = (controls: ControlSpec[]): Values => Object.fromEntries(controls.map((c) => [c.id, c.value]));

/** Returns the values if each is one of its control; throws an error that names what was expected. */
export function checkValues(controls: ControlSpec[], values: Record<string, unknown>): Values {
  return Object.fromEntries(Object.entries(values).map(([id, value]) => [id, checkValue(findControl(controls, id), value)]));
}

function findControl(controls: ControlSpec[], id: string): ControlSpec {
  const control = controls.find((c) => c.id === id);
  if (control) return control;
  const known = controls.map((c) => c.id).join(", ");
  throw new Error(`The figure has no control "${id}". ${known ? `Its controls are: ${known}.` : "It has no controls."}`);
}

function checkValue(control: ControlSpec, value: unknown): Value {
  const refuse = (expected: string): never => {
    throw new Error(`${control.id}: expected ${expected}. Received: ${typeof value === "string" ? `"${value}"` : value}.`);
  };
  if (control.kind === "choice") {
    const values = control.options.map((option) => option.value);
    return values.find((v) => v === value) ?? refuse(`one of ${values.join(", ")}`);
  }
  const [low, high] = control.kind === "seed" ? [0, control.maximum] : [control.minimum, control.maximum];
  if (typeof value !== "number" || !(value >= low && value <= high)) return refuse(`a number from ${low} to ${high}`);
  if (control.kind === "seed" && !Number.isInteger(value)) return refuse("a whole number");
  return value;
}

/** The value that a text in the address means, or undefined if it is not one of the control. */
export function parseValue(control: ControlSpec, text: string): Value | undefined {
  const value = control.kind === "choice" ? control.options.find((option) => String(option.value) === text)?.value : Number(text);
  try {
    return text.trim() === "" ? undefined : checkValue(control, value);
  } catch {
    return undefined;
  }
}
