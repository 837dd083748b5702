/** Messages as elements. They are text, never markup. */

import { html } from "../dom";

/** Text whose parts between backticks are code. */
export function formatText(text: string): (Node | string)[] {
  return text.split("`").map((part, k) => (k % 2 ? html("code", {}, part) : part));
}

/** A formula with the word or sign of a mistake marked. */
export function markPlace(text: string, position: number): HTMLElement {
  const characters = Array.from(text);
  const isWord = (k: number): boolean => /[\p{L}\p{N}_]/u.test(characters[k] ?? "");
  let end = position + 1;
  while (isWord(position) && isWord(end)) end++;
  const read = (from: number, to: number): string => characters.slice(from, to).join("").replace(/\s+/g, " ");
  // After the end, a space is marked.
  const place = html("mark", {}, read(position, end).trim() || "\u00a0");
  return html("code", { className: "place" }, read(0, position), place, read(end, characters.length));
}

/** Lets the keyboard reach content that is wider than its box. */
export function updateScrollStops(root: HTMLElement): void {
  for (const box of root.querySelectorAll<HTMLElement>(".scrolls")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

/** Markup that the build of the course wrote: a question, an explanation, a formula. */
export function trustedMarkup<K extends keyof HTMLElementTagNameMap>(tag: K, markup: string, properties: Record<string, unknown> = {}): HTMLElementTagNameMap[K] {
  const element = html(tag, properties);
  element.innerHTML = markup;
  return element;
}
