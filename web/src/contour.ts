/** Contour lines of a grid of values, by marching squares. */

/**
 * Calls `segment` with the ends of every piece of the contour at `level`, in units of cells. `values` has `rows` rows of
 * `columns` values. In a saddle, the mean of the four corners decides which are connected.
 */
export function traceContour(
  values: ArrayLike<number>,
  columns: number,
  rows: number,
  level: number,
  segment: (x0: number, y0: number, x1: number, y1: number) => void,
): void {
  for (let j = 0; j + 1 < rows; j++) {
    for (let i = 0; i + 1 < columns; i++) {
      const k = j * columns + i;
      const a = values[k] - level;
      const b = values[k + 1] - level;
      const c = values[k + columns + 1] - level;
      const d = values[k + columns] - level;
      const corners = (a > 0 ? 1 : 0) | (b > 0 ? 2 : 0) | (c > 0 ? 4 : 0) | (d > 0 ? 8 : 0);
      if (corners === 0 || corners === 15) continue;
      const top = i + a / (a - b);
      const right = j + b / (b - c);
      const bottom = i + d / (d - c);
      const left = j + a / (a - d);
      if (corners === 1 || corners === 14) segment(i, left, top, j);
      else if (corners === 2 || corners === 13) segment(top, j, i + 1, right);
      else if (corners === 4 || corners === 11) segment(i + 1, right, bottom, j + 1);
      else if (corners === 8 || corners === 7) segment(bottom, j + 1, i, left);
      else if (corners === 3 || corners === 12) segment(i, left, i + 1, right);
      else if (corners === 6 || corners === 9) segment(top, j, bottom, j + 1);
      else if (a + b + c + d > 0 === (corners === 5)) {
        segment(top, j, i + 1, right);
        segment(bottom, j + 1, i, left);
      } else {
        segment(i, left, top, j);
        segment(i + 1, right, bottom, j + 1);
      }
    }
  }
}
