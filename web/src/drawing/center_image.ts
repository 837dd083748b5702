/** Drawn or opened images as inputs of a network: scaled and centered like the images of MNIST, or fitted whole. */

/** Intensities from 0, the background, to 1, row by row. */
export interface Gray {
  values: Float32Array;
  width: number;
  height: number;
}

/** Pixels at least this strong belong to the figure. */
const INK = 0.1;

/** Adds the pixels of an image to a smaller or larger one, weighted by the areas that they share. */
export function project({ values, width, height }: Gray, scale: number, left: number, top: number, columns: number, rows: number): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = values[y * width + x];
      if (value === 0) continue;
      const [x0, x1, y0, y1] = [left + x * scale, left + (x + 1) * scale, top + y * scale, top + (y + 1) * scale];
      for (let i = Math.max(Math.floor(y0), 0); i < Math.min(Math.ceil(y1), rows); i++) {
        for (let j = Math.max(Math.floor(x0), 0); j < Math.min(Math.ceil(x1), columns); j++) {
          result[i * columns + j] += value * (Math.min(y1, i + 1) - Math.max(y0, i)) * (Math.min(x1, j + 1) - Math.max(x0, j));
        }
      }
    }
  }
  return result.map((value) => Math.min(value, 1));
}

/**
 * The figure of an image, without its empty border, scaled so that its longer side takes the part `fit` of the shorter side of the
 * result, and moved so that its center of mass is in the middle. Null if there is no figure.
 */
export function centerImage(image: Gray, columns: number, rows: number, fit: number): Float64Array | null {
  const { values, width, height } = image;
  let [left, right, top, bottom, mass, massX, massY] = [width, -1, height, -1, 0, 0, 0];
  for (let k = 0; k < values.length; k++) {
    const [x, y] = [k % width, Math.floor(k / width)];
    mass += values[k];
    massX += values[k] * (x + 0.5);
    massY += values[k] * (y + 0.5);
    if (values[k] < INK) continue;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  if (right < 0) return null;
  const scale = (fit * Math.min(columns, rows)) / Math.max(right - left + 1, bottom - top + 1);
  const x = keepInside(columns / 2 - (massX / mass) * scale, left * scale, (right + 1) * scale, columns);
  const y = keepInside(rows / 2 - (massY / mass) * scale, top * scale, (bottom + 1) * scale, rows);
  return project(image, scale, x, y, columns, rows);
}

/** The shift closest to the wanted one that keeps the range from `start` to `end` inside of 0 to `size`, into which it fits. */
const keepInside = (wanted: number, start: number, end: number, size: number): number => Math.min(Math.max(wanted, -start), size - end);

/** A whole image, as large as it fits, in the middle. Null if it is empty. */
export function fitImage(image: Gray, columns: number, rows: number): Float64Array | null {
  if (!image.values.some((value) => value >= INK)) return null;
  const scale = Math.min(columns / image.width, rows / image.height);
  return project(image, scale, (columns - image.width * scale) / 2, (rows - image.height * scale) / 2, columns, rows);
}

/** Gray levels of an opened image, with 0 for its border and 1 for the largest difference from it: dark on light and light on dark become the same. */
export function readGray(rgba: Uint8ClampedArray, width: number, height: number): Gray {
  const levels = Float32Array.from({ length: width * height }, (_, k) => {
    const alpha = rgba[4 * k + 3] / 255;
    return 1 - alpha + (alpha * (0.299 * rgba[4 * k] + 0.587 * rgba[4 * k + 1] + 0.114 * rgba[4 * k + 2])) / 255;
  });
  const border = levels.filter((_, k) => k < width || k >= levels.length - width || k % width === 0 || k % width === width - 1).sort();
  const background = border[border.length >> 1];
  const direction = background > 0.5 ? -1 : 1;
  const differences = levels.map((level) => Math.max(direction * (level - background), 0));
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  return { values: differences.map((value) => (largest > INK ? value / largest : 0)), width, height };
}
