/** Random order of rows. */

/** The numbers from 0 in random order, the same for the same count. */
export function shuffle(count: number): number[] {
  const order = Array.from({ length: count }, (_, k) => k);
  let state = count;
  for (let k = count - 1; k > 0; k--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (k + 1));
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}
