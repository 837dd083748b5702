/** The custom element `<pellucid-exercise>`: a question whose answer is a formula, checked in the page. */

import { html } from "../dom";
import { styleSheet } from "../styles";
import { applyTheme, findTheme, watchTheme } from "../theme";
import { parseExercise } from "./exercise";
import { ExercisePanel } from "./exercise_panel";

export class PellucidExercise extends HTMLElement {
  private panel: ExercisePanel | null = null;
  private readonly sizes = new ResizeObserver(() => this.panel?.fit());
  private stopWatching: (() => void) | null = null;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styleSheet()];
  }

  connectedCallback(): void {
    this.sizes.observe(this);
    this.stopWatching ??= watchTheme(this, () => this.panel?.setTheme(findTheme(this)));
    if (this.panel) return;
    // While the page is parsed, the element may come before its content.
    if (this.querySelector("script") || document.readyState !== "loading") this.start();
    else document.addEventListener("DOMContentLoaded", () => this.start(), { once: true });
  }

  disconnectedCallback(): void {
    this.sizes.disconnect();
    this.stopWatching?.();
    this.stopWatching = null;
  }

  private start(): void {
    if (this.panel) return;
    try {
      const script = this.querySelector('script[type="application/json"]');
      if (!script) throw new Error('Expected <script type="application/json"> inside <pellucid-exercise>.');
      this.panel = new ExercisePanel(parseExercise(script.textContent ?? ""));
      this.panel.setTheme(findTheme(this));
      this.shadowRoot!.replaceChildren(this.panel.root);
      this.panel.fit();
    } catch (error) {
      this.showFailure(error);
      throw error;
    }
  }

  private showFailure(error: unknown): void {
    const text = `This exercise cannot be shown. ${error instanceof Error ? error.message : error}`;
    const root = html("section", { className: "exercise" }, html("p", { className: "message", role: "alert" }, text));
    applyTheme(root, findTheme(this));
    this.shadowRoot!.replaceChildren(root);
  }
}
