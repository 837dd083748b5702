/** The arithmetic of the chosen number: its lines, the way to it, its gradient, and the derivation of the gradient. */

import { type Arithmetic, type Element, type Explanation, type Part, joinParts } from "./arithmetic";
import { decodeBase64 } from "./arrays";
import { addRules } from "./arithmetic_tables";
import { html } from "./dom";
import type { NumbersParts } from "./spec";

addRules(`
.panel { display: grid; grid-template-columns: 100%; gap: 8px; align-content: start; min-width: 0; background: var(--surface); border-radius: 6px; padding: 10px 12px; }
ol { margin: 0; padding-inline-start: 1.6em; }
:is(.way, .lines, .where) { font: .9em/1.7 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; margin: 0; }
.way { display: flex; flex-wrap: wrap; gap: 4px; padding: 0; list-style: none; }
.way button { min-height: 26px; padding: 1px 6px; }
.way li + li::before { content: "› "; }
.lines > p { padding-inline-start: 2ch; text-indent: -2ch; }
.lines button { min-height: 0; padding: 0; border: 0; border-bottom: 1px solid var(--faint); border-radius: 0; background: none; }
:is(.lines > :first-child, [aria-current]) { font-weight: 600; }
:is(.where, .note) { color: var(--faint); }
details > div { overflow-x: auto; }
details h4 { margin: 12px 0 4px; font: inherit; font-weight: 600; }
math { font-size: 1.12em; }
math[display=block] { display: block math; width: fit-content; margin: 6px 0; }
`);

export interface ArithmeticPanel {
  element: HTMLElement;
  /** Shows the last stop with its present numbers, and returns its operands. Buttons stay in place, so that they keep the focus. */
  show(stops: readonly Element[]): Element[];
  /** Moves the focus to the chosen number. */
  focus(): void;
  /** The arithmetic of a number in words. */
  describe(stop: Element): string;
}

const NOTES: Partial<Record<Explanation["kind"], string>> = {
  given: "Not computed from other numbers.",
  whole: "Computed from whole arrays.",
  closed: "This page cannot show how it is computed. In Python, pel.why can.",
};

/** `choose` goes to the last of some stops. */
export function makePanel(arithmetic: Arithmetic, parts: NumbersParts, choose: (stops: readonly Element[]) => void): ArithmeticPanel {
  const { expressions } = arithmetic;
  const targets = new WeakMap<Node, Element>();
  const makeButton = (text: string, onclick: () => void): HTMLButtonElement => html("button", { type: "button", onclick }, text);
  const back = makeButton("Back", () => choose(stops.slice(0, -1)));
  const way = html("ol", { className: "way" });
  const title = html("p", { tabIndex: -1 });
  const [names, numbers] = [html("p"), html("p")];
  const where = html("p", { className: "where" });
  const note = html("p", { className: "note" });
  const gradient = makeButton("", () => {
    const { of, at } = stops.at(-1)!;
    const { gradient } = expressions[of];
    if (gradient && "of" in gradient) choose([...stops, { of: gradient.of, at }]);
  });
  const summary = html("summary");
  const formulas = html("div");
  const derivation = html("details", { ontoggle: () => void derive() }, summary, formulas);
  const lines = html("div", { className: "lines" }, title, names, numbers);
  const navigation = html("nav", { className: "row", "aria-label": "Way to this number" }, back, way);
  const element = html("div", { className: "panel", role: "group", "aria-label": "Arithmetic" }, navigation, lines, where, note, html("div", {}, gradient), derivation);
  /** Numbers of the derivations, by the numbers of the gradients. */
  const places = new Map(expressions.flatMap(({ gradient }) => (gradient && "of" in gradient ? [[gradient.of, gradient.derivation] as const] : [])));
  let stops: readonly Element[] = [];
  let derivations: Promise<string[]> | undefined;

  function show(all: readonly Element[]): Element[] {
    stops = all;
    const stop = stops.at(-1)!;
    const found = arithmetic.explain(stop);
    showWay();
    title.textContent = `${found.name} = ${found.value}`;
    setLine(names, found.names);
    setLine(numbers, found.numbers);
    where.textContent = found.where.map((definition, k) => `${k ? "     " : "where"} ${definition}`).join("\n");
    where.hidden = found.where.length === 0;
    const { gradient: own } = expressions[stop.of];
    note.textContent = [NOTES[found.kind], own && "reason" in own && own.reason].filter(Boolean).join(" ");
    gradient.hidden = !(own && "of" in own);
    gradient.textContent = `Gradient d${parts.loss}/d${found.name}`;
    showDerivation();
    return (found.names ?? []).flatMap(({ element }) => element ?? []);
  }

  function showWay(): void {
    back.disabled = stops.length < 2;
    const labels = stops.map(arithmetic.name);
    if (labels.join() === Array.from(way.children, ({ textContent }) => textContent).join()) return;
    way.replaceChildren(...labels.map((label, k) => html("li", {}, makeButton(label, () => choose(stops.slice(0, k + 1))))));
    way.lastElementChild!.firstElementChild!.ariaCurrent = "true";
  }

  /** Writes text and buttons in turn. */
  function setLine(line: HTMLElement, content: Part[] | null): void {
    line.hidden = !content;
    const merged: Part[] = [{ text: "= " }];
    for (const part of content ?? []) {
      if (part.element || merged.at(-1)!.element) merged.push({ ...part });
      else merged.at(-1)!.text += part.text;
    }
    if (line.childNodes.length !== merged.length) line.replaceChildren(...merged.map(({ element }) => (element ? makeLink() : new Text())));
    merged.forEach(({ text, element }, k) => {
      const node = line.childNodes[k];
      node.textContent = text;
      if (!element) return;
      targets.set(node, element);
      (node as HTMLElement).ariaLabel = `${arithmetic.name(element)} = ${arithmetic.format(element)}`;
    });
  }

  function makeLink(): Node {
    const link: Node = makeButton("", () => choose([...stops, targets.get(link)!]));
    return link;
  }

  function showDerivation(): void {
    const { of } = stops.at(-1)!;
    derivation.hidden = !places.has(of);
    const text = `Derivation of ${expressions[of].name}`;
    if (summary.textContent === text) return;
    summary.textContent = text;
    formulas.replaceChildren();
    void derive();
  }

  async function derive(): Promise<void> {
    if (!derivation.open || derivation.hidden || formulas.hasChildNodes()) return;
    const texts = await (derivations ??= decompress(parts.derivations!));
    formulas.innerHTML = texts[places.get(stops.at(-1)!.of)!] ?? "";
  }

  function describe(stop: Element): string {
    const found = arithmetic.explain(stop);
    return `${[found.name, ...[found.names, found.numbers].flatMap((line) => (line ? joinParts(line) : [])), found.value].join(" = ")}.`;
  }

  return { element, show, describe, focus: () => title.focus() };
}

/** Texts from base64 of a JSON list, compressed with zlib. */
async function decompress(text: string): Promise<string[]> {
  const stream = new Blob([decodeBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}
