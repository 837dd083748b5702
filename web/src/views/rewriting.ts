/** An expression after each rewrite of the simplifier, as a slider. */

import { uniqueId } from "../controls/control_panel";
import { html } from "../dom";
import type { RewritingParts, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, View } from "../view";

addStyles(`
.view:has(.rewriting) { grid-column: 1 / -1; }
.rewriting { display: grid; gap: 10px; }
.rewriting .sides { display: grid; gap: 10px 20px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.rewriting .side { background: var(--surface); border-radius: 6px; padding: 8px 12px; min-height: 8.5em; display: grid; align-content: space-between; min-width: 0; }
.rewriting .formula { overflow-x: auto; overflow-y: hidden; font-size: 1.25em; padding: 4px 0; }
.rewriting .rule { min-height: 8em; display: grid; gap: 4px; align-content: start; }
.rewriting input[type=range] { flex: 1; min-width: 0; }
.rewriting output { min-width: 5em; }
.rewriting .changed { border: 2px solid var(--ink); border-radius: 4px; padding: 2px 4px; }
.rewriting code { font-size: .9em; overflow-wrap: anywhere; }
`);

export class Rewriting implements View {
  private readonly range = html("input", { type: "range", min: 0, step: 1, value: 0, id: uniqueId(), oninput: () => this.show() });
  private readonly back = html("button", { type: "button", onclick: () => this.go(-1) }, "Previous");
  private readonly next = html("button", { type: "button", onclick: () => this.go(1) }, "Next");
  private readonly place = html("output");
  private readonly sides = html("div", { className: "sides" });
  private readonly rule = html("div", { className: "rule" });
  readonly element = html(
    "div",
    { className: "rewriting" },
    html("label", { htmlFor: this.range.id }, "Rewrite"),
    html("div", { className: "row" }, this.back, this.range, this.next, this.place),
    html("p", { className: "note" }, "Boxes mark the part that a rewrite changes. Values are computed in float32."),
    this.sides,
    this.rule,
  );
  private parts: RewritingParts | null = null;

  constructor(
    private readonly host: Host,
    _spec: ViewSpec,
    private readonly index: number,
  ) {}

  reset(): void {
    const parts = this.host.variant().views[this.index] as RewritingParts;
    if (parts === this.parts) return;
    this.parts = parts;
    this.range.max = String(parts.steps.length);
    this.range.value = "0";
    this.show();
  }

  requests(): Request[] {
    return [];
  }

  draw(_frame: Frame): void {}

  describe(): string {
    return [this.place.textContent, ...Array.from(this.rule.children, ({ textContent }) => textContent), ...Array.from(this.sides.querySelectorAll(".value"), ({ textContent }) => textContent)].join(" ");
  }

  private go(step: number): void {
    this.range.value = String(Number(this.range.value) + step);
    this.show();
  }

  private show(): void {
    const { start, steps, given, values } = this.parts!;
    const at = Number(this.range.value);
    const step = steps[at - 1];
    // A disabled button would lose the focus of the keyboard.
    this.back.ariaDisabled = String(at === 0);
    this.next.ariaDisabled = String(at === steps.length);
    this.place.textContent = at ? `${at} of ${steps.length}` : `as written`;
    this.range.setAttribute("aria-valuetext", at ? `${this.place.textContent}: ${step.rule}` : "as written");
    const side = (label: string, formula: string, value: string | null): HTMLElement =>
      html("div", { className: "side" }, html("span", { className: "note" }, label), html("div", { className: "formula", tabIndex: 0, role: "group", "aria-label": `${label}, formula`, innerHTML: formula }), html("span", { className: "value" }, value === null ? "" : `At ${given}, it is ${value}.`));
    if (at) this.sides.replaceChildren(side("Before", step.before, values[at - 1]), side("After", step.after, values[at]));
    else this.sides.replaceChildren(side("As written", start, values[0]));
    const words = at
      ? [html("p", {}, html("b", {}, step.rule), `, a rule of the phase ${step.phase}.`), html("p", {}, html("code", {}, step.pattern)), html("p", {}, step.reason)]
      : [html("p", {}, `${steps.length === 1 ? "One rule" : `${steps.length} rules, one after the other,`} will rewrite it. Move the slider.`)];
    this.rule.replaceChildren(...words);
    this.host.announce(this, this.describe());
  }
}
