"""Programs run node by node in NumPy: slow, obvious, and the definition of what a graph means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.evaluate import Watch
from pellucid.graph.expr import Constant
from pellucid.run.program import Program

Report = Callable[[int, list[Any]], None]


class NumpyProgram:
    """A program that is interpreted."""

    compile_seconds = 0.0

    def __init__(self, program: Program) -> None:
        self.program = program

    def call(self, args: list[Any], watch: Watch | None = None) -> list[Any]:
        """Run one step and return the outputs."""
        written = [np.asarray(s.storage) for s in self.program.updates]
        read = [s.value if isinstance(s, Constant) else np.asarray(s.storage) for s in self.program.read]
        outputs, new = self.program.step(np, written, read, [np.asarray(a) for a in args], watch)
        for target, value in zip(self.program.updates, new, strict=True):
            target.storage = np.array(value)
        return outputs

    def run(self, args: list[Any], steps: int, walk: bool, report: Report) -> None:
        """Run many steps one after the other."""
        for i in range(steps):
            outputs = self.call([a[i] for a in args] if walk else args)
            report(i + 1, [np.asarray(o)[None] for o in outputs])
