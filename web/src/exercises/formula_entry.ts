/** The input of a formula, with its MathML below. */

import { html } from "../dom";
import type { Exercise } from "./exercise";
import { writeMathml } from "./formula/mathml";
import { parseFormula } from "./formula/parser";
import { FormulaError } from "./formula/tokens";
import { formatText, trustedMarkup, updateScrollStops } from "./markup";

/** Milliseconds without a key after which a text that is no formula is explained. */
const PATIENCE = 900;

export class FormulaEntry {
  readonly element: HTMLElement;
  private readonly input: HTMLTextAreaElement;
  private readonly echo = html("div", { className: "echo scrolls", id: "echo" });
  private readonly names: string[];
  private readonly shapes: Map<string, number[]>;
  private timer = 0;

  constructor(exercise: Exercise, enter: () => void) {
    this.names = exercise.letters.map(({ name }) => name);
    this.shapes = new Map(exercise.letters.map(({ name, value }) => [name, value.shape]));
    this.input = html("textarea", { id: "formula", rows: 1, maxLength: 2000, spellcheck: false, autocomplete: "off", autocapitalize: "off", enterKeyHint: "go" });
    this.input.setAttribute("autocorrect", "off");
    this.input.setAttribute("aria-describedby", "question echo");
    this.input.addEventListener("input", () => this.update());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      // A key that is held down is one try.
      if (!event.repeat) enter();
    });
    const label = html("label", { htmlFor: "formula" }, html("code", {}, exercise.quantity), " =", html("span", { className: "hidden-label" }, " your formula"));
    this.element = html("div", { className: "entry" }, label, this.input, this.echo);
    this.update();
  }

  get text(): string {
    return this.input.value;
  }

  setText(text: string): void {
    this.input.value = text;
    this.update();
  }

  setInvalid(invalid: boolean): void {
    if (invalid) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }

  focus(): void {
    this.input.focus();
  }

  /** Fits the height to the text. A hidden input has no height yet. */
  resize(): void {
    this.input.style.height = "auto";
    if (this.input.scrollHeight) this.input.style.height = `${this.input.scrollHeight + 2}px`;
  }

  private update(): void {
    this.resize();
    this.setInvalid(false);
    clearTimeout(this.timer);
    try {
      if (!this.text.trim()) {
        this.echo.replaceChildren("Write a formula, then press Enter.");
        return;
      }
      const { tree } = parseFormula(this.text, this.names);
      this.echo.replaceChildren("pellucid reads: ", trustedMarkup("span", writeMathml(tree, this.shapes)));
      updateScrollStops(this.element);
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      // Most texts are incomplete while the learner types: explain them only after a pause.
      const { message } = error;
      this.echo.replaceChildren("pellucid reads: …");
      this.timer = window.setTimeout(() => this.echo.replaceChildren(...formatText(message)), PATIENCE);
    }
  }
}
