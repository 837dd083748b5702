"""A pass over data as a compiled loop: over arrays that stay on the device, or over batches that are handed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.run.epoch_loop import held, rounds, turn
from pellucid.run.function_builder import function
from pellucid.run.interrupts import Interrupted

Array = np.ndarray[Any, Any]
Outputs = dict[str, Array]
Limit = Callable[[], int] | None
Chunk = tuple[Outputs, Array]
"""What several steps put out, and how many samples each had."""

MANY = 2**30
"""More than anybody waits for."""


MOMENT = 0.1
"""About how many seconds epochs may run before somebody is told."""


class Moments:
    """Cuts epochs into spans that take about a moment each; it learns how many that are."""

    def __init__(self) -> None:
        self.pace = 1

    def spans(self, epochs: int) -> Iterator[tuple[int, int]]:
        """Go through epochs: the first of a span, and how many it has."""
        first = 0
        while first < epochs:
            count = min(self.pace, epochs - first)
            begun = time.perf_counter()
            yield first, count
            first += count
            fitting = int(count * min(8.0, MOMENT / max(time.perf_counter() - begun, 1e-9)))
            self.pace = max(1, fitting if count == self.pace or fitting < count else max(self.pace, fitting))


class Walk:
    """A step compiled for arrays that lie on the device, each told which samples to take.

    Parameters
    ----------
    outputs : dict from str to Expr
        What a step puts out, in terms of the inputs that the data are for.
    updates : dict from Shared to Expr
        What it changes.
    data : dict from Expr to array
        For every input, samples along the first axis, in the input's dtype or a narrower one.
    devices : "all", int or list, optional
        Those that divide every batch among them; the data lie whole on each.
    """

    def __init__(
        self,
        outputs: Mapping[str, Expr],
        updates: Mapping[Shared, Expr],
        data: Mapping[Expr, Array],
        devices: Any = None,
    ) -> None:
        self.data = [Shared(array, f"all {e}", trainable=False, regularizable=False) for e, array in data.items()]
        index = Input("index", (next(iter(data)).shape[0],), np.int32)
        picked = {e: shared[index].astype(e.dtype) for e, shared in zip(data, self.data, strict=True)}
        self.function = function(
            [index], dict(outputs), updates=updates, givens=picked, on_unused_input="ignore", devices=devices
        )

    @contextmanager
    def over(self, arrays: Sequence[Array]) -> Iterator[None]:
        """Hold the data on the device while the walk is in use."""
        for shared, array in zip(self.data, arrays, strict=True):
            shared.storage = array
        try:
            yield
        finally:
            for shared in self.data:
                shared.storage = np.empty(0, shared.dtype)

    def steps(self, batches: Array, first: int, steps: int, limit: Limit = None) -> Iterator[Outputs]:
        """Run steps of whole batches, from one of them on, and hand out what each chunk of them put out.

        ``batches`` has a row of indices for each step, and perhaps more.
        """
        yield from self.function.chunks(self.function.bound([batches], {}, walk=True), steps, True, first, limit)

    def last(self, batch: Array) -> Outputs:
        """Run the last step, which has fewer samples."""
        return {name: np.asarray(value)[None] for name, value in turn(self.function, batch).items()}

    def rounds(self, batches: Array, last: Array) -> Outputs:
        """Run whole epochs: for each, the steps of its rows of batches, and the smaller one of its row of last ones."""
        outputs: Outputs = rounds(self.function, [batches], [last], len(last))
        return outputs


class Flow:
    """A step compiled for batches that are handed in.

    Parameters
    ----------
    outputs, updates, devices
        As for `Walk`.
    data : dict from Expr to dtype
        The dtype in which each input comes; it is cast in the program.
    """

    def __init__(
        self, outputs: Mapping[str, Expr], updates: Mapping[Shared, Expr], data: Mapping[Expr, Any], devices: Any = None
    ) -> None:
        raw = [Input(e.name, e.shape, dtype) for e, dtype in data.items()]
        cast = {given: r.astype(given.dtype) for given, r in zip(data, raw, strict=True)}
        self.function = function(
            raw, dict(outputs), updates=updates, givens=cast, on_unused_input="ignore", devices=devices
        )
        self.held: list[Any] = []

    def steps(self, stacked: Sequence[Array], count: int, first: int = 0, limit: Limit = None) -> Iterator[Outputs]:
        """Run the batches that are stacked along a new first axis, from one of them on up to but without another."""
        yield from self.function.chunks(self.function.bound(list(stacked), {}, walk=True), count, True, first, limit)

    @contextmanager
    def over(self, arrays: Sequence[Array]) -> Iterator[None]:
        """Hold a batch that is met again and again where the loop wants it."""
        self.held = held(self.function, arrays)
        try:
            yield
        finally:
            self.held = []

    def again(self, first: int, steps: int, limit: Limit = None) -> Iterator[Outputs]:
        """Run steps of the batch that is held, from one of them on."""
        yield from self.function.chunks(self.held, steps, False, first, limit)


def sized(chunks: Iterator[Outputs], size: int) -> Iterator[Chunk]:
    """Hand out chunks with the number of samples of each of their steps, those that came before Ctrl-C included."""
    try:
        for outputs in chunks:
            yield outputs, np.broadcast_to(size, len(outputs["loss"]))
    except Interrupted as stop:
        if stop.steps:
            yield stop.history, np.broadcast_to(size, stop.steps)
        raise
