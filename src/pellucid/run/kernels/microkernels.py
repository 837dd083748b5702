"""Tiles of registers: a few rows of accumulators that stay in vector registers while everything is added up to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid.run.kernels.convolution_programs import Convolution

PUT = """
static inline __attribute__((always_inline)) void put(real *o, vec value, int64_t left) {
  const int64_t lanes = sizeof(vec) / sizeof(real);
  if (left >= lanes) *(vec *)o = value;
  else if (left > 0) memcpy(o, &value, left * sizeof(real));
}
"""
"""A register is put down, or what is left of the filters."""


def names(rows: int, columns: int, vectors: int) -> Iterator[tuple[int, int, int, str]]:
    """Name every accumulator of a tile."""
    for r in range(rows):
        for t in range(columns):
            for v in range(vectors):
                yield r, t, v, f"c{r}_{t}_{v}"


def loads(vectors: int, lanes: int) -> str:
    """Write how a row of operands is read into registers."""
    return "\n".join(f"      const vec b{v} = *(const vec *)(q + {v * lanes});" for v in range(vectors))


def adds(places: list[tuple[int, int, int, str]], number: Callable[[int, int], str]) -> str:
    """Write how one number for each row and column of a tile, met by the row of operands, is added to it."""
    cells: dict[tuple[int, int], list[str]] = {}
    for r, t, v, name in places:
        cells.setdefault((r, t), []).append(f"{name} += a * b{v};")
    return "\n".join(
        f"      {{ const real a = p[{number(r, t)}]; {' '.join(sums)} }}" for (r, t), sums in cells.items()
    )


def forward_tile(conv: Convolution, rows: int, columns: int) -> str:
    """Write the function that computes rows by columns of the result for a block of filters.

    Every number of the window is broadcast and met by the vectors of its filters.
    """
    w, (sy, sx), (dy, dx) = conv.seen[1], conv.strides, conv.dilation
    made, places = conv.made[1], list(names(rows, columns, conv.vectors))
    zeros = "\n".join(f"  vec {c} = {{0}};" for *_, c in places)
    load = loads(conv.vectors, conv.lanes)
    add = adds(places, lambda r, t: f"{(r * sy * w + t * sx) * conv.channels} + k")
    put = "\n".join(
        f"  put(o + {(r * made + t) * conv.filters + v * conv.lanes}, {c}, left - {v * conv.lanes});"
        for r, t, v, c in places
    )
    across = 1 if conv.merged else conv.window[1]
    return f"""{PUT}
static void forward_tile(const real *restrict s, const real *restrict q, real *restrict o, int64_t left) {{
{zeros}
  for (int y = 0; y < {conv.window[0]}; y++)
    for (int x = 0; x < {across}; x++) {{
      const real *p = s + (y * {dy * w} + x * {dx}) * {conv.channels};
      for (int k = 0; k < {conv.run}; k++, q += {conv.block}) {{
{load}
{add}
      }}
    }}
{put}
}}
"""


def gradient_tile(conv: Convolution, rows: int, columns: int) -> str:
    """Write the function that adds to rows by columns of the kernel's gradient what some rows of an image give.

    A row of the tile is a row of the window, a column one of the numbers that lie in one piece in it.
    """
    w, (sy, sx), dy, c = conv.seen[1], conv.strides, conv.dilation[0], conv.channels
    places, row = list(names(rows, columns, conv.vectors)), conv.window[1] * c * conv.filled
    begin = "\n".join(
        f"  vec {name} = *(vec *)(d + {r * row + t * conv.filled + v * conv.lanes});" for r, t, v, name in places
    )
    load = loads(conv.vectors, conv.lanes)
    add = adds(places, lambda r, t: f"{r * dy * w * c + t}")
    end = "\n".join(
        f"  *(vec *)(d + {r * row + t * conv.filled + v * conv.lanes}) = {name};" for r, t, v, name in places
    )
    return f"""
static void gradient_{rows}x{columns}(const real *restrict s, const real *restrict g, real *restrict d, int64_t high) {{
{begin}
  for (int64_t y = 0; y < high; y++) {{
    const real *p = s + y * {sy * w * c}, *q = g + y * {conv.made[1]} * {conv.filled};
    for (int x = 0; x < {conv.made[1]}; x++, p += {sx * c}, q += {conv.filled}) {{
{load}
{add}
    }}
  }}
{end}
}}
"""


def product_tile(rows: int, vectors: int, lanes: int) -> str:
    """Write the function that adds to a tile what a part of the inner axis gives: both sides are packed for it."""
    places = list(names(rows, 1, vectors))
    at = {name: (r * vectors + v) * lanes for r, _, v, name in places}
    begin = "\n".join(f"  vec {name} = on ? *(vec *)(sum + {at[name]}) : (vec){{0}};" for *_, name in places)
    load, add = loads(vectors, lanes), adds(places, lambda r, t: f"{r}")
    end = "\n".join(f"  *(vec *)(sum + {at[name]}) = {name};" for *_, name in places)
    return f"""
static void product_tile(const real *restrict p, const real *restrict q, real *restrict sum, int64_t count, int on,
                         Ahead *ahead, int64_t users) {{
{begin}
  for (int64_t k = 0; k < count; k++, p += {rows}, q += {vectors * lanes}) {{
{load}
{add}
  }}
{end}
}}
"""
