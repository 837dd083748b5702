/** Table of the numbers of an expression, in which each number is a button. */

import { type Arithmetic, type Element, rowSize, unravel } from "./arithmetic";
import { uniqueId } from "./controls/control_panel";
import { html } from "./dom";
import { addStyles } from "./styles";

/** Longer rows are written on several lines. */
const MAX_COLUMNS = 100;
/** A table shows at most this many numbers at a time. */
const MAX_NUMBERS = 500;

/** Adds rules, each on a line, for parts of the view of numbers. */
export const addRules = (css: string): void => addStyles(css.replace(/^\S/gm, ".numbers $&"));

addRules(`
.tables { display: flex; flex-wrap: wrap; gap: 14px 22px; align-content: start; overflow: auto; max-height: 32rem; padding: 3px; }
.tables > section { max-width: 100%; }
h4 { margin: 0; font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.cells { overflow-x: auto; padding: 3px; }
table { border-collapse: collapse; }
th { font-weight: 400; font-size: .8em; color: var(--faint); padding: 0 6px; text-align: end; white-space: nowrap; }
td { padding: 1px; }
td button { display: block; width: 100%; min-width: 5em; min-height: 26px; padding: 0 5px; text-align: end; border-color: transparent; font-size: .9em; }
.operand { border: 1px dashed var(--ink); }
[aria-pressed=true] { border: 2px solid var(--ink); font-weight: 600; }
`);

/** What tables show: a row of the data, the chosen number, and the numbers that it is computed from. */
export interface Shown {
  row: number;
  chosen: Element;
  operands: Set<string>;
}

export interface NumberTable {
  element: HTMLElement;
  /** Shows the present numbers, at first and if the table is visible or `all` are wanted. */
  show(shown: Shown, all: boolean): void;
}

export const elementKey = ({ of, at }: Element): string => `${of} ${at}`;

/** `labels` are names of the columns. */
export function makeTable(arithmetic: Arithmetic, of: number, formula: string | undefined, labels: string[] | null, choose: (element: Element) => void): NumberTable {
  const expression = arithmetic.expressions[of];
  const shape = expression.rows ? expression.shape.slice(1) : expression.shape;
  const size = rowSize(expression);
  const columns = Math.min(shape.at(-1) ?? 1, MAX_COLUMNS);
  const lines = Math.ceil(size / columns);
  const shown = Math.min(lines, Math.floor(MAX_NUMBERS / columns));
  const wraps = columns === MAX_COLUMNS;
  const cells = html("div", { className: "cells", onkeydown: press });
  const from = html("input", { type: "number", value: 0, id: uniqueId(), onchange: build });
  const box = html("div", { className: "row", hidden: lines === shown }, html("label", { htmlFor: from.id }, "From line"), from);
  const element = html("section", {}, html("h4", {}, html("b", {}, expression.name!), formula ? ` = ${formula}` : ""), box, cells);
  let buttons: HTMLButtonElement[] = [];
  let first = 0;
  let start = 0;
  let visible = false;
  let last: Shown | undefined;

  function build(): void {
    first = columns * Math.min(Math.max(Math.trunc(from.valueAsNumber) || 0, 0), lines - shown);
    from.value = String(first / columns);
    buttons = Array.from({ length: Math.min(shown * columns, size - first) }, (_, k) =>
      html("button", { type: "button", tabIndex: k ? -1 : 0, onclick: () => choose({ of, at: start + first + k }) }, new Text()),
    );
    const rows = Array.from({ length: shown }, (_, line) => {
      const index = unravel(first + line * columns, shape);
      const head = lines > 1 ? [html("th", { scope: "row" }, (wraps ? index : index.slice(0, -1)).join(", "))] : [];
      return html("tr", {}, ...head, ...buttons.slice(line * columns, (line + 1) * columns).map((button) => html("td", {}, button)));
    });
    const names = Array.from({ length: columns }, (_, k) => html("th", { scope: "col" }, labels?.[k] ?? String(k)));
    const head = columns > 1 && !wraps ? [html("tr", {}, ...(lines > 1 ? [html("td")] : []), ...names)] : [];
    cells.replaceChildren(html("table", {}, ...head, ...rows));
    if (last) show(last, true);
  }

  /** Arrow keys go through the numbers; only one of them is reached by the Tab key. */
  function press(event: KeyboardEvent): void {
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const to = buttons[at + (step ?? 0)];
    if (at < 0 || !step) return;
    event.preventDefault();
    if (!to) return;
    buttons[at].tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  function show(wanted: Shown, all: boolean): void {
    const skip = last && !visible && !all;
    last = wanted;
    if (skip) return;
    start = expression.rows ? wanted.row * size : 0;
    buttons.forEach((button, k) => {
      const number = { of, at: start + first + k };
      const text = arithmetic.format(number);
      const label = `${arithmetic.name(number)} = ${text}`;
      if (button.ariaLabel !== label) {
        // Another text in the same node is drawn several times faster than a new node.
        (button.firstChild as Text).data = text;
        button.ariaLabel = label;
      }
      button.ariaPressed = String(elementKey(wanted.chosen) === elementKey(number));
      button.classList.toggle("operand", wanted.operands.has(elementKey(number)));
    });
  }

  new IntersectionObserver(([{ isIntersecting }]) => {
    visible = isIntersecting;
    if (visible && last) show(last, false);
  }).observe(element);
  build();
  return { element, show };
}
