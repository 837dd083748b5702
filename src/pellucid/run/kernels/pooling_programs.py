"""C programs of max pooling and its gradient, vectorized over channels."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.run.kernels.source_assembly import WindowSpec, assemble_kernel, read_source

MAX_UNROLLED_PLACES = 9
"""Windows of more places are loops, which are as fast; GCC takes more than 120 s for 35 unrolled places."""


class PoolingSpec(WindowSpec):
    """Sizes of a two-dimensional max pooling."""

    @property
    def window_offsets(self) -> list[int]:
        """Offset in memory of each place of a window from its first place."""
        h, w = self.window
        return [(y * self.padded_size[1] + x) * self.channels for y in range(h) for x in range(w)]


def assemble_pooling(pool: PoolingSpec, unroll: Callable[[list[int]], str], handler: str) -> str:
    """Return a program of the code for a window, unrolled if it has few places, and of a file that handles calls."""
    constants, offsets = pool.constants, pool.window_offsets
    if len(offsets) > MAX_UNROLLED_PLACES:
        constants |= zip(("WINDOW_H", "WINDOW_W"), pool.window, strict=True)
        window = read_source("pooling_windows.c")
    else:
        window = unroll(offsets)
    return assemble_kernel(pool.dtype, constants, read_source("pad_pooled_image.c"), window, read_source(handler))


def emit_max_pool(pool: PoolingSpec) -> str:
    """Return the C program of a max pooling."""
    return assemble_pooling(pool, unroll_window, "pooling.c")


def unroll_window(offsets: list[int]) -> str:
    """Return the C function that computes the maximum of a window."""
    comparisons = "\n".join(
        f"    {{ const real a = p[{offset} + c]; best = (a > best) | (a != a) ? a : best; }}" for offset in offsets[1:]
    )
    return f"""
static inline void pool_window(const real *restrict p, real *restrict output) {{
  for (int64_t c = 0; c < CHANNELS; c++) {{
    real best = p[c];
{comparisons}
    output[c] = best;
  }}
}}
"""


def emit_max_pool_gradient(pool: PoolingSpec) -> str:
    """Return the C program of the gradient of a max pooling.

    The gradient of a window goes to the first place that equals the maximum. If the maximum is NaN, no place equals it,
    and the gradient goes to the first place.
    """
    return assemble_pooling(pool, unroll_window_gradient, "pooling_gradient.c")


def unroll_window_gradient(offsets: list[int]) -> str:
    """Return the C function that adds the gradient of a window to that of the images."""
    hits = "\n".join(
        f"    const int hit{k} = (p[{offset} + c] == y[c]){''.join(f' & !hit{i}' for i in range(k))};"
        for k, offset in enumerate(offsets)
    )
    later_hit = " | ".join(f"hit{k}" for k in range(1, len(offsets))) or "0"
    adds = "\n".join(
        f"    d[{offset} + c] += {f'!({later_hit})' if k == 0 else f'hit{k}'} ? g[c] : 0;"
        for k, offset in enumerate(offsets)
    )
    return f"""
static inline void scatter_window(const real *p, const real *y, const real *g, real *d) {{
#pragma GCC ivdep
  for (int64_t c = 0; c < CHANNELS; c++) {{
{hits}
{adds}
  }}
}}
"""
