import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gray, centerImage, fitImage, project, readGray } from "../src/drawing/center_image";

function makeGray(rows: number[][]): Gray {
  return { values: Float32Array.from(rows.flat()), width: rows[0].length, height: rows.length };
}

test("projection keeps the mass of an image", () => {
  const image = makeGray([[1, 0, 0.5], [0, 1, 0], [0, 0, 0.25]]);
  const total = (scale: number): number => project(image, scale, 2, 1, 12, 12).reduce((a, b) => a + b, 0) / scale ** 2;
  for (const scale of [0.5, 0.7, 1]) assert.ok(Math.abs(total(scale) - 2.75) < 1e-9);
});

test("a figure fills the wanted part of the image, with its center of mass in the middle", () => {
  const size = 40;
  const rows = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => Number(i >= 3 && i < 13 && j >= 20 && j < 24)));
  const result = centerImage(makeGray(rows), 28, 28, 20 / 28)!;
  const inked = Array.from(result.keys()).filter((k) => result[k] > 0.5);
  const lines = inked.map((k) => Math.floor(k / 28));
  assert.deepEqual([Math.min(...lines), Math.max(...lines)], [4, 23]);
  const mass = result.reduce((a, b) => a + b, 0);
  const center = (part: (k: number) => number): number => result.reduce((sum, value, k) => sum + value * (part(k) + 0.5), 0) / mass;
  assert.ok(Math.abs(center((k) => k % 28) - 14) < 1e-9);
  assert.ok(Math.abs(center((k) => Math.floor(k / 28)) - 14) < 1e-9);
});

test("a figure as large as the image stays inside", () => {
  const rows = Array.from({ length: 10 }, (_, i) => Array.from({ length: 10 }, (_, j) => (i < 2 ? 1 : Number(j === 0))));
  const result = centerImage(makeGray(rows), 8, 8, 1)!;
  const mass = rows.flat().reduce((a, b) => a + b, 0) * 0.8 ** 2;
  assert.ok(Math.abs(result.reduce((a, b) => a + b, 0) - mass) < 1e-6);
});

test("an empty image has no figure", () => {
  assert.equal(centerImage(makeGray([[0, 0.05]]), 8, 8, 1), null);
  assert.equal(fitImage(makeGray([[0, 0.05]]), 8, 8), null);
});

test("dark on light and light on dark are the same", () => {
  const paint = (ink: number, paper: number): Uint8ClampedArray =>
    Uint8ClampedArray.from({ length: 4 * 25 }, (_, k) => (k % 4 === 3 ? 255 : Math.floor(k / 4) === 12 ? ink : paper));
  const [dark, light] = [readGray(paint(0, 255), 5, 5), readGray(paint(255, 0), 5, 5)];
  assert.deepEqual(dark.values, light.values);
  assert.equal(dark.values[12], 1);
  assert.equal(dark.values[0], 0);
});

test("a transparent background is light", () => {
  const pixels = Uint8ClampedArray.from({ length: 4 * 9 }, (_, k) => (Math.floor(k / 4) === 4 && k % 4 === 3 ? 255 : 0));
  assert.equal(readGray(pixels, 3, 3).values[4], 1);
});
