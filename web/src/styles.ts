/** Style sheet of the element. Views add their rules when their module is loaded; shadow DOM keeps all of them inside. */

const rules: string[] = [];

export function addStyles(css: string): void {
  rules.push(css);
}

let sheet: CSSStyleSheet | undefined;

export function styleSheet(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(rules.join("\n"));
  }
  return sheet;
}
