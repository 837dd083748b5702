/** Fields of scores over a plane: bilinear interpolation between the points of a grid, then one color per pixel. */

/** Points of a grid at distances of `cell` pixels that covers a picture of `width` by `height` pixels. */
export interface Grid {
  cell: number;
  columns: number;
  rows: number;
  width: number;
  height: number;
}

export function makeGrid(width: number, height: number, cell: number): Grid {
  return { cell, width, height, columns: Math.ceil(width / cell) + 1, rows: Math.ceil(height / cell) + 1 };
}

/** Number of colors between the ends of a table. */
const LEVELS = 1024;

/** Colors of the values from `low` to `high`. */
export interface ColorTable {
  low: number;
  high: number;
  pixels: Uint32Array;
}

export function makeTable(low: number, high: number, color: (value: number) => number): ColorTable {
  return { low, high, pixels: Uint32Array.from({ length: LEVELS }, (_, k) => color(low + ((high - low) * k) / (LEVELS - 1))) };
}

/** Paints the color of each interpolated value. */
export function paintValues(pixels: Uint32Array, grid: Grid, values: Float64Array, table: ColorTable): void {
  const { cell, columns, width, height } = grid;
  const last = LEVELS - 1;
  const scale = last / (table.high - table.low || 1);
  const line = new Float64Array(columns);
  for (let y = 0; y < height; y++) {
    interpolateRow(line, grid, values, y, table.low, scale);
    let p = y * width;
    for (let i = 0; i < columns - 1; i++) {
      const step = (line[i + 1] - line[i]) / cell;
      const end = Math.min((i + 1) * cell, width);
      for (let x = i * cell, value = line[i] + 0.5; x < end; x++, value += step) {
        pixels[p++] = table.pixels[value <= 0 ? 0 : value >= last ? last : value | 0];
      }
    }
  }
}

/** Values on the grid line of a row of pixels, as positions in a table. */
function interpolateRow(line: Float64Array, { cell, columns }: Grid, values: Float64Array, y: number, low: number, scale: number): void {
  const j = Math.floor(y / cell);
  const f = y / cell - j;
  const above = j * columns;
  const below = f === 0 ? above : above + columns;
  for (let i = 0; i < columns; i++) line[i] = (values[above + i] * (1 - f) + values[below + i] * f - low) * scale;
}

/** exp(-x) for 0 <= x < 16, in steps of 1/64. */
const DECAY = Float64Array.from({ length: 1024 }, (_, k) => Math.exp(-(k + 0.5) / 64));

/**
 * Paints the class with the largest logit, in the color of its probability: `tables[c]` has the colors of class c for
 * probabilities from 1 / classes to 1.
 */
export function paintClasses(pixels: Uint32Array, grid: Grid, logits: Float64Array[], tables: ColorTable[]): void {
  const { cell, columns, width, height } = grid;
  const classes = logits.length;
  const lines = logits.map(() => new Float64Array(columns));
  const values = new Float64Array(classes);
  const steps = new Float64Array(classes);
  const last = LEVELS - 1;
  const lowest = 1 / classes;
  const scale = last / (1 - lowest);
  for (let y = 0; y < height; y++) {
    for (let c = 0; c < classes; c++) interpolateRow(lines[c], grid, logits[c], y, 0, 1);
    let p = y * width;
    for (let i = 0; i < columns - 1; i++) {
      for (let c = 0; c < classes; c++) {
        values[c] = lines[c][i];
        steps[c] = (lines[c][i + 1] - values[c]) / cell;
      }
      const end = Math.min((i + 1) * cell, width);
      for (let x = i * cell; x < end; x++) {
        let best = 0;
        for (let c = 1; c < classes; c++) if (values[c] > values[best]) best = c;
        const top = values[best];
        let sum = 0;
        for (let c = 0; c < classes; c++) {
          const d = (top - values[c]) * 64;
          sum += c === best ? 1 : d < 1024 ? DECAY[d | 0] : 0;
          values[c] += steps[c];
        }
        const level = (1 / sum - lowest) * scale;
        pixels[p++] = tables[best].pixels[level <= 0 ? 0 : level >= last ? last : level | 0];
      }
    }
  }
}
