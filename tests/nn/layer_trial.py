"""What a row of `layer_rows.py` is tried on."""

from __future__ import annotations

import numpy as np

import pellucid as pel
from pellucid.graph.expr import Expr
from pellucid.nn.layers.base import Layer
from tests.nn.layer_rows import Row

BATCH = 2


def inputs(row: Row, batch: str | None = None, dtype: str = "float32") -> list[Expr]:
    """Return inputs of one named or unknown batch size."""
    kind = "int32" if row.integers is not None else dtype
    return [pel.tensor(f"x{i}", shape=(batch, *shape), dtype=kind) for i, shape in enumerate(row.shapes)]


def data(row: Row, dtype: str = "float32") -> list[np.ndarray]:
    """Return values for the inputs; all different, so that no maximum is a tie."""
    rng = np.random.default_rng(0)
    sizes = [(BATCH, *shape) for shape in row.shapes]
    if row.integers is not None:
        return [rng.integers(0, row.integers, size).astype("int32") for size in sizes]
    count = sum(map(np.prod, sizes))
    drawn = rng.permutation(count) / count * 2 - 1.03
    parts = np.split(drawn, np.cumsum([np.prod(size) for size in sizes])[:-1])
    return [part.reshape(size).astype(dtype) for part, size in zip(parts, sizes, strict=True)]


def called(layer: Layer, given: list[Expr], row: Row) -> list[Expr]:
    """Call a layer and return all its results."""
    first, *others = given
    if row.masked:
        first = pel.masked(first, first[:, :, 0] > -0.5)
    result = layer([first, *others] if layer.merges else first, **row.named)
    return list(result) if isinstance(result, (list, tuple)) else [result]
