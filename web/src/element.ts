/** The custom element `<pellucid-figure>`: reads its figure file and offers a figure to scripts. */

import { parseSpec } from "./check_spec";
import { html } from "./dom";
import { Figure, type Result, type Timing } from "./figure";
import { styleSheet } from "./styles";
import { applyTheme, findTheme } from "./theme";

export class PellucidFigure extends HTMLElement {
  private readonly root = html("div", { className: "figure" });
  private figure: Figure | null = null;
  private starting: Promise<this> | null = null;
  private observer: IntersectionObserver | null = null;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [styleSheet()];
    shadow.append(this.root);
  }

  connectedCallback(): void {
    if (this.observer || this.starting) return;
    this.observer = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && void this.ready.catch(() => undefined), {
      rootMargin: "50%",
    });
    this.observer.observe(this);
  }

  /** Moving an element disconnects it for a moment; it is closed only if it stays away. */
  disconnectedCallback(): void {
    setTimeout(() => !this.isConnected && this.close());
  }

  /** Resolves to the element after the first training. A figure trains when it comes near the window, or is asked for. */
  get ready(): Promise<this> {
    return (this.starting ??= this.start());
  }

  /** Milliseconds from input events of controls to coarse and final pictures. */
  get timings(): Timing[] {
    return this.figure?.timings ?? [];
  }

  /** Values of the controls, the step that is shown, and whether the figure trains or plays. */
  get state(): Record<string, unknown> {
    return this.figure?.state ?? {};
  }

  /** Sets controls and trains from the initial values. Losses are those of recorded steps, or of every step. */
  async retrain(values: Record<string, unknown> = {}, options: { record?: "all" | "default" } = {}): Promise<Result> {
    await this.ready;
    return this.figure!.retrain(values, options);
  }

  /** Sets controls, as their user would. */
  set(values: Record<string, unknown>): void {
    this.require().set(values);
  }

  /** Shows the recorded step that is closest. */
  async seek(step: number): Promise<void> {
    await this.ready;
    await this.figure!.showStep(step);
  }

  play(): void {
    this.require().play();
  }

  pause(): void {
    this.require().pause();
  }

  private require(): Figure {
    if (!this.figure) throw new Error("The figure has not started: wait for `await element.ready`.");
    return this.figure;
  }

  private async start(): Promise<this> {
    this.observer?.disconnect();
    try {
      const spec = parseSpec(await this.readFile());
      this.root.replaceChildren();
      this.figure = new Figure(this, this.root, spec, this.findPrefix());
      await this.figure.retrain();
      this.figure.prepareRest();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) {
        this.showFailure(error);
        throw error;
      }
    }
    return this;
  }

  /** The text of the script inside. While the page is parsed, the element may come before its content. */
  private async readFile(): Promise<string> {
    const find = (): Element | null => this.querySelector('script[type="application/json"]');
    if (!find() && document.readyState === "loading") {
      await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
    }
    const script = find();
    if (!script) throw new Error('The figure has no data: expected <script type="application/json"> inside <pellucid-figure>.');
    return script.textContent ?? "";
  }

  /** Distinguishes figures of a page in its address. */
  private findPrefix(): string {
    const figures = Array.from(document.querySelectorAll("pellucid-figure"));
    if (this.id) return `${this.id}.`;
    return figures.length > 1 ? `${figures.indexOf(this) + 1}.` : "";
  }

  private showFailure(error: unknown): void {
    applyTheme(this.root, findTheme(this));
    if (this.root.querySelector(".message:not([hidden])")) return;
    const text = `This figure cannot be shown. ${error instanceof Error ? error.message : error}`;
    this.root.prepend(html("p", { className: "message", role: "alert" }, text));
  }

  private close(): void {
    this.observer?.disconnect();
    this.observer = null;
    this.figure?.close();
    this.figure = null;
    this.starting = null;
    this.root.replaceChildren();
  }
}
