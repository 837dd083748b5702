/** Own data for a figure: a pasted or opened table, whose columns are chosen, and the present data as a file. */

import { html } from "../dom";
import { TableError, type Table, formatTable, parseTable, readClasses, readNumbers } from "../data/csv";
import type { Dataset } from "../data/dataset";
import { shuffle } from "../data/shuffle";
import { plural } from "../numbers";
import { download, makeOpenButton } from "./files";
import { uniqueId } from "./control_panel";

interface Replacement {
  features: number[][];
  targets: number[];
  classNames: string[] | null;
  featureNames: string[];
}

export class DataPanel {
  readonly element: HTMLDetailsElement;
  private readonly text = html("textarea", { id: uniqueId(), rows: 6, spellcheck: false });
  private readonly columns = html("div", { className: "controls" });
  private readonly message = html("p", { className: "message", role: "alert", hidden: true });
  private readonly standardize = html("input", { type: "checkbox", id: uniqueId() });
  private selects: HTMLSelectElement[] = [];
  private table: Table | null = null;

  /** `replace` takes the new points over, or throws an error that says why not. */
  constructor(
    private readonly data: Dataset,
    private readonly title: string,
    private readonly replace: (data: Replacement) => void,
  ) {
    const save = html("button", { type: "button", onclick: () => this.save() }, "Save as CSV");
    this.element = html("details", { className: "data" }, html("summary", {}, "Data"));
    if (data.spec.editable) this.element.append(...this.makeEditor());
    this.element.append(html("div", { className: "row" }, save));
  }

  private makeEditor(): HTMLElement[] {
    const { spec } = this.data;
    const needed = [...spec.feature_names, ...(spec.targets === null ? [] : ["target"])].join(", ");
    this.text.placeholder = `${spec.feature_names.join(",")},${spec.targets === null ? "" : "target"}\n0.5,-1.2,${spec.class_names ? "1" : "0.3"}`;
    this.text.oninput = () => this.read();
    const open = makeOpenButton("Open a CSV file", ".csv,.tsv,.txt,text/csv", (text) => {
      this.text.value = text;
      this.read();
    });
    const use = html("button", { type: "button", onclick: () => this.use() }, "Use these data");
    const label = html("label", { htmlFor: this.text.id }, `Paste a table with columns for ${needed}; a header is optional.`);
    const check = html("label", { htmlFor: this.standardize.id }, this.standardize, " Standardize features: mean 0, standard deviation 1");
    return [label, this.text, this.columns, check, this.message, html("div", { className: "row" }, open, use)];
  }

  /** Reads the table and offers its columns: the first ones as features, the last as target. */
  private read(): void {
    this.report([]);
    this.table = null;
    this.selects = [];
    this.columns.replaceChildren();
    if (this.text.value.trim() === "") return;
    try {
      this.table = parseTable(this.text.value);
    } catch (error) {
      if (error instanceof TableError) return this.report([error.message]);
      throw error;
    }
    const { names } = this.table;
    const { spec } = this.data;
    const roles = [...spec.feature_names, ...(spec.targets === null ? [] : ["target"])];
    if (names.length < roles.length) {
      return this.report([`The table has ${plural(names.length, "column")}; expected at least ${roles.length}: ${roles.join(", ")}.`]);
    }
    this.selects = roles.map((role, k) => this.makeSelect(role, names, role === "target" ? names.length - 1 : k));
  }

  private makeSelect(role: string, names: string[], selected: number): HTMLSelectElement {
    const select = html("select", { id: uniqueId() }, ...names.map((name) => html("option", {}, name)));
    select.selectedIndex = selected;
    const label = html("label", { htmlFor: select.id }, `Column for ${role}`);
    this.columns.append(html("div", { className: "control" }, label, select));
    return select;
  }

  private use(): void {
    if (!this.table) {
      if (this.text.value.trim() === "") this.report(["Paste a table or open a file first."]);
      return;
    }
    const { spec } = this.data;
    const chosen = this.selects.map((select) => select.selectedIndex);
    const features = chosen.slice(0, spec.feature_names.length);
    const { values, problems } = readNumbers(this.table, features);
    const targets = this.readTargets(spec.targets === null ? null : chosen.at(-1)!);
    if (problems.length + targets.problems.length) return this.report([...problems, ...targets.problems]);
    const points = this.standardize.checked ? standardizeColumns(values) : values;
    const order = spec.divided ? shuffle(points.length) : points.map((_, k) => k);
    try {
      this.replace({
        features: order.map((k) => points[k]),
        targets: order.map((k) => targets.targets[k]),
        classNames: targets.names,
        featureNames: features.map((k) => this.table!.names[k]),
      });
      this.report([]);
    } catch (error) {
      this.report([(error as Error).message]);
    }
  }

  private readTargets(column: number | null): { targets: number[]; names: string[] | null; problems: string[] } {
    const classes = this.data.classNames;
    if (column === null) return { targets: this.table!.rows.map(() => 0), names: classes, problems: [] };
    if (classes) return readClasses(this.table!, column, classes);
    const { values, problems } = readNumbers(this.table!, [column]);
    return { targets: values.flat(), names: null, problems };
  }

  private save(): void {
    const { data } = this;
    const [features, targets] = [data.features(), data.targets()];
    const names = data.classNames;
    const rows = Array.from({ length: data.count }, (_, k) => [
      ...features.subarray(k * data.dimensions, (k + 1) * data.dimensions),
      ...(data.spec.targets === null ? [] : [names?.[targets[k]] ?? targets[k]]),
    ]);
    const header = [...data.featureNames, ...(data.spec.targets === null ? [] : ["target"])];
    download(`${this.title || "data"}.csv`, "text/csv", formatTable(header, rows));
  }

  private report(problems: string[]): void {
    this.message.hidden = problems.length === 0;
    this.message.textContent = problems.join("\n");
  }
}

function standardizeColumns(rows: number[][]): number[][] {
  const means = rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length);
  const deviations = means.map((mean, k) => Math.sqrt(rows.reduce((sum, row) => sum + (row[k] - mean) ** 2, 0) / rows.length) || 1);
  return rows.map((row) => row.map((value, k) => (value - means[k]) / deviations[k]));
}
