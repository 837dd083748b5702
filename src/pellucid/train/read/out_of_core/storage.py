"""Interface of samples that are larger than memory, and the size of the random sample that checks see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pellucid.data.tables import Table
from pellucid.typing import Array

SAMPLE_ROWS = 100_000
"""Largest number of rows from which statistics are computed, and that checks see."""

SAMPLE_BYTES = 64 * 2**20
"""Largest size of the inputs of this sample."""


class StoredSamples(Protocol):
    """Samples in temporary files, in the order of the data."""

    def describe(self, is_training: Array) -> "tuple[Mapping[str, Any], DrawnSample]":
        """Return how inputs are made, and a random sample."""
        ...

    def iter_inputs(self, description: Mapping[str, Any], *, is_new: bool) -> Iterator[Array]:
        """Yield the inputs in chunks; ``is_new`` tells that they are other data than those of training."""
        ...

    def arrange(self, description: Mapping[str, Any], places: Array) -> Any:
        """Return the inputs as an array that is read from a file: row ``places[k]`` has sample k."""
        ...


@dataclass(frozen=True, eq=False)
class DrawnSample:
    """A random sample: the indices of its rows, in order, their inputs, and the rows of a table."""

    rows: Array
    x: Array
    table: Table | None = None


def draw_rows(count: int, limit: int) -> Array:
    """Return the indices of a random sample, sorted, always the same; all rows if there are few enough.

    Examples
    --------
    >>> draw_rows(3, 5).tolist(), len(draw_rows(10**9, 5))
    ([0, 1, 2], 5)
    """
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, limit, replace=False, shuffle=False))
