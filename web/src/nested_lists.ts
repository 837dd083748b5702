/** Arrays as nested lists, as in JSON. */

export type Nested = number | Nested[];

export function nest(values: number[], shape: number[]): Nested {
  if (shape.length === 0) return values[0];
  let level: Nested[] = values;
  for (const size of shape.slice(1).reverse()) {
    level = Array.from({ length: size ? level.length / size : 0 }, (_, k) => level.slice(k * size, (k + 1) * size));
  }
  return level;
}
