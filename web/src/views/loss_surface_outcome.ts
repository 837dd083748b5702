/** How a training of two weights ended, in words: computed from its path, its derivatives and the surface around it. */

import type { Grid } from "../drawing/field";
import { formatNumber } from "../numbers";

/** Recorded steps of a training: loss, place, gradient and Hessian. */
export interface Path {
  steps: ArrayLike<number>;
  loss: ArrayLike<number>;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  dx: ArrayLike<number>;
  dy: ArrayLike<number>;
  hxx: ArrayLike<number>;
  hxy: ArrayLike<number>;
  hyy: ArrayLike<number>;
  diverged: number | null;
}

export interface Surroundings {
  grid: Grid;
  /** The loss on the grid. */
  values: Float64Array;
  ranges: [[number, number], [number, number]];
  /** Whether the Hessian is the same everywhere. */
  quadratic: boolean;
  steps: number;
  /** Learning rate of plain gradient descent, null if it is not known. */
  rate: number | null;
  name(place: readonly number[]): string;
}

/** A training has converged when the loss is this close to its last value, as a part of all that it has fallen. */
const SETTLED = 0.001;
/** At the end, the gradient is zero if it is this small against the largest one on the path. */
const FLAT = 0.01;
/** At a saddle point, the path slows down to this part of the largest gradient. */
const SLOW = 0.1;
/** And it is this close to it, as a part of the axes. */
const NEAR = 0.05;
/** Curvatures smaller than this part of the largest one are flat directions. */
const NO_CURVATURE = 1e-6;

export function describeOutcome(path: Path, around: Surroundings): string {
  const last = Math.min(path.loss.length, path.x.length) - 1;
  const loss = Array.from({ length: last + 1 }, (_, k) => path.loss[k]);
  const curvature = eigenvalues(path, last);
  if (path.diverged !== null) return `Diverges: the loss is not finite from step ${formatNumber(path.diverged)} on. ${suggestRate(curvature, around)}`.trim();
  if (last > 0 && loss[last] > loss[0] && loss[last] > loss[last - 1]) {
    return `Diverges: the loss rises from ${formatNumber(loss[0], 3)} to ${formatNumber(loss[last], 3)} in ${formatNumber(around.steps)} steps. ${suggestRate(curvature, around)}`.trim();
  }
  const size = (k: number): number => Math.hypot(path.dx[k], path.dy[k]);
  const largest = Math.max(...loss.map((_, k) => size(k)));
  if (largest < 1e-12) return `The gradient is 0 at the start, so the weights stay where they are. ${describePlace(path, last, curvature, around)}`;
  const settled = findSettled(loss);
  const isFlat = size(last) <= FLAT * largest;
  if (isFlat && settled < 0.9 * last) {
    return `Converged to a loss of ${formatNumber(loss[last], 3)} after ${formatNumber(path.steps[settled])} steps. ${describeSaddle(path, settled, largest, around)}${describePlace(path, last, curvature, around)}`;
  }
  const recent = loss.slice(Math.floor(0.9 * last));
  const rises = recent.some((value, k) => k > 0 && value > recent[k - 1]);
  if (rises) {
    return `Does not settle: in the last steps the loss goes up and down between ${formatNumber(Math.min(...recent), 3)} and ${formatNumber(Math.max(...recent), 3)}. ${suggestRate(curvature, around)}`.trim();
  }
  return `Still falling after ${formatNumber(around.steps)} steps: the loss is ${formatNumber(loss[last], 3)}, the gradient (${formatNumber(path.dx[last], 2)}, ${formatNumber(path.dy[last], 2)}). ${explainSlowness(curvature, around)}`.trim();
}

/** Index of the first recorded step from which on the loss stays close to its last value. */
function findSettled(loss: number[]): number {
  const last = loss[loss.length - 1];
  const band = SETTLED * Math.max(loss[0] - last, 1e-12 * Math.abs(last));
  return loss.findLastIndex((value) => Math.abs(value - last) > band) + 1;
}

