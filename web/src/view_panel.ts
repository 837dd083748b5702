/** A view on the page, with its title, its content in words, and a message if it fails. */

import { uniqueId } from "./controls/control_panel";
import { html } from "./dom";
import type { ViewSpec } from "./spec";
import type { Frame, Host, Request, View } from "./view";
import { VIEWS } from "./views/registry";

export class ViewPanel {
  readonly element: HTMLElement;
  readonly view: View | null;
  private readonly words = html("p", { id: uniqueId() });
  private readonly message = html("p", { className: "message", role: "alert", hidden: true });

  constructor(
    host: Host,
    readonly spec: ViewSpec,
    index: number,
    level: "h2" | "h3",
  ) {
    const heading = html(level, { id: uniqueId() }, spec.title);
    this.element = html("section", { className: "view", "aria-labelledby": heading.id, "aria-describedby": this.words.id }, heading, this.message);
    this.view = this.guard(() => {
      const kind = VIEWS[spec.kind];
      if (!kind) throw new Error(`This page has no view of kind "${spec.kind}". Expected one of: ${Object.keys(VIEWS).join(", ")}.`);
      return new kind(host, spec, index);
    });
    if (!this.view) return;
    this.view.element.classList.add("picture");
    const words = html("details", { className: "words" }, html("summary", {}, "In words"), this.words);
    this.element.append(this.view.element, words);
  }

  requests(finished: boolean): Request[] {
    return this.guard(() => this.view?.requests(finished)) ?? [];
  }

  reset(): void {
    this.guard(() => this.view?.reset());
  }

  draw(frame: Frame): void {
    const { view } = this;
    if (!view) return;
    this.guard(() => {
      view.draw(frame);
      this.message.hidden = true;
    });
  }

  /** The content in words, which is also put on the page. */
  describe(): string {
    this.words.textContent = this.guard(() => this.view?.describe()) ?? "";
    return this.words.textContent;
  }

  private guard<T>(act: () => T): T | null {
    try {
      return act();
    } catch (error) {
      console.error(error);
      this.message.hidden = false;
      this.message.textContent = `${this.spec.title}: this view failed. ${error instanceof Error ? error.message : error}`;
      return null;
    }
  }
}
