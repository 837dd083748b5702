/** Axes of charts as SVG, with labels and a grid of horizontal lines. */

import { svg } from "../dom";
import { formatNumber } from "../numbers";
import { type Scale, type ScaleKind, makeTicks } from "../scales";
import { addStyles } from "../styles";

addStyles(`
.chart svg { display: block; cursor: pointer; touch-action: pan-y; user-select: none; }
.chart text { font: 12px system-ui, sans-serif; fill: var(--faint); }
.chart path, .chart line { fill: none; stroke: var(--faint); }
.chart .grid { opacity: .3; }
.chart .now { stroke: var(--ink); }
`);

export interface Axis {
  kind: ScaleKind;
  low: number;
  high: number;
  scale: Scale;
  label: string;
}

/** Axes at the lower and the left edge of a box. */
export function drawAxes(x: Axis, y: Axis, [left, top, right, bottom]: [number, number, number, number]): SVGElement[] {
  const marks = makeTicks(y.kind, y.low, y.high, (bottom - top) / 32).flatMap((tick) => {
    const at = y.scale.toPosition(tick);
    return [svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }), svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, formatNumber(tick))];
  });
  const middle = { "text-anchor": "middle" };
  const ticks = makeTicks(x.kind, x.low, x.high, (right - left) / 70).map((tick) => svg("text", { x: x.scale.toPosition(tick), y: bottom + 16, ...middle }, formatNumber(tick)));
  const xTitle = svg("text", { x: (left + right) / 2, y: bottom + 32, ...middle }, x.label);
  const yTitle = svg("text", { transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, ...middle }, y.label);
  return [...marks, ...ticks, xTitle, yTitle, svg("path", { d: `M${left} ${top}V${bottom}H${right}` })];
}
