"""Outputs of the steps of a loop, collected chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shapes = list[tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and dtype of every output of one step."""


class OutputHistory:
    """The outputs of a loop so far. ``steps`` is more than 0 at the start if the loop is entered in its middle."""

    def __init__(self, num_outputs: int, steps: int = 0) -> None:
        self.chunks: list[list[np.ndarray[Any, Any]]] = [[] for _ in range(num_outputs)]
        self.steps = steps

    def append(self, count: int, outputs: Sequence[np.ndarray[Any, Any]]) -> None:
        for chunks, output in zip(self.chunks, outputs, strict=True):
            chunks.append(output)
        self.steps += count

    def get_latest(self) -> list[Any]:
        return [chunks[-1][-1] for chunks in self.chunks]

    def pop(self) -> list[np.ndarray[Any, Any]]:
        """Remove and return the outputs that were added since the last call."""
        outputs = [np.concatenate(chunks) if len(chunks) > 1 else chunks[0] for chunks in self.chunks]
        self.chunks = [[] for _ in outputs]
        return outputs

    def stack(self, get_shapes: Callable[[], Shapes]) -> list[np.ndarray[Any, Any]]:
        """Return the outputs of all steps, stacked. ``get_shapes`` is called only if there were no steps."""
        if self.steps:
            return [np.concatenate(chunks) for chunks in self.chunks]
        return [np.empty((0, *shape), dtype) for shape, dtype in get_shapes()] if self.chunks else []
