/** Steps of a training that are recorded: for the curve, and for the scrubber. */

const COUNT = 100;
const SNAPSHOT_BYTES = 16 * 2 ** 20;

/**
 * About 100 steps at equal differences and 100 at equal ratios, with the first step, the last one, and the end of the training.
 * Short trainings record every step.
 */
export function recordedSteps(steps: number): number[] {
  if (steps <= 2 * COUNT) return Array.from({ length: steps + 1 }, (_, k) => k);
  const recorded = new Set([0, Math.max(steps - 1, 0), steps]);
  for (let k = 0; k < COUNT; k++) {
    recorded.add(Math.round((steps * k) / COUNT));
    recorded.add(Math.round(steps ** (k / COUNT)));
  }
  return Array.from(recorded).filter((step) => step <= steps).sort((a, b) => a - b);
}

/** Distance of the recorded steps whose parameters are stored, so that all of them fit into the memory budget. */
export const snapshotStride = (recorded: number, bytes: number): number => Math.max(1, Math.ceil((recorded * bytes) / SNAPSHOT_BYTES));
