"""The program of a product of matrices, either side turned around or not, and perhaps taken from a third."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.microkernels import product_tile
from pellucid.run.kernels.source_assembly import SIZES, file, kernel, registers, vector_bytes

VECTORS = 2
"""How many vector registers a row of a tile of them takes."""

LEFT_BYTES = 2**23
"""How much of the left side is packed at a time."""

BY_VECTORS = {"DEPTH": 256, "BUFFERS": 1, "WIDE": 1, "CHUNK": 64, "TASKS": 4}
BY_UNITS = {"DEPTH": 128, "BUFFERS": 2, "WIDE": 12, "CHUNK": 16, "TASKS": 1, "ROWS": 32, "BLOCK": 32}
"""How much of the inner axis is packed at a time, so that a panel stays in the first cache, in how many buffers; how
many panels and blocks of rows a task has at most; how many tasks each thread is to have; and the size of a block."""


@dataclass(frozen=True)
class Product:
    """What is written into the program of a product.

    Attributes
    ----------
    dtype : str
        ``"float32"`` or ``"float64"``.
    turned : tuple of bool
        Whether the left and the right side lie in memory turned around.
    from_base : bool
        Whether it is taken, so many times, from another matrix.
    rows : int
        How many rows of the result a tile of vector registers has; 0 where units for matrices compute it.
    """

    dtype: str
    turned: tuple[bool, bool]
    from_base: bool
    rows: int


def rows_of(height: int) -> int:
    """Return how many rows a tile has, so that tiles of nearly the same size make up the height."""
    most = (registers() - 1 - VECTORS) // VECTORS
    return -(-height // -(-height // most))


def product_text(product: Product) -> str:
    """Write the program of a product."""
    left, right = product.turned
    sizes = {"FROM_BASE": int(product.from_base), "LEFT_TURNED": int(left), "RIGHT_TURNED": int(right)}
    sizes |= {"LEFT_BYTES": LEFT_BYTES, "LEAST_BLOCKS": 4}
    if not product.rows:
        return kernel(
            product.dtype,
            sizes | BY_UNITS,
            file("gemm_handler.c"),
            file("amx/bf16x3.c"),
            file("amx/gemm_pack.c"),
            file("gemm_loops.c"),
        )
    lanes = vector_bytes() // SIZES[product.dtype]
    sizes |= BY_VECTORS | {"ROWS": product.rows, "BLOCK": VECTORS * lanes}
    tile = product_tile(product.rows, VECTORS, lanes)
    return kernel(product.dtype, sizes, file("gemm_handler.c"), file("gemm_pack.c"), tile, file("gemm_loops.c"))
