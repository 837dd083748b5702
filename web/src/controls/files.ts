/** Files from and to the reader's disk. */

import { html } from "../dom";

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  html("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** A button that opens a text file. A hidden file input would have no visible focus. */
export function makeOpenButton(label: string, accept: string, opened: (text: string) => void): HTMLButtonElement {
  const input = html("input", { type: "file", accept });
  input.onchange = async () => {
    const text = await input.files?.[0]?.text();
    input.value = "";
    if (text !== undefined) opened(text);
  };
  return html("button", { type: "button", onclick: () => input.click() }, label);
}
