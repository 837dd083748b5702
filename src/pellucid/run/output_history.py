"""The outputs of the steps of a loop, gathered chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shapes = list[tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and dtype of every output of one step."""


class History:
    """What a loop has returned so far.

    Attributes
    ----------
    chunks : list of list of array
        For every output, the arrays of the chunks, with the steps along their first axis.
    steps : int
        How many steps have finished; a loop that is entered in its middle begins with more than 0.
    """

    def __init__(self, outputs: int, steps: int = 0) -> None:
        self.chunks: list[list[np.ndarray[Any, Any]]] = [[] for _ in range(outputs)]
        self.steps = steps

    def append(self, count: int, outputs: Sequence[np.ndarray[Any, Any]]) -> None:
        """Add the outputs of the next ``count`` steps."""
        for chunks, new in zip(self.chunks, outputs, strict=True):
            chunks.append(new)
        self.steps += count

    def latest(self) -> list[Any]:
        """Return the outputs of the last step."""
        return [chunks[-1][-1] for chunks in self.chunks]

    def take(self) -> list[np.ndarray[Any, Any]]:
        """Return the outputs of the steps since they were last taken, and keep them no longer."""
        taken = [np.concatenate(chunks) if len(chunks) > 1 else chunks[0] for chunks in self.chunks]
        self.chunks = [[] for _ in taken]
        return taken

    def whole(self, shapes: Callable[[], Shapes]) -> list[np.ndarray[Any, Any]]:
        """Return the outputs of all steps, stacked; ``shapes`` is asked where there were none."""
        if self.steps:
            return [np.concatenate(chunks) for chunks in self.chunks]
        return [np.empty((0, *shape), dtype) for shape, dtype in shapes()] if self.chunks else []
