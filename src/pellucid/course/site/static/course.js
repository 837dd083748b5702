// Code, formulas and tables that are wider than the window scroll; the keyboard must reach them.
(() => {
  const wide = "pre, .formula, .table-wrapper, .output.text_html";
  const update = () => {
    for (const element of document.querySelectorAll(`article :is(${wide})`)) {
      if (element.scrollWidth > element.clientWidth + 1) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    }
  };
  addEventListener("DOMContentLoaded", update);
  addEventListener("load", update);
  addEventListener("resize", update);
})();
