/** Markers of classes: each class has its shape besides its color. */

/** Corners of the shapes around (0, 0), for a radius of 1; none for a circle. */
const SHAPES: [number, number][][] = [
  [],
  [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  [[0, -1.25], [1.15, 0.85], [-1.15, 0.85]],
  [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  [[0, 1.25], [1.15, -0.85], [-1.15, -0.85]],
  plus(),
  plus().map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]),
  star(6),
  polygon(5),
  polygon(6),
];

function plus(): [number, number][] {
  const [a, b] = [0.42, 1.25];
  return [[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]];
}

function polygon(n: number): [number, number][] {
  return Array.from({ length: n }, (_, k) => [1.2 * Math.sin((2 * Math.PI * k) / n), -1.2 * Math.cos((2 * Math.PI * k) / n)]);
}

function star(n: number): [number, number][] {
  return polygon(2 * n).map(([x, y], k) => (k % 2 ? [x * 0.5, y * 0.5] : [x * 1.15, y * 1.15]));
}

const shapeOf = (group: number): [number, number][] => SHAPES[((group % SHAPES.length) + SHAPES.length) % SHAPES.length];

/** Adds the outline of a marker to a path. */
export function traceMarker(path: CanvasPath, group: number, x: number, y: number, radius: number): void {
  const corners = shapeOf(group);
  if (corners.length === 0) {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([dx, dy], k) => (k ? path.lineTo(x + radius * dx, y + radius * dy) : path.moveTo(x + radius * dx, y + radius * dy)));
  path.closePath();
}

/** The outline as SVG path data, for legends. */
export function markerPath(group: number, x: number, y: number, radius: number): string {
  const corners = shapeOf(group);
  if (corners.length) return `M${corners.map(([dx, dy]) => `${(x + radius * dx).toFixed(2)} ${(y + radius * dy).toFixed(2)}`).join("L")}Z`;
  return `M${x + radius} ${y}a${radius} ${radius} 0 1 1 ${-2 * radius} 0a${radius} ${radius} 0 1 1 ${2 * radius} 0Z`;
}
