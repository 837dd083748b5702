"""A pass over data as a compiled loop: the data stay on the device, and each step is told which samples to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.run.build import function

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Passage:
    """What one pass measured.

    Attributes
    ----------
    steps : dict from str to array
        The mean over the batch of every measure at every step.
    sizes : array of int
        How many samples each step had.
    """

    steps: dict[str, Array]
    sizes: Array

    def means(self) -> dict[str, float]:
        """Return the mean of every measure over all samples, however they were dealt out.

        Examples
        --------
        >>> Passage({"loss": np.array([1.0, 4.0])}, np.array([2, 1])).means()
        {'loss': 2.0}
        """
        weights = self.sizes / self.sizes.sum()
        return {name: float(np.dot(values.astype(np.float64), weights)) for name, values in self.steps.items()}


class Walk:
    """Measures, and updates if it trains, compiled for data of certain shapes.

    Parameters
    ----------
    measures : dict from str to Expr
        Scalars, in terms of the inputs that the data are for.
    updates : dict from Shared to Expr
        What a step changes.
    data : dict from Expr to array
        For every input, samples along the first axis, in the input's dtype or a narrower one.
    """

    def __init__(
        self, measures: Mapping[str, Expr], updates: Mapping[Shared, Expr], data: Mapping[Expr, Array]
    ) -> None:
        self.data = {
            given: Shared(array, f"all {given}", trainable=False, regularizable=False) for given, array in data.items()
        }
        batch = next(iter(data)).shape[0]
        index = Input("index", (batch,), np.int32)
        picked = {given: shared[index].astype(given.dtype) for given, shared in self.data.items()}
        self.function = function([index], dict(measures), updates=updates, givens=picked)

    @contextmanager
    def over(self, *arrays: Array) -> Iterator[Walk]:
        """Hold the data on the device while the walk is in use."""
        for shared, array in zip(self.data.values(), arrays, strict=True):
            shared.storage = array
        try:
            yield self
        finally:
            for shared in self.data.values():
                shared.storage = np.empty(0, shared.dtype)

    def run(self, order: Array, batch_size: int, progress: Callable[..., None] | None = None) -> Passage:
        """Take the samples in an order, so many a step; what is left over makes a last, smaller step.

        Raises
        ------
        Interrupted
            On Ctrl-C in the loop; shared variables keep what the finished steps made of them.
        """
        whole = len(order) // batch_size
        rest = len(order) - whole * batch_size
        order = order.astype(np.int32)
        batches = order[: whole * batch_size].reshape(whole, batch_size)
        steps = self.function.over(batches, progress=progress)
        if rest:
            last = self.function(order[-rest:])
            steps = {name: np.append(values, last[name]) for name, values in steps.items()}
        return Passage(steps, np.array([batch_size] * whole + [rest] * bool(rest)))
