/** One exercise in the page: question, letters, input, feedback and solution. */

import { html } from "../dom";
import { type Theme } from "../view";
import { applyTheme } from "../theme";
import { type Verdict, checkAnswer, formatNumber } from "./answer_check";
import { type Exercise, type Letter } from "./exercise";
import { FormulaEntry } from "./formula_entry";
import { formatShape } from "./formula/ndarray";
import { loadAnswers, saveAnswers } from "./progress";
import { formatText, markPlace, trustedMarkup, updateScrollStops } from "./markup";

const NOTATION =
  "Write `*` for products of elements, `@` for matrix products, `X.T` for the transpose, `a ** 2` for a square, and functions as NumPy does: `exp(x)`, `sum(x, axis=0)`.";

export class ExercisePanel {
  readonly root: HTMLElement;
  private readonly entry: FormulaEntry;
  private readonly solved = html("p", { className: "solved", hidden: true }, "✓ Solved");
  private readonly answer = html("div", { className: "answer", role: "status", "aria-live": "polite" });
  private readonly solution = html("div", { className: "solution", hidden: true });
  private readonly showButton = html("button", { type: "button" }, "Show the solution");
  private readonly resetButton = html("button", { type: "button", className: "quiet" }, "Start over");
  private answers: string[] = [];
  /** Number of wrong answers since the start: each after the first reveals a hint. */
  private wrongAnswers = 0;

  constructor(private readonly exercise: Exercise) {
    this.entry = new FormulaEntry(exercise, () => this.check());
    const checkButton = html("button", { type: "button", className: "primary" }, "Check");
    checkButton.addEventListener("click", () => this.check());
    this.showButton.addEventListener("click", () => this.toggleSolution());
    this.resetButton.addEventListener("click", () => this.startOver());
    this.root = html(
      "section",
      { className: "exercise", "aria-label": `Exercise ${exercise.name}` },
      html("header", {}, html("p", {}, `Exercise ${exercise.name}`), this.solved),
      trustedMarkup("div", exercise.question, { className: "question", id: "question" }),
      listLetters(exercise.letters),
      this.entry.element,
      html("div", { className: "buttons" }, checkButton, this.showButton, this.resetButton),
      this.answer,
      this.solution,
    );
    this.restore();
  }

  /** Fits the input to its text and its width. */
  fit(): void {
    this.entry.resize();
    updateScrollStops(this.root);
  }

  setTheme(theme: Theme): void {
    applyTheme(this.root, theme);
    this.root.classList.toggle("dark", theme.dark);
  }

  /** Continues where the learner stopped: the last answer is judged again. */
  private restore(): void {
    this.answers = loadAnswers(this.exercise.name);
    const verdicts = this.answers.map((text) => checkAnswer(this.exercise, text));
    this.wrongAnswers = verdicts.filter(({ kind }) => kind === "wrong").length;
    const right = verdicts.findLastIndex(({ kind }) => kind === "right");
    const last = this.answers[right < 0 ? this.answers.length - 1 : right];
    if (last !== undefined) this.entry.setText(last);
    if (right >= 0) this.showVerdict(verdicts[right], last);
    this.update();
  }

  private update(): void {
    const tried = this.answers.length > 0;
    this.showButton.disabled = !tried;
    this.showButton.title = tried ? "" : "Available after your first try";
    this.showButton.setAttribute("aria-expanded", String(!this.solution.hidden));
    this.showButton.textContent = this.solution.hidden ? "Show the solution" : "Hide the solution";
    this.resetButton.hidden = !tried;
  }

  private check(): void {
    const text = this.entry.text;
    const verdict = checkAnswer(this.exercise, text);
    if (verdict.kind === "wrong") this.wrongAnswers++;
    if (text.trim()) this.answers.push(text);
    saveAnswers(this.exercise.name, this.answers);
    this.entry.setInvalid(verdict.kind === "unreadable");
    this.showVerdict(verdict, text);
    this.update();
  }

  private showVerdict(verdict: Verdict, text: string): void {
    const right = verdict.kind === "right";
    if (right) this.solved.hidden = false;
    // A right answer comes with the solution.
    this.showButton.hidden = right;
    if (right) this.solution.hidden = true;
    const content = right ? this.explain() : verdict.kind === "unreadable" ? explainText(verdict, text) : this.explainMistake(verdict);
    this.answer.replaceChildren(html("div", { className: `feedback ${verdict.kind}` }, ...content));
    updateScrollStops(this.root);
  }

  private explain(): Node[] {
    const headline = html("p", { className: "headline" }, "✓ Right. This is ", html("code", {}, this.exercise.quantity), ".");
    const why = trustedMarkup("div", this.exercise.why, { className: "why" });
    return [headline, why, html("p", { className: "faint" }, "For comparison, the solution of the course:"), ...this.writeSolution()];
  }

  private explainMistake({ message, hints }: Verdict): Node[] {
    const shown = hints.slice(0, Math.max(this.wrongAnswers - 1, 0));
    const content: Node[] = [html("p", { className: "headline" }, "Not yet."), html("p", {}, ...formatText(message))];
    if (shown.length) content.push(html("ul", {}, ...shown.map((hint) => html("li", {}, ...formatText(hint)))));
    if (shown.length < hints.length) {
      const next = shown.length ? "Your next try shows one more hint." : "Try again. Your next try shows a hint.";
      content.push(html("p", { className: "faint" }, next));
    }
    return content;
  }

  private writeSolution(): Node[] {
    const { quantity, solution } = this.exercise;
    return [html("p", {}, html("code", {}, `${quantity} = ${solution.text}`)), trustedMarkup("p", solution.mathml, { className: "scrolls" })];
  }

  private toggleSolution(): void {
    this.solution.hidden = !this.solution.hidden;
    if (!this.solution.hidden) this.solution.replaceChildren(...this.writeSolution());
    updateScrollStops(this.root);
    this.update();
  }

  private startOver(): void {
    this.answers = [];
    this.wrongAnswers = 0;
    saveAnswers(this.exercise.name, []);
    this.answer.replaceChildren();
    this.solution.hidden = true;
    this.solved.hidden = true;
    this.showButton.hidden = false;
    this.entry.setText("");
    this.entry.setInvalid(false);
    this.update();
    this.entry.focus();
  }
}

function explainText({ message, position }: Verdict, text: string): Node[] {
  const place = text.trim() ? [markPlace(text, position ?? 0)] : [];
  return [html("p", { className: "headline" }, "This cannot be read as a formula yet."), ...place, html("p", {}, ...formatText(message))];
}

function listLetters(letters: Letter[]): HTMLElement {
  const rows = letters.flatMap((letter) => [html("dt", {}, html("code", {}, letter.name)), html("dd", {}, ...formatText(letter.meaning), describeValue(letter))]);
  const names = letters.flatMap(({ name }, k) => [k ? ", " : "You may use ", html("code", {}, name)]);
  return html("details", {}, html("summary", {}, ...names), html("dl", {}, ...rows), html("p", { className: "faint" }, ...formatText(NOTATION)));
}

/** The value of a number, or the shape of an array where the meaning does not give it. */
function describeValue({ value: { shape, data }, dtype, meaning }: Letter): Node | null {
  const known = shape.length > 0 && meaning.includes(formatShape(shape));
  const kind = /int/.test(dtype) ? "whole numbers, " : "";
  const text = shape.length ? `${kind}here ${formatShape(shape)}` : formatNumber(data[0], 4);
  return known ? null : html("span", { className: "shape" }, ` · ${text}`);
}
