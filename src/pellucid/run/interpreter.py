"""Programs run node by node in NumPy: slow, obvious, and the definition of what a graph means."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.evaluate import Watch
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.run.interrupts import Uninterrupted
from pellucid.run.output_history import History, Shapes
from pellucid.run.program import Program

REPORT_SECONDS = 0.15
"""How long a loop runs before progress is reported."""


class NumpyProgram:
    """A program that is interpreted."""

    compile_seconds = 0.0

    def __init__(self, program: Program) -> None:
        self.program = program

    def leaves(self, args: list[Any]) -> dict[Expr, Any]:
        """Return the values of what is written, of what is only read, and of the inputs, as NumPy arrays."""
        written: dict[Expr, Any] = {s: np.asarray(s.storage) for s in self.program.updates}
        read: dict[Expr, Any] = {
            s: s.value if isinstance(s, Constant) else np.asarray(s.storage) for s in self.program.read
        }
        return {**written, **read, **{i: np.asarray(a) for i, a in zip(self.program.inputs, args, strict=True)}}

    def step(self, args: list[Any], watch: Watch | None = None) -> tuple[list[Any], list[Any]]:
        """Compute outputs and new values, without keeping them; each is an array of its own."""
        values = self.leaves(args)
        outputs, new = self.program.step(
            np,
            [values[s] for s in self.program.updates],
            [values[s] for s in self.program.read],
            [values[i] for i in self.program.inputs],
            watch,
        )
        return [np.array(o) for o in outputs], [np.array(n) for n in new]

    def values(self, args: list[Any]) -> dict[Expr, Any]:
        """Return the value of everything that one step goes through, without keeping anything."""
        seen = self.leaves(args)
        with np.errstate(all="ignore"):
            self.step(args, seen.__setitem__)
        return in_order(self.program.results, seen)

    def call(self, args: list[Any]) -> list[Any]:
        """Run one step and return the outputs."""
        outputs, new = self.step(args)
        with Uninterrupted():
            self.program.keep(new)
        return outputs

    def run(
        self, args: list[Any], steps: int, walk: bool, history: History, limit: Callable[[], int] | None = None
    ) -> Iterator[None]:
        """Run many steps one after the other, pausing now and then to be watched, and where ``limit`` says so."""
        start = time.perf_counter()
        pause = history.steps + limit() if limit else steps
        for i in range(history.steps, steps):
            outputs, new = self.step([a[i] for a in args] if walk else args)
            with Uninterrupted():
                self.program.keep(new)
                history.append(1, [o[None] for o in outputs])
            if i + 1 in (steps, pause) or time.perf_counter() - start > REPORT_SECONDS:
                yield
                start = time.perf_counter()
                pause = i + 1 + limit() if limit and i + 1 < steps else steps

    def shapes(self, args: list[Any], walk: bool) -> Shapes:
        """Return shape and dtype of every output of one step."""
        one = [np.zeros(a.shape[1:], a.dtype) for a in args] if walk else args
        return [(o.shape, o.dtype) for o in self.step(one)[0]]


def in_order(results: Sequence[Expr], seen: Mapping[Expr, Any]) -> dict[Expr, Any]:
    """Return values in the order of the walk, with those of the constants among them."""
    order = topological(results)
    return {e: e.value if isinstance(e, Constant) else seen[e] for e in order if isinstance(e, Constant) or e in seen}
