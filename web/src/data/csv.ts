/** Tables as text: comma, semicolon or tab between cells, quotes as in RFC 4180. */

export interface Table {
  /** Names from the header, or column 1, column 2, ... */
  names: string[];
  rows: string[][];
  /** Number of the line of each row in the text, from 1. */
  lines: number[];
}

/** Raised for text that is no table, with the line. */
export class TableError extends Error {}

const isNumber = (cell: string): boolean => cell.trim() !== "" && Number.isFinite(Number(cell));

export function parseTable(text: string): Table {
  const separator = detectSeparator(text);
  const { rows, lines } = splitCells(text.replace(/^\uFEFF/, ""), separator);
  if (rows.length === 0) throw new TableError("The table is empty. Expected rows of numbers, with a comma between two cells.");
  const header = !rows[0].some(isNumber) && rows.length > 1;
  const width = rows[0].length;
  const uneven = rows.findIndex((row) => row.length !== width);
  if (uneven >= 0) {
    throw new TableError(`Line ${lines[uneven]} has ${rows[uneven].length} cells; line ${lines[0]} has ${width}. All rows need the same number.`);
  }
  const names = header ? rows[0].map((name, k) => name.trim() || `column ${k + 1}`) : rows[0].map((_, k) => `column ${k + 1}`);
  return { names, rows: rows.slice(Number(header)), lines: lines.slice(Number(header)) };
}

function detectSeparator(text: string): string {
  const first = text.split(/\r?\n/).find((line) => line.trim() !== "") ?? "";
  return [";", "\t", ","].find((candidate) => first.includes(candidate)) ?? ",";
}

function splitCells(text: string, separator: string): { rows: string[][]; lines: number[] } {
  const rows: string[][] = [];
  const lines: number[] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  let line = 1;
  let start = 1;
  const endRow = (): void => {
    row.push(cell);
    if (row.some((c) => c.trim() !== "")) {
      rows.push(row);
      lines.push(start);
    }
    [row, cell, start] = [[], "", line + 1];
  };
  for (let k = 0; k < text.length; k++) {
    const c = text[k];
    if (quoted) {
      if (c === '"' && text[k + 1] === '"') cell += text[++k];
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"' && cell.trim() === "") [quoted, cell] = [true, ""];
    else if (c === separator) {
      row.push(cell);
      cell = "";
    } else if (c === "\n") endRow();
    else if (c !== "\r") cell += c;
    if (c === "\n") line++;
  }
  if (quoted) throw new TableError(`The quote in line ${start} has no end.`);
  endRow();
  return { rows, lines };
}

/** Numbers of chosen columns, and where cells are not numbers: in words, the first five. */
export function readNumbers(table: Table, columns: number[]): { values: number[][]; problems: string[] } {
  const problems: string[] = [];
  const values = table.rows.map((row, r) =>
    columns.map((column) => {
      if (!isNumber(row[column])) problems.push(describeCell(table, r, column, "is not a number"));
      return Number(row[column]);
    }),
  );
  return { values, problems: limitProblems(problems) };
}

/** Class of each row: labels are class names if all are, else class numbers, else their sorted distinct values. */
export function readClasses(table: Table, column: number, classes: string[]): { targets: number[]; names: string[]; problems: string[] } {
  const labels = table.rows.map((row) => row[column].trim());
  const distinct = Array.from(new Set(labels));
  let names = classes;
  if (!distinct.every((label) => classes.includes(label))) {
    const numbers = distinct.every((label) => /^\d+$/.test(label) && Number(label) < classes.length);
    if (numbers) return { targets: labels.map(Number), names: classes, problems: findEmpty(table, column) };
    names = distinct.sort((a, b) => (isNumber(a) && isNumber(b) ? Number(a) - Number(b) : a < b ? -1 : 1));
  }
  const problems = findEmpty(table, column);
  if (names.length > classes.length) {
    problems.push(`The column "${table.names[column]}" has ${names.length} different values; the figure has ${classes.length} classes.`);
  }
  return { targets: labels.map((label) => names.indexOf(label)), names: pad(names, classes), problems: limitProblems(problems) };
}

const pad = (names: string[], classes: string[]): string[] => classes.map((name, k) => names[k] ?? name);

const findEmpty = (table: Table, column: number): string[] =>
  table.rows.flatMap((row, r) => (row[column].trim() === "" ? [describeCell(table, r, column, "is empty")] : []));

const describeCell = (table: Table, row: number, column: number, fault: string): string =>
  `Line ${table.lines[row]}, column ${column + 1} (${table.names[column]}): ${fault === "is empty" ? "the cell" : `"${table.rows[row][column].trim()}"`} ${fault}.`;

function limitProblems(problems: string[]): string[] {
  return problems.length > 5 ? [...problems.slice(0, 5), `${problems.length - 5} more cells are wrong.`] : problems;
}

/** A table as CSV text, with quotes where they are needed. */
export function formatTable(names: string[], rows: (number | string)[][]): string {
  const quote = (cell: number | string): string => (/[",\n\r]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));
  return [names, ...rows].map((row) => row.map(quote).join(",") + "\n").join("");
}
