"""Targets of the generated C: the processor that it is compiled for, and web pages."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.native.compiler import count_vector_registers, get_vector_bytes

MAX_STATE_BYTES = 1 << 20
"""Maximum memory of the state and the arguments of a step on this machine. XLA runs larger ones."""

MAX_SCRATCH_BYTES = 1 << 20
"""Maximum memory of the arrays of a loop on this machine, which should stay in the caches. XLA runs larger ones."""

MAX_PAGE_BYTES = 1 << 28
"""Maximum memory of the arrays of a function in a web page, where nothing else can run it."""


@dataclass(frozen=True)
class Target:
    """Limits and tile sizes.

    Attributes
    ----------
    max_bytes : int
        Maximum memory of arrays.
    vector_bytes : int
        Size of the vectors of samples and of matrix products.
    tile_rows, tile_vectors : int
        Maximum rows and accumulators of a tile of a product, which must fit into the vector registers.
    max_body_cost : int, optional
        Operations of the body of a loop over samples, above which it is split; None if it never is.
    static_storage : str
        Storage of large arrays: programs of this machine may run in several threads at the same time.
    """

    max_bytes: int
    vector_bytes: int
    tile_rows: int
    tile_vectors: int
    max_body_cost: int | None = None
    static_storage: str = "static _Thread_local "


def get_native_target() -> Target:
    """Return the limits and tile sizes of the processor that C is compiled for."""
    rows, vectors = (8, 24) if count_vector_registers() == 32 else (6, 12)
    return Target(MAX_SCRATCH_BYTES, vector_bytes=get_vector_bytes(), tile_rows=rows, tile_vectors=vectors)


WEB = Target(MAX_PAGE_BYTES, vector_bytes=16, tile_rows=4, tile_vectors=8, max_body_cost=28, static_storage="static ")
"""Browsers have 16 registers of 16 bytes, and spill what does not fit."""
