/** The state of figures in the hash of the address: `#rate=0.05&seed=3`. Sandboxed frames may forbid all of this. */

/** Entries that start with a prefix, without it. A hash without `=` is an anchor of the page. */
export function readAddress(prefix: string): Map<string, string> {
  const entries = parse().filter(([key]) => key.startsWith(prefix));
  return new Map(entries.map(([key, value]) => [key.slice(prefix.length), value]));
}

/** Replaces all entries with a prefix. Other figures' entries stay, and so does an anchor. */
export function writeAddress(prefix: string, entries: Map<string, string>, keys: string[]): void {
  try {
    const hash = location.hash.slice(1);
    if (hash !== "" && !hash.includes("=")) return;
    const own = new Set(keys.map((key) => prefix + key));
    const others = parse().filter(([key]) => !own.has(key));
    const all = new URLSearchParams([...others, ...Array.from(entries, ([key, value]) => [prefix + key, value])]);
    const text = all.toString();
    if (text !== hash) history.replaceState(history.state, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    // The state is then lost with the page.
  }
}

function parse(): [string, string][] {
  try {
    const hash = location.hash.slice(1);
    return hash.includes("=") ? Array.from(new URLSearchParams(hash)) : [];
  } catch {
    return [];
  }
}
