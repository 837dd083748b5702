/** Values of the network as tables, and the arithmetic behind the chosen number, as `pel.why` prints it. */

import { type Arithmetic, type Element, makeArithmetic, rowSize } from "../arithmetic";
import { type ArithmeticPanel, makePanel } from "../arithmetic_panel";
import { type NumberTable, elementKey, makeTable } from "../arithmetic_tables";
import { uniqueId } from "../controls/control_panel";
import { html } from "../dom";
import type { Dtype, NumbersParts, ViewSpec } from "../spec";
import { addStyles } from "../styles";
import type { Frame, Host, Request, TypedArray, View } from "../view";

/** Tables that are out of sight are drawn when there was no frame for this time. */
const REST_MILLISECONDS = 200;

addStyles(`
.view:has(.numbers) { grid-column: 1 / -1; }
.numbers { display: grid; grid-template-columns: 100%; gap: 8px; }
.numbers .both { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); }
`);

export class Numbers implements View {
  private readonly box = html("input", { type: "number", id: uniqueId(), onchange: () => this.selectRow(this.box.valueAsNumber) });
  private readonly point = html("span");
  private readonly rowLine = html("div", { className: "row" }, html("label", { htmlFor: this.box.id }, "Row of the data"), this.box, this.point);
  private readonly both = html("div", { className: "both" });
  readonly element = html("div", { className: "numbers" }, this.rowLine, html("p", { className: "note" }, "Choose a number to see its arithmetic."), this.both);
  private parts: NumbersParts | null = null;
  private arithmetic!: Arithmetic;
  private panel!: ArithmeticPanel;
  private tables: NumberTable[] = [];
  private outputs: { array: TypedArray; dtype: Dtype }[] = [];
  private stops: readonly Element[] = [];
  private row = 0;
  private timer = 0;

  constructor(
    private readonly host: Host,
    _spec: ViewSpec,
    private readonly index: number,
  ) {}

  reset(): void {
    const parts = this.host.variant().views[this.index] as NumbersParts;
    if (parts !== this.parts) this.build(parts);
  }

  requests(): Request[] {
    const { values, gradients } = this.parts!;
    const names = this.needsGradients ? [values, gradients!] : [values];
    return names.map((name) => ({ id: `${this.index}.${name}`, function: name, args: {} }));
  }

  draw(frame: Frame): void {
    const { values, gradients } = this.parts!;
    const { functions } = this.host.variant();
    this.outputs = [values, gradients].flatMap((name) => {
      const arrays = frame.results[`${this.index}.${name}`] ?? [];
      return arrays.map((array, k) => ({ array, dtype: functions[name!].outputs[k].dtype }));
    });
    if (this.host.data()) this.moveTo(this.host.sample);
    this.show();
    if (frame.finished && this.element.matches(":focus-within")) this.announce();
  }

  describe(): string {
    return this.isReady ? this.panel.describe(this.chosen) : "";
  }

  inspect(array: string, at: number): HTMLElement | null {
    const of = this.parts!.expressions.findIndex(({ name, arithmetic }) => name === array && arithmetic);
    if (of < 0) return null;
    this.choose([{ of, at }]);
    return this.panel.element;
  }

  private get chosen(): Element {
    return this.stops.at(-1)!;
  }

  private get needsGradients(): boolean {
    return this.chosen.of >= this.host.variant().functions[this.parts!.values].outputs.length;
  }

  /** Whether the frame has the values of the chosen number and of its operands. */
  private get isReady(): boolean {
    return this.stops.length > 0 && this.outputs.length > this.chosen.of;
  }

  /** Number of data points, or 0 if no table has rows of them. */
  private get count(): number {
    const { expressions, tables } = this.parts!;
    const first = tables.find((of) => expressions[of].rows);
    return first === undefined ? 0 : Math.min(this.host.data()?.count ?? Infinity, expressions[first].shape[0]);
  }

  private build(parts: NumbersParts): void {
    const before = this.parts?.expressions[this.stops[0].of].name;
    clearTimeout(this.timer);
    this.parts = parts;
    this.outputs = [];
    this.arithmetic = makeArithmetic(parts, (of) => this.outputs[of]);
    this.panel = makePanel(this.arithmetic, parts, (stops) => {
      this.choose(stops);
      this.panel.focus();
    });
    this.tables = parts.tables.map((of) => this.makeTable(of, parts));
    const tables = html("div", { className: "tables", role: "group", "aria-label": "Values" }, ...this.tables.map(({ element }) => element));
    this.both.replaceChildren(tables, this.panel.element);
    // In another architecture, the array of the same name stays chosen.
    const of = parts.tables.find((of) => parts.expressions[of].name === before) ?? parts.roots[0];
    const expression = parts.expressions[of];
    this.stops = [{ of, at: expression.rows ? this.row * rowSize(expression) : 0 }];
  }

  private makeTable(of: number, { expressions, definitions }: NumbersParts): NumberTable {
    const { data } = this.host.spec;
    const { name, definition } = expressions[of];
    const labels = data && name === data.features ? data.feature_names : null;
    return makeTable(this.arithmetic, of, definition ?? definitions[name!], labels, (element) => this.choose([element]));
  }

  private choose(stops: readonly Element[]): void {
    this.stops = stops;
    const row = this.arithmetic.findRow(this.chosen);
    if (row !== null) this.selectSample(row);
    if (!this.isReady) this.host.refresh();
    this.show();
    this.announce();
  }

  private selectRow(row: number): void {
    this.moveTo(row);
    this.box.value = String(this.row);
    this.selectSample(this.row);
    this.show();
  }

  private selectSample(row: number): void {
    this.row = row;
    if (this.host.data() && this.host.sample !== row) this.host.selectSample(row);
  }

  /** Shows another row: stops in the present row move with it. */
  private moveTo(wanted: number): void {
    const row = Math.max(0, Math.min(Math.trunc(wanted) || 0, this.count - 1));
    const { expressions, findRow } = this.arithmetic;
    this.stops = this.stops.map((stop) =>
      findRow(stop) === this.row ? { of: stop.of, at: stop.at + (row - this.row) * rowSize(expressions[stop.of]) } : stop,
    );
    this.row = row;
  }

  private show(): void {
    const { count } = this;
    if (this.outputs.length === 0) return;
    this.rowLine.hidden = count === 0;
    // Frames leave a number alone that is being typed.
    if (!this.box.matches(":focus")) this.box.value = String(this.row);
    this.point.textContent = `point ${this.row + 1} of ${count}`;
    const operands = new Set(this.isReady ? this.panel.show(this.stops).map(elementKey) : []);
    const draw = (all: boolean): void => this.tables.forEach((table) => table.show({ row: this.row, chosen: this.chosen, operands }, all));
    draw(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(draw, REST_MILLISECONDS, true);
  }

  private announce(): void {
    if (this.isReady) this.host.announce(this, this.panel.describe(this.chosen));
  }
}
