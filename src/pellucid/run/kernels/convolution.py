"""What a kernel is written for: the sizes of a convolution, and of the machine's registers."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.frame import SIZES, registers, vector_bytes


@dataclass(frozen=True)
class Convolution:
    """A convolution in two dimensions, all but the number of images known.

    Attributes
    ----------
    size, window, made : tuple of int
        Height and width of an image, of the kernel, and of the result.
    channels, filters : int
        Of an image, and of the result.
    strides, dilation, spread : tuple of int
        Steps of the window, steps inside it, and how far apart the pixels of an image are laid, zeros between them.
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
    spread: tuple[int, int]
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
    def padded(self) -> bool:
        """Whether the windows slide over something else than the image as it lies in memory."""
        return self.before != (0, 0) or self.spread != (1, 1) or self.seen != self.size

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


def parts(whole: int, most: int) -> list[tuple[int, int]]:
    """Cut a length into parts of nearly the same size, none over the most; return where each begins and its size."""
    count = -(-whole // most)
    edges = [whole * k // count for k in range(count + 1)]
    return [(a, b - a) for a, b in zip(edges, edges[1:], strict=False)]
