/** Nearest names, as `near_miss` of `src/pellucid/errors.py` finds them with Python's difflib. */

const MAX_COMPARED = 100;
const CUTOFF = 0.6;

/** A space and `Did you mean 'x'?` for the nearest candidate; an empty string if none is similar. */
export function nearMiss(name: string, candidates: Iterable<string>): string {
  if (name.length > MAX_COMPARED) return "";
  const names = Array.from(candidates).filter((candidate) => candidate.length <= MAX_COMPARED);
  const same = names.find((candidate) => candidate.toLowerCase() === name.toLowerCase() && candidate !== name);
  let close = same ?? findMostSimilar(name, names);
  if (close === undefined && name.length >= 3) {
    close = names.filter((candidate) => candidate.startsWith(name)).sort((a, b) => a.length - b.length)[0];
  }
  return close === undefined ? "" : ` Did you mean '${close}'?`;
}

function findMostSimilar(name: string, names: string[]): string | undefined {
  let best: string | undefined;
  let bestRatio = CUTOFF;
  for (const candidate of names) {
    const [a, b] = [Array.from(candidate), Array.from(name)];
    const ratio = (2 * countMatches(a, b)) / (a.length + b.length);
    if (ratio > bestRatio || (ratio === bestRatio && (best === undefined || candidate > best))) [best, bestRatio] = [candidate, ratio];
  }
  return best;
}

/** Letters in common blocks: the longest common block, then those before and after it. */
function countMatches(a: string[], b: string[]): number {
  let [start, other, size] = [0, 0, 0];
  let lengths = new Array<number>(b.length + 1).fill(0);
  for (let i = 0; i < a.length; i++) {
    const next = new Array<number>(b.length + 1).fill(0);
    for (let j = 0; j < b.length; j++) {
      if (a[i] !== b[j]) continue;
      const length = (next[j + 1] = lengths[j] + 1);
      if (length > size) [start, other, size] = [i - length + 1, j - length + 1, length];
    }
    lengths = next;
  }
  if (!size) return 0;
  return size + countMatches(a.slice(0, start), b.slice(0, other)) + countMatches(a.slice(start + size), b.slice(other + size));
}
