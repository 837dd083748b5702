"""Programs of max pooling and its gradient: for every window all channels at once."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.source_assembly import file, kernel, named


@dataclass(frozen=True)
class Pooling:
    """A max pooling in two dimensions, all but the number of images known.

    Attributes
    ----------
    size, window, made : tuple of int
        Height and width of an image, of the window, and of the result.
    channels : int
        Of all three.
    strides, before : tuple of int
        Steps of the window, and by how much it begins above and left of the image.
    dtype : str
        ``"float32"`` or ``"float64"``.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    made: tuple[int, int]
    channels: int
    strides: tuple[int, int]
    before: tuple[int, int]
    dtype: str

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of what the windows slide over."""
        h, w = ((n - 1) * s + k for n, s, k in zip(self.made, self.strides, self.window, strict=True))
        return h, w

    @property
    def places(self) -> list[int]:
        """How far each place of a window lies from its first."""
        return [(y * self.seen[1] + x) * self.channels for y in range(self.window[0]) for x in range(self.window[1])]

    @property
    def sizes(self) -> dict[str, int]:
        """All sizes, as the files of C call them."""
        return named(self.size, self.made, self.seen, self.strides, self.before, self.channels)


def forward_text(pool: Pooling) -> str:
    """Write the program of a pooling."""
    taps = "\n".join(
        f"    {{ const real a = p[{at} + c]; best = (a > best) | (a != a) ? a : best; }}" for at in pool.places[1:]
    )
    text = f"""
static inline void pool(const real *restrict p, real *restrict made) {{
  for (int64_t c = 0; c < CHANNELS; c++) {{
    real best = p[c];
{taps}
    made[c] = best;
  }}
}}
"""
    return kernel(pool.dtype, pool.sizes, file("pad_pooled_image.c"), text, file("pooling.c"))


def gradient_text(pool: Pooling) -> str:
    """Write the program of its gradient.

    A window's gradient goes to the first place that holds its greatest element, or to its first place where none does
    because it is nan.
    """
    hits = "\n".join(
        f"    const int hit{k} = (p[{at} + c] == y[c]){''.join(f' & !hit{i}' for i in range(k))};"
        for k, at in enumerate(pool.places)
    )
    none = " | ".join(f"hit{k}" for k in range(1, len(pool.places))) or "0"
    adds = "\n".join(
        f"    d[{at} + c] += {f'!({none})' if k == 0 else f'hit{k}'} ? g[c] : 0;" for k, at in enumerate(pool.places)
    )
    text = f"""
static inline void give_back(const real *p, const real *y, const real *g, real *d) {{
#pragma GCC ivdep
  for (int64_t c = 0; c < CHANNELS; c++) {{
{hits}
{adds}
  }}
}}
"""
    return kernel(pool.dtype, pool.sizes, file("pad_pooled_image.c"), text, file("pooling_gradient.c"))