function eigenvalues({ hxx, hxy, hyy }: Path, k: number): [number, number] {
  const mean = (hxx[k] + hyy[k]) / 2;
  const spread = Math.hypot((hxx[k] - hyy[k]) / 2, hxy[k]);
  return [mean - spread, mean + spread];
}

function suggestRate([, largest]: [number, number], { quadratic, rate }: Surroundings): string {
  if (!quadratic || rate === null || !(largest > 0)) return "";
  return `Every rate below ${formatNumber(2 / largest, 3)} (2 divided by the largest curvature) is stable; ${formatNumber(rate, 3)} is ${rate > 2 / largest ? "above" : "below"} it.`;
}

function explainSlowness([smallest]: [number, number], { quadratic, rate }: Surroundings): string {
  if (!quadratic || rate === null || !(smallest > 0)) return "";
  return `Along the flattest direction, each step keeps ${formatNumber(100 * Math.abs(1 - rate * smallest), 4)} % of the distance to the minimum.`;
}

/** The saddle point near which the path slowed down, if there is one: a Newton step leads to it from where the gradient is smallest. */
function describeSaddle(path: Path, end: number, largest: number, { name, ranges }: Surroundings): string {
  const { dx, dy, hxx, hxy, hyy } = path;
  const size = (k: number): number => Math.hypot(dx[k], dy[k]);
  for (let k = 1; k < end; k++) {
    const determinant = hxx[k] * hyy[k] - hxy[k] ** 2;
    if (determinant >= 0 || size(k) > SLOW * largest || size(k) > size(k - 1) || size(k) >= size(k + 1)) continue;
    const step = [(hxy[k] * dy[k] - hyy[k] * dx[k]) / determinant, (hxy[k] * dx[k] - hxx[k] * dy[k]) / determinant];
    if (ranges.some(([low, high], axis) => Math.abs(step[axis]) > NEAR * (high - low))) continue;
    return `It slowed down at step ${formatNumber(path.steps[k])}, near the saddle point ${name([path.x[k] + step[0], path.y[k] + step[1]])}. `;
  }
  return "";
}

function describePlace(path: Path, last: number, [smallest, largest]: [number, number], around: Surroundings): string {
  const place = [path.x[last], path.y[last]];
  const where = around.name(place);
  const flat = NO_CURVATURE * Math.max(Math.abs(smallest), Math.abs(largest));
  if (smallest < -flat) return `This is ${largest > flat ? "a saddle point" : "a maximum"}, not a minimum: at ${where}, the loss falls in some directions.`;
  const lower = around.quadratic ? null : findLower(path, last, around);
  if (lower) return `It is stuck in a local minimum at ${where}. The minimum near ${around.name(lower.place)} is lower: ${formatNumber(lower.loss, 3)}.`;
  return around.quadratic ? `This is the only minimum, at ${where}.` : `This is a minimum, at ${where}; none in the picture is lower.`;
}

/** The lowest point of the picture, if it is clearly lower than the end of the path. */
function findLower(path: Path, last: number, { grid, values, ranges }: Surroundings): { place: number[]; loss: number } | null {
  const k = values.reduce((best, value, at) => (value < values[best] ? at : best), 0);
  const range = values.reduce((top, value) => Math.max(top, value), -Infinity) - values[k];
  if (values[k] > path.loss[last] - 0.01 * range) return null;
  const { columns, cell, width, height } = grid;
  /** Lowest place of the parabola through three neighbors, in cells from the middle one. */
  const refine = (before: number, after: number): number => (0.5 * (before - after)) / (before - 2 * values[k] + after) || 0;
  const [column, row] = [k % columns, Math.floor(k / columns)];
  const x = column + (column % (columns - 1) ? refine(values[k - 1], values[k + 1]) : 0);
  const y = row + (row && row < grid.rows - 1 ? refine(values[k - columns], values[k + columns]) : 0);
  const [[x0, x1], [y0, y1]] = ranges;
  return { place: [x0 + ((x1 - x0) * x * cell) / width, y1 - ((y1 - y0) * y * cell) / height], loss: values[k] };
}
