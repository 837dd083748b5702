"""Products of rows with loop-invariant matrices: their sizes, and C of their tiles."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.microkernels import emit_loads, emit_products, name_accumulators
from pellucid.run.kernels.source_assembly import ITEM_SIZES
from pellucid.run.native.compiler import count_vector_registers, get_vector_bytes
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative

MAX_TILE_ROWS, MAX_TILE_VECTORS = 8, 4
"""Maximum rows of a tile of accumulators, and vector registers per row."""


@dataclass(frozen=True)
class RowProduct:
    """Product of a row with a loop-invariant matrix."""

    number: int
    left: Value
    right: Value
    result: Value

    @property
    def depth(self) -> int:
        return self.left.shape[1]

    @property
    def columns(self) -> int:
        return self.result.shape[1]

    @property
    def lanes(self) -> int:
        return get_vector_bytes() // self.result.dtype.itemsize

    @property
    def vectors(self) -> int:
        """Vector registers per row of a tile, with the fewest lanes beyond the last column."""
        count = -(-self.columns // self.lanes)
        return min(range(MAX_TILE_VECTORS, 0, -1), key=lambda n: -(-count // n) * n)

    @property
    def block(self) -> int:
        """Columns of a panel."""
        return self.vectors * self.lanes

    @property
    def panels(self) -> int:
        return -(-self.columns // self.block)


def make_product(e: Equation, levels: dict[Value, int], number: int) -> RowProduct:
    left, right = e.inputs
    sums, batches = e.params["dimension_numbers"]
    is_plain = left.ndim == right.ndim == 2 and [tuple(s) for s in sums] == [(1,), (0,)] and not any(batches)
    if not is_plain or left not in levels or right in levels or e.result.dtype.name not in ITEM_SIZES:
        raise NotNative("it has a product that is not one of rows with a loop-invariant matrix")
    if left.dtype != e.result.dtype or 0 in (*left.shape, *right.shape):
        raise NotNative("it has a product of an unsupported dtype or size")
    return RowProduct(number, left, right, e.result)


def count_tile_rows(vectors: int) -> int:
    return min(MAX_TILE_ROWS, (count_vector_registers() - 1 - vectors) // vectors)


def emit_multiplication(vectors: int, dtype: str) -> str:
    """Return ``multiply_N``, the product of some rows with packed panels whose rows are N vectors."""
    lanes, most = get_vector_bytes() // ITEM_SIZES[dtype], count_tile_rows(vectors)
    tiles = "".join(emit_tile(rows, vectors, lanes) for rows in range(1, most + 1))
    cases = "\n".join(
        f"        case {n}: tile_{vectors}_{n}(left, depth, packed, to, width); break;" for n in range(1, most + 1)
    )
    return f"""{tiles}
static void multiply_{vectors}(const real *rows, int64_t depth, const real *packed, int64_t panels, real *output,
                               int64_t count) {{
  const int64_t width = panels * {vectors * lanes}, tiles = (count + {most} - 1) / {most};
  for (int64_t p = 0; p < panels; p++, packed += depth * {vectors * lanes})
    for (int64_t tile = 0; tile < tiles; tile++) {{
      const int64_t first = count * tile / tiles, last = count * (tile + 1) / tiles;
      const real *left = rows + first * depth;
      real *to = output + first * width + p * {vectors * lanes};
      switch (last - first) {{
{cases}
      }}
    }}
}}
"""


def emit_tile(rows: int, vectors: int, lanes: int) -> str:
    """Return the product of a number of rows with one packed panel. The sums stay in registers."""
    places = list(name_accumulators(rows, 1, vectors))
    declared = ", ".join(f"{name} = {{0}}" for *_, name in places)
    stores = "\n".join(f"  *(vec *)(output + {r} * width + {v * lanes}) = {name};" for r, _, v, name in places)
    return f"""
static void tile_{vectors}_{rows}(const real *restrict p, int64_t depth, const real *restrict q, real *restrict output,
                                  int64_t width) {{
  vec {declared};
  for (int64_t k = 0; k < depth; k++, q += {vectors * lanes}) {{
{emit_loads(vectors, lanes)}
{emit_products(places, lambda r, t: f"p[{r} * depth + k]")}
  }}
{stores}
}}
"""
