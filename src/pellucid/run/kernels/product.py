"""The program of a product of matrices whose left side is turned around, as gradients of weights are."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.text import SIZES, kernel, registers, vector_bytes
from pellucid.run.kernels.tiles import product_tile

DEPTH = 256
"""How much of the inner axis is packed at a time, so that a panel stays in the first cache."""

VECTORS = 2
"""How many vector registers a row of a tile takes."""

CHUNK = 64
"""Of how many tiles the sums are kept at a time."""


@dataclass(frozen=True)
class Product:
    """What is written into the program of a product.

    Attributes
    ----------
    dtype : str
        ``"float32"`` or ``"float64"``.
    from_base : bool
        Whether it is taken, so many times, from another matrix.
    rows : int
        How many rows of the result a tile has.
    """

    dtype: str
    from_base: bool
    rows: int

    @property
    def lanes(self) -> int:
        """How many numbers a vector register holds."""
        return vector_bytes() // SIZES[self.dtype]


def rows_of(height: int) -> int:
    """Return how many rows a tile has, so that tiles of nearly the same size make up the height."""
    most = (registers() - 1 - VECTORS) // VECTORS
    return -(-height // -(-height // most))


def product_text(product: Product) -> str:
    """Write the program of a product."""
    sizes = {
        "ROWS": product.rows,
        "BLOCK": VECTORS * product.lanes,
        "DEPTH": DEPTH,
        "CHUNK": CHUNK,
        "FROM_BASE": int(product.from_base),
    }
    return kernel(product.dtype, sizes, None, product_tile(product.rows, VECTORS, product.lanes), "product.c")
