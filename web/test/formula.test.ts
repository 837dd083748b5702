import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateFormula } from "../src/exercises/formula/evaluator";
import { writeMathml } from "../src/exercises/formula/mathml";
import type { NdArray } from "../src/exercises/formula/ndarray";
import { nearMiss } from "../src/exercises/formula/near_miss";
import { parseFormula } from "../src/exercises/formula/parser";

// A Python test compares many more formulas and messages with Python.
const array = (shape: number[], ...data: number[]): NdArray => ({ shape, data: Float64Array.from(data) });
const values = new Map([
  ["X", array([2, 3], 1, 2, 3, 4, 5, 6)],
  ["w", array([3], 1, 0, -1)],
  ["y", array([2], 2, 0)],
  ["n", array([], 2)],
]);
const compute = (text: string): [number[], number[]] => {
  const { shape, data } = evaluateFormula(parseFormula(text, [...values.keys()]), values);
  return [shape, Array.from(data)];
};

test("operators bind as in Python", () => {
  assert.deepEqual(compute("-2 ** 2 + 2 ** 3 ** 2 / 2 ** -1"), [[], [1020]]);
  assert.deepEqual(compute("X @ w * 2 - 1"), [[2], [-5, -5]]);
  assert.deepEqual(compute("(X > 2) * X - w"), [[2, 3], [-1, 0, 4, 3, 5, 7]]);
});

test("indices, slices and index arrays", () => {
  assert.deepEqual(compute("X[arange(n), y]"), [[2], [3, 4]]);
  assert.deepEqual(compute("X[::-1, 1:][0, -1]"), [[], [6]]);
  assert.deepEqual(compute("X[:, None, y]"), [[2, 1, 2], [3, 1, 6, 4]]);
  assert.deepEqual(compute("X[None, 0, None, y]"), [[2, 1, 1], [3, 1]]);
  assert.deepEqual(compute("w[5:0:-1]"), [[2], [-1, 0]]);
});

test("axes", () => {
  assert.deepEqual(compute("sum(X, axis=0)"), [[3], [5, 7, 9]]);
  assert.deepEqual(compute("X.mean(axis=1, keepdims=True)"), [[2, 1], [2, 5]]);
  assert.deepEqual(compute("argmax(-X, axis=-1) + len(X)"), [[2], [2, 2]]);
});

test("shapes that do not fit are named with a fix that works", () => {
  assert.throws(() => compute("X @ X"), { message: /X has shape \(2, 3\) and X \(2, 3\)\..* Did you forget `\.T`\?$/ });
  assert.throws(() => compute("w @ X"), { message: /must match the rows of the right one\.$/ });
});

test("texts that are no formulas are explained, with the place", () => {
  assert.throws(() => compute("2 X"), { message: "There is no operator between `2` and `X`. Write `2 * X` (character 3).", position: 2 });
  assert.throws(() => compute("constructor"), { message: /^Unknown letter 'constructor'/ });
  assert.throws(() => compute("X.constructor"), { message: /^Unknown attribute/ });
  assert.throws(() => compute("toString(X)"), { message: /^Unknown function/ });
  assert.throws(() => compute("ones((10**9,))"), { message: /1,000,000 numbers/ });
});

test("similar names as Python's difflib finds them", () => {
  assert.equal(nearMiss("sofmax", ["softmax", "tanh"]), " Did you mean 'softmax'?");
  assert.equal(nearMiss("max", ["max_value", "axis"]), " Did you mean 'max_value'?");
  assert.equal(nearMiss("w1", ["w2", "W1"]), " Did you mean 'W1'?");
  assert.equal(nearMiss("zzz", ["W1"]), "");
});

test("names cannot smuggle markup into MathML", () => {
  const { tree } = parseFormula("X", ["X"]);
  assert.equal(writeMathml({ ...tree, name: "<b>_1" } as typeof tree, new Map()), "<math><msub><mi>&lt;b&gt;</mi><mn>1</mn></msub></math>");
});
