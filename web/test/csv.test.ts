import assert from "node:assert/strict";
import { test } from "node:test";
import { TableError, formatTable, parseTable, readClasses, readNumbers } from "../src/data/csv";

test("a header is recognized by its lack of numbers", () => {
  assert.deepEqual(parseTable("a,b\n1,2\n3,4\n"), { names: ["a", "b"], rows: [["1", "2"], ["3", "4"]], lines: [2, 3] });
  assert.deepEqual(parseTable("1;2\r\n3;4").names, ["column 1", "column 2"]);
});

test("quotes, blank lines, tabs and a byte order mark", () => {
  const table = parseTable('\uFEFF"x, first"\ty\n\n1\t"2"\n"3\n"\t4\n5\t6');
  assert.deepEqual(table.names, ["x, first", "y"]);
  assert.deepEqual(table.rows, [["1", "2"], ["3\n", "4"], ["5", "6"]]);
  assert.deepEqual(table.lines, [3, 4, 6]);
});

test("errors name the line", () => {
  assert.throws(() => parseTable("  \n"), TableError);
  assert.throws(() => parseTable("1,2\n3\n"), /Line 2 has 1 cells; line 1 has 2/);
  assert.throws(() => parseTable('1,"2\n3,4\n'), /quote in line 1 has no end/);
});

test("bad cells are named with line and column, five at most", () => {
  const table = parseTable("x,y\n1,one\n2,\nInfinity,3\n");
  const { problems } = readNumbers(table, [0, 1]);
  assert.deepEqual(problems, [
    'Line 2, column 2 (y): "one" is not a number.',
    'Line 3, column 2 (y): "" is not a number.',
    'Line 4, column 1 (x): "Infinity" is not a number.',
  ]);
  const many = readNumbers(parseTable(`x,y\n${"a,1\n".repeat(9)}`), [0]);
  assert.equal(many.problems.length, 6);
  assert.equal(many.problems[5], "4 more cells are wrong.");
});

test("classes: names, numbers, or sorted labels", () => {
  const read = (column: string, classes: string[]) => readClasses(parseTable(`v\n${column}`), 0, classes);
  assert.deepEqual(read("no\nyes\nno", ["no", "yes"]).targets, [0, 1, 0]);
  assert.deepEqual(read("1\n0", ["no", "yes"]), { targets: [1, 0], names: ["no", "yes"], problems: [] });
  assert.deepEqual(read("b\na\nb", ["0", "1"]), { targets: [1, 0, 1], names: ["a", "b"], problems: [] });
  assert.deepEqual(read("10\n9", ["0", "1"]).names, ["9", "10"]);
  assert.match(read("a\nb\nc", ["0", "1"]).problems[0], /3 different values; the figure has 2 classes/);
  assert.match(readClasses(parseTable("x,c\n1,a\n2,\n"), 1, ["a", "b"]).problems[0], /Line 3, column 2 \(c\): the cell is empty/);
});

test("tables are written as they are read", () => {
  const text = formatTable(["x, 1", 'say "hi"'], [[1.5, "a"], [-2, "b"]]);
  assert.deepEqual(parseTable(text), { names: ["x, 1", 'say "hi"'], rows: [["1.5", "a"], ["-2", "b"]], lines: [2, 3] });
});
