import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAnswer } from "../src/exercises/answer_check";
import { parseExercise } from "../src/exercises/exercise";
import { computeFingerprint } from "../src/exercises/fingerprint";
import type { NdArray } from "../src/exercises/formula/ndarray";

const encode = (...values: number[]): string => Buffer.from(Float64Array.from(values).buffer).toString("base64");
const array = (shape: number[], ...data: number[]): NdArray => ({ shape, data: Float64Array.from(data) });

const letters = [
  { name: "x", shape: [2, 2], dtype: "float64", values: encode(1, 2, 3, 4), meaning: "" },
  { name: "n", shape: [], dtype: "int64", values: encode(7), meaning: "" },
];
const variation = { shape: [2], fingerprint: computeFingerprint(array([2], 3, 7)), message: [0, 1], hints: [[2]] };
const sentences = ["The wrong ", "axis.", "Rows?"];
const file = { name: "1.s", quantity: "s", question: "", letters, shape: [2], expected: encode(4, 6), tolerance: 1e-6 };
const exercise = parseExercise(JSON.stringify({ ...file, variations: [variation], sentences, solution: { text: "", mathml: "" }, why: "" }));
const check = (text: string): [string, string] => {
  const { kind, message } = checkAnswer(exercise, text);
  return [kind, message];
};

test("right answers, with outer axes of length 1 and rounding", () => {
  assert.equal(check("x.sum(axis=0)")[0], "right");
  assert.equal(check("ones((1, 2)) @ x")[0], "right");
  assert.equal(check("x.sum(axis=0) * (1 + 1e-8)")[0], "right");
  assert.equal(check("x.sum(axis=0) * (1 + 1e-4)")[0], "wrong");
});

test("every entry counts", () => {
  assert.deepEqual(check("x.sum(axis=0) + arange(2)"), ["wrong", "1 of 2 entries agree with s. The largest difference is 1, in entry 2."]);
});

test("a known wrong answer has its message", () => {
  assert.deepEqual(checkAnswer(exercise, "x.sum(axis=1)"), { kind: "wrong", message: "The wrong axis.", hints: ["Rows?"] });
});

test("factors are named", () => {
  assert.equal(check("n * x.sum(axis=0)")[1], "Your result is 7 (that is n) times the right one.");
  assert.equal(check("x.sum(axis=0) / n")[1], "Your result is 1/7 (that is 1 / n) times the right one.");
  assert.equal(check("x.sum(axis=0) / 4")[1], "Your result is 1/4 times the right one.");
  assert.equal(check("-3 * x.sum(axis=0)")[1], "Your result is −3 times the right one.");
});

test("a wrong shape, unfit shapes, and no formula", () => {
  assert.deepEqual(check("x"), ["wrong", "Your result has shape (2, 2); s has shape (2,)."]);
  assert.equal(check("x @ arange(3)")[0], "wrong");
  assert.equal(check("x x")[0], "unreadable");
  assert.equal(check("log(x - x).sum(axis=0)")[1].startsWith("Your result has entries that are not finite."), true);
});

test("a damaged exercise is refused", () => {
  assert.throws(() => parseExercise(JSON.stringify({ ...file, expected: encode(4), variations: [], sentences: [] })), { message: "s of shape (2,) needs 16 bytes; there are 8." });
});
