"""Programs of convolutions and of their gradients with respect to the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pellucid.run.kernels.amx.detection import matrix_units
from pellucid.run.kernels.microkernels import forward_tile, gradient_tile
from pellucid.run.kernels.source_assembly import SIZES, file, kernel, named, registers, vector_bytes

BAND_BYTES = 16 * 2**10
"""How much of a gradient is met by all tiles before the next part is."""

MOST_SHARES, SUM_BYTES = 16, 2**27
"""Into how many sums a gradient is divided, whatever the machine, and how much they may take together."""

MOST_WASTE = 1.75
"""How many times as many multiplications as needed units for matrices may do, and be quicker than those for vectors."""

SPLIT_BYTES, PLANE_BYTES = 6, 2**19
"""How many bytes a number takes that is split for units for matrices, and how much of an image is split at a time."""

MOST_TOGETHER, TASK_BYTES = 16, 2**19
"""How many small images one task takes at most, and how much of them, so that a block of filters serves them all."""


@dataclass(frozen=True)
class Convolution:
    """A convolution in two dimensions, all but the number of images known.

    Attributes
    ----------
    size, window, made : tuple of int
        Height and width of an image, of the kernel, and of the result.
    channels, filters : int
        Of an image, and of the result.
    strides, dilation : tuple of int
        Steps of the window, and steps inside it.
    before : tuple of int
        How many zeros stand above and left of an image; a negative number cuts.
    dtype : str
        ``"float32"`` or ``"float64"``.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    made: tuple[int, int]
    channels: int
    filters: int
    strides: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    dtype: str

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of what the windows slide over, zeros included."""
        h, w = (
            (n - 1) * s + (k - 1) * d + 1
            for n, s, k, d in zip(self.made, self.strides, self.window, self.dilation, strict=True)
        )
        return h, w

    @property
    def sizes(self) -> dict[str, int]:
        """All sizes, as the files of C call them."""
        found = named(self.size, self.made, self.seen, self.strides, self.before, self.channels)
        found |= zip(("WINDOW_H", "WINDOW_W", "DILATION_Y", "DILATION_X"), (*self.window, *self.dilation), strict=True)
        return found | {"FILTERS": self.filters, "BLOCK": self.block, "FILLED": self.filled}

    @property
    def lanes(self) -> int:
        """How many numbers a vector register holds."""
        return vector_bytes() // SIZES[self.dtype]

    @property
    def vectors(self) -> int:
        """How many vector registers the filters of one block take."""
        whole = -(-self.filters // self.lanes)
        return 1 if whole == 1 else min((2, 3), key=lambda v: -(-whole // v) * v)

    @property
    def block(self) -> int:
        """How many filters are computed together."""
        return self.vectors * self.lanes

    @property
    def filled(self) -> int:
        """How many filters there are when the last block is whole."""
        return -(-self.filters // self.block) * self.block

    @property
    def most(self) -> int:
        """How many rows of accumulators fit into the registers beside a row of operands and one more."""
        return (registers() - 1 - self.vectors) // self.vectors

    @property
    def merged(self) -> bool:
        """Whether a row of the window lies in one piece in memory."""
        return self.dilation[1] == 1

    @property
    def run(self) -> int:
        """How many numbers of the window lie in one piece."""
        return self.channels * (self.window[1] if self.merged else 1)


def forward_text(conv: Convolution) -> str:
    """Write the program of a convolution."""
    columns = max(size for _, size in parts(conv.made[1], conv.most))
    rows = max(1, min(conv.made[0], conv.most // columns))
    seen_bytes = conv.seen[0] * conv.seen[1] * conv.channels * SIZES[conv.dtype]
    by_units = forward_by_units(conv)
    together = MOST_TOGETHER if by_units else max(1, min(MOST_TOGETHER, TASK_BYTES // seen_bytes))
    sizes = {"ROWS": rows, "COLUMNS": columns, "TOGETHER": together}
    sizes |= bands(conv, by_units)
    units = (file("amx/bf16x3.c"), file("amx/conv_forward.c")) if by_units else (file("amx/stub.c"),)
    tile = forward_tile(conv, rows, columns)
    return kernel(conv.dtype, conv.sizes | sizes, file("pad_image.c"), tile, *units, file("conv_forward.c"))


def forward_by_units(conv: Convolution) -> bool:
    """Tell whether units for matrices compute a convolution, which read their tiles from an image as it lies.

    A row of the window and a block of filters are filled up to thirty-two, and a row of places to the width of what is
    seen: less than so much of the work is in vain.
    """
    waste = filled(conv.run) * filled(conv.filters) * conv.seen[1] / (conv.run * conv.filters * conv.made[1])
    return for_units(conv) and conv.merged and waste <= MOST_WASTE


def for_units(conv: Convolution) -> bool:
    """Tell whether there are units for matrices, which count the places of an image through."""
    return matrix_units() and conv.dtype == "float32" and conv.strides == (1, 1)


def filled(size: int) -> int:
    """Return a size that is filled up to thirty-two numbers, as two tiles have."""
    return -(-size // 32) * 32


def gradient_text(conv: Convolution) -> str:
    """Write the program of the gradient with respect to the kernel."""
    sum_bytes = conv.window[0] * conv.window[1] * conv.channels * conv.filled * SIZES[conv.dtype]
    shares = max(1, min(MOST_SHARES, SUM_BYTES // sum_bytes))
    across = parts(conv.run, conv.most)
    down = parts(conv.window[0], max(1, conv.most // max(size for _, size in across)))
    band = max(1, min(conv.made[0], BAND_BYTES // (conv.made[1] * conv.block * SIZES[conv.dtype])))
    tiles = [gradient_tile(conv, r, t) for r in sorted({r for _, r in down}) for t in sorted({t for _, t in across})]
    steps = [(0, 0)] if conv.merged else [(x * conv.dilation[1], x) for x in range(conv.window[1])]
    calls = [
        f"  gradient_{r}x{t}(s + {(y * conv.dilation[0] * conv.seen[1] + far) * conv.channels + at}, g, "
        f"d + {((y * conv.window[1] + x) * conv.channels + at) * conv.filled}, high);"
        for y, r in down
        for far, x in steps
        for at, t in across
    ]
    head = "static void gradient_tiles(const real *s, const real *g, real *d, int64_t high) {"
    text = "\n".join([*tiles, head, *calls, "}"])
    by_units = gradient_by_units(conv)
    sizes = conv.sizes | {"BAND": band, "SHARES": shares} | bands(conv, by_units)
    units = (file("amx/bf16x3.c"), file("amx/conv_kernel_gradient.c")) if by_units else (file("amx/stub.c"),)
    return kernel(conv.dtype, sizes, file("pad_image.c"), text, *units, file("conv_kernel_gradient.c"))


def gradient_by_units(conv: Convolution) -> bool:
    """Tell whether units for matrices compute the gradient: channels and filters fill pairs of tiles."""
    whole = filled(conv.channels) == conv.channels and filled(conv.filled) == conv.filled
    waste = conv.filled * conv.seen[1] / (conv.filters * conv.made[1])
    return for_units(conv) and whole and waste <= MOST_WASTE


def bands(conv: Convolution, by_units: bool) -> dict[str, int]:
    """Return in how many bands an image is split for units for matrices, and how many rows of the result each has."""
    row_bytes = conv.seen[1] * conv.channels * SPLIT_BYTES
    most = max(1, PLANE_BYTES // row_bytes - (conv.seen[0] - conv.made[0])) if by_units else conv.made[0]
    rows = max(size for _, size in parts(conv.made[0], most))
    return {"BANDS": -(-conv.made[0] // rows), "BAND_ROWS": rows}


def parts(whole: int, most: int) -> list[tuple[int, int]]:
    """Cut a length into parts of nearly the same size, none over the most; return where each begins and its size."""
    count = -(-whole // most)
    edges = [whole * k // count for k in range(count + 1)]
    return [(a, b - a) for a, b in pairwise(edges)]
