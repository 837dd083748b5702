/** Play button and scrubber through the recorded steps. */

import { html } from "../dom";
import { formatNumber } from "../numbers";
import { prefersReducedMotion } from "../theme";

/** Duration of the whole animation, and time between two pictures with reduced motion. */
const PLAY_MILLISECONDS = 6000;
const REDUCED_PAUSE = 500;

export class Timeline {
  readonly element: HTMLElement;
  private readonly button = html("button", { type: "button", className: "play", onclick: () => (this.playing ? this.pause() : this.play()) });
  private readonly range = html("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": "Training step" });
  private readonly text = html("output");
  private steps: ArrayLike<number> = [0];
  private started: { time: number; index: number } | null = null;
  private drawn = 0;

  /** `seek` shows a recorded step; with `moving`, more will follow soon. */
  constructor(private readonly seek: (step: number, moving: boolean) => void) {
    this.element = html("div", { className: "timeline", role: "group", "aria-label": "Training" }, this.button, this.range, this.text);
    this.range.oninput = () => {
      this.pause();
      this.seek(this.steps[Number(this.range.value)], true);
    };
    this.showButton();
  }

  get playing(): boolean {
    return this.started !== null;
  }

  show(step: number, steps: number, recorded: ArrayLike<number>): void {
    this.steps = recorded;
    this.range.max = String(Math.max(recorded.length - 1, 0));
    const index = Array.from(recorded).indexOf(step);
    this.range.value = String(index < 0 ? recorded.length - 1 : index);
    const text = `step ${formatNumber(step)} of ${formatNumber(steps)}`;
    this.range.setAttribute("aria-valuetext", text);
    this.text.textContent = text;
    this.element.hidden = steps === 0;
  }

  play(): void {
    if (this.playing || this.steps.length < 2) return;
    const last = this.steps.length - 1;
    const index = Number(this.range.value) >= last ? 0 : Number(this.range.value);
    this.started = { time: performance.now(), index };
    this.drawn = -Infinity;
    this.showButton();
    this.advance(performance.now());
  }

  pause(): void {
    if (!this.playing) return;
    this.started = null;
    this.showButton();
    this.seek(this.steps[Number(this.range.value)], false);
  }

  private advance(now: number): void {
    if (!this.started) return;
    const last = this.steps.length - 1;
    const index = this.started.index + Math.round(((now - this.started.time) / PLAY_MILLISECONDS) * last);
    if (index >= last) {
      this.range.value = String(last);
      return this.pause();
    }
    if (!prefersReducedMotion.matches || now - this.drawn > REDUCED_PAUSE) {
      this.drawn = now;
      this.seek(this.steps[Math.max(index, 0)], true);
    }
    requestAnimationFrame((time) => this.advance(time));
  }

  private showButton(): void {
    this.button.textContent = this.playing ? "Pause" : "Play";
  }
}
