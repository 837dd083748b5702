"""Parts of generated microkernels, whose accumulators stay in vector registers during the innermost loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator

STORE_VECTOR = """
static inline __attribute__((always_inline)) void store_vector(real *to, vec value, int64_t left) {
  const int64_t lanes = sizeof(vec) / sizeof(real);
  if (left >= lanes) *(vec *)to = value;
  else if (left > 0) memcpy(to, &value, left * sizeof(real));
}
"""
"""Stores a register, or only the lanes of filters that exist."""

RECTIFY = """
/* The larger of value and zero; NaN stays. */
static inline vec rectify(vec value) { return (vec)((bits)value & ~(bits)(value < (vec){0})); }
"""
"""The rectifier, as a C function of a register."""


def name_accumulators(rows: int, columns: int, vectors: int) -> Iterator[tuple[int, int, int, str]]:
    for r in range(rows):
        for t in range(columns):
            for v in range(vectors):
                yield r, t, v, f"c{r}_{t}_{v}"


def emit_loads(vectors: int, lanes: int) -> str:
    """Return C that loads one row of the right operand into registers."""
    return "\n".join(f"      const vec b{v} = *(const vec *)(q + {v * lanes});" for v in range(vectors))


def emit_products(places: list[tuple[int, int, int, str]], element: Callable[[int, int], str]) -> str:
    """Return C that broadcasts an element for each tile row and column, and adds its products with the loaded row."""
    cells: dict[tuple[int, int], list[str]] = {}
    for r, t, v, name in places:
        cells.setdefault((r, t), []).append(f"{name} += a * b{v};")
    return "\n".join(f"      {{ const real a = {element(r, t)}; {' '.join(sums)} }}" for (r, t), sums in cells.items())
