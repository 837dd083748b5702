/** Entry of the page's bundle. */

import "./figure_styles";
import { PellucidFigure } from "./element";

if (!customElements.get("pellucid-figure")) customElements.define("pellucid-figure", PellucidFigure);

/** A frame in a notebook has the height of its content. */
if (window.parent !== window) {
  const report = (): void => window.parent.postMessage({ pellucidHeight: document.documentElement.offsetHeight }, "*");
  new ResizeObserver(report).observe(document.documentElement);
}
