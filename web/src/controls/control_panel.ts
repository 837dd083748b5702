/** Sliders, choices and seeds of a figure. */

import { html } from "../dom";
import { formatNumber } from "../numbers";
import { makeScale } from "../scales";
import type { ChoiceSpec, ControlSpec, SeedSpec, SliderSpec } from "../spec";
import type { Value, Values } from "../control_values";

/** Positions of a slider without steps. */
const POSITIONS = 1000;

/** A control on the page: its element, and how it shows a value. */
interface Widget {
  element: HTMLElement;
  show(value: Value): void;
}

type Changed = (value: Value, event: Event) => void;

let ids = 0;
export const uniqueId = (): string => `p${++ids}`;

export class ControlPanel {
  readonly element = html("div", { className: "controls", role: "group", "aria-label": "Controls" });
  private readonly widgets = new Map<string, Widget>();

  constructor(controls: ControlSpec[], changed: (id: string, value: Value, event: Event) => void) {
    for (const control of controls) {
      const widget = makeWidget(control, (value, event) => changed(control.id, value, event));
      this.widgets.set(control.id, widget);
      this.element.append(widget.element);
    }
    this.element.hidden = controls.length === 0;
  }

  enable(id: string, enabled: boolean): void {
    const { element } = this.widgets.get(id)!;
    element.classList.toggle("disabled", !enabled);
    for (const part of element.querySelectorAll<HTMLInputElement>("input, select, button")) part.disabled = !enabled;
  }

  show(values: Values): void {
    for (const [id, value] of Object.entries(values)) this.widgets.get(id)!.show(value);
  }
}

function makeWidget(control: ControlSpec, changed: Changed): Widget {
  if (control.kind === "slider") return makeSlider(control, changed);
  return control.kind === "choice" ? makeChoice(control, changed) : makeSeed(control, changed);
}

function frame(label: string, input: HTMLElement, ...others: HTMLElement[]): HTMLElement {
  input.id = uniqueId();
  return html("div", { className: "control" }, html("label", { htmlFor: input.id }, label), html("div", { className: "row" }, input, ...others));
}

function makeSlider(spec: SliderSpec, changed: Changed): Widget {
  const scale = makeScale(spec.scale, spec.minimum, spec.maximum, 0, POSITIONS);
  const native = spec.scale === "linear" && spec.step !== null;
  const range = html("input", {
    type: "range",
    ...(native ? { min: spec.minimum, max: spec.maximum, step: spec.step } : { min: 0, max: POSITIONS, step: 1 }),
  });
  const box = makeNumberBox(`${spec.label}, number`, spec.minimum, spec.maximum, changed);
  box.onkeydown = (event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const steps = native ? 1 : POSITIONS / 100;
    if (event.key === "ArrowUp") range.stepUp(steps);
    else range.stepDown(steps);
    range.dispatchEvent(new Event("input"));
  };
  range.oninput = (event) => changed(native ? Number(range.value) : roundValue(spec, scale.toValue(Number(range.value))), event);
  const unit = html("span", { className: "unit" }, spec.unit);
  return {
    element: frame(spec.label, range, box, unit),
    show(value) {
      const position = native ? Number(value) : scale.toPosition(Number(value));
      if (Number(range.value) !== position) range.value = String(position);
      range.setAttribute("aria-valuetext", `${formatNumber(Number(value))} ${spec.unit}`.trim());
      showNumber(box, Number(value));
    },
  };
}

/** A value of a slider: a multiple of its step, or one with three significant digits. The ends stay exact. */
function roundValue(spec: SliderSpec, value: number): number {
  const rounded = spec.step === null ? Number(value.toPrecision(3)) : spec.minimum + Math.round((value - spec.minimum) / spec.step) * spec.step;
  return Math.min(Math.max(Number(rounded.toPrecision(12)), spec.minimum), spec.maximum);
}

/** A number that takes effect while it is typed, as soon as it is one of the control. */
function makeNumberBox(label: string, minimum: number, maximum: number, changed: Changed): HTMLInputElement {
  const box = html("input", { type: "number", min: minimum, max: maximum, step: "any", "aria-label": label });
  box.oninput = (event) => {
    box.setCustomValidity("");
    if (box.value !== "" && box.validity.valid) changed(Number(box.value), event);
  };
  box.onchange = () => {
    if (box.value !== "" && box.validity.valid) return;
    box.setCustomValidity(`Expected a number from ${minimum} to ${maximum}.`);
    box.reportValidity();
  };
  box.onblur = () => {
    box.setCustomValidity("");
    if (box.value === "" || !box.validity.valid) showNumber(box, Number(box.dataset.value));
  };
  return box;
}

function showNumber(box: HTMLInputElement, value: number): void {
  box.dataset.value = String(value);
  if (Number(box.value) !== value || box.value === "") box.value = String(value);
}

function makeChoice(spec: ChoiceSpec, changed: Changed): Widget {
  if (spec.buttons) return makeButtons(spec, changed);
  const select = html("select", {}, ...spec.options.map((option) => html("option", {}, option.label)));
  select.onchange = (event) => changed(spec.options[select.selectedIndex].value, event);
  const show = (value: Value): void => {
    select.selectedIndex = spec.options.findIndex((option) => option.value === value);
  };
  return { element: frame(spec.label, select), show };
}

function makeButtons(spec: ChoiceSpec, changed: Changed): Widget {
  const buttons = spec.options.map(({ label, value }) => html("button", { type: "button", onclick: (event: Event) => changed(value, event) }, label));
  const label = html("span", { id: uniqueId(), className: "label" }, spec.label);
  const row = html("div", { className: "row choices", role: "group", "aria-labelledby": label.id }, ...buttons);
  const show = (value: Value): void => buttons.forEach((button, k) => (button.ariaPressed = String(spec.options[k].value === value)));
  return { element: html("div", { className: "control" }, label, row), show };
}

function makeSeed(spec: SeedSpec, changed: Changed): Widget {
  const box = makeNumberBox(spec.label, 0, spec.maximum, changed);
  box.step = "1";
  box.removeAttribute("aria-label");
  const draw = (event: Event): void => changed(Math.floor(Math.random() * Math.min(spec.maximum + 1, 10000)), event);
  const button = html("button", { type: "button", onclick: draw }, `New ${spec.label}`);
  return { element: frame(spec.label, box, button), show: (value) => showNumber(box, Number(value)) };
}
