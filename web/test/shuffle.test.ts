import assert from "node:assert/strict";
import { test } from "node:test";
import { shuffle } from "../src/data/shuffle";

test("a shuffle has every number once, in an order of its own", () => {
  const order = shuffle(100);
  assert.deepEqual(order.toSorted((a, b) => a - b), Array.from({ length: 100 }, (_, k) => k));
  assert.deepEqual(order, shuffle(100));
  const inPlace = order.filter((k, position) => k === position).length;
  assert.ok(inPlace < 10, `${inPlace} numbers are in place`);
  const firstHalf = order.slice(0, 50).filter((k) => k < 50).length;
  assert.ok(firstHalf > 10 && firstHalf < 40, `the first half has ${firstHalf} small numbers`);
});

test("a shuffle of no or one number", () => {
  assert.deepEqual(shuffle(0), []);
  assert.deepEqual(shuffle(1), [0]);
});
