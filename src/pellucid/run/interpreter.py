"""NumPy interpreter: runs a program op by op. It is slow and simple, and it is the reference for all backends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape
from pellucid.run.backends import note_backends
from pellucid.run.buffers import Buffer
from pellucid.run.graph_program import BatchedProgram, OutputHistory, Program, Shapes
from pellucid.run.interrupts import DeferSigint
from pellucid.typing import Array

NUMPY = f"NumPy: NumPy {np.__version__}"
"""Name of this backend in the records of runs."""

REPORT_SECONDS = 0.15
"""Time between progress reports of a loop."""


class NumpyProgram:
    """A program that NumPy interprets."""

    compile_seconds: float = 0.0

    def __init__(self, program: Program) -> None:
        self.program = program

    def step(self, args: Sequence[Buffer], values: dict[Expr, Any] | None = None) -> tuple[list[Array], list[Array]]:
        """Compute outputs and new state as new arrays, without keeping them. Record all values in ``values``."""
        program = self.program
        state, read = [read_storage(s.storage) for s in program.updates], program.get_read_values()
        inputs = [np.asarray(a) for a in args]
        if values is not None:
            leaves = [*program.updates, *program.read, *program.inputs]
            values.update(zip(leaves, [*state, *read, *inputs], strict=True))
        outputs, new = program.step(np, state, read, inputs, None if values is None else values.__setitem__)
        return [np.array(o) for o in outputs], [np.array(n) for n in new]

    def compute_all(self, args: Sequence[Buffer]) -> dict[Expr, Any]:
        """Return the value of every expression of one step, without keeping the new state."""
        if isinstance(self.program, BatchedProgram):
            raise UseError(
                "Expected the function of one member, which has one value for each expression. Received: a batched "
                "function. Call values or profile on the function that pel.vmap received"
            )
        values: dict[Expr, Any] = {}
        with np.errstate(all="ignore"):
            self.step(args, values)
        return order_values(self.program.results, values)

    def call(self, args: Sequence[Buffer]) -> list[Array]:
        note_backends([NUMPY])
        outputs, new = self.step(args)
        with DeferSigint():
            self.program.keep(new)
        return outputs

    def run(
        self,
        args: Sequence[Buffer],
        steps: int,
        walk: bool,
        history: OutputHistory,
        limit: Callable[[], int] | None = None,
    ) -> Iterator[None]:
        """Run many steps, and yield from time to time and after as many steps as ``limit`` allows."""
        note_backends([NUMPY])
        start = time.perf_counter()
        pause = history.steps + limit() if limit else steps
        for i in range(history.steps, steps):
            outputs, new = self.step([a[i] for a in args] if walk else args)
            check_stackable(self.program, history, outputs)
            with DeferSigint():
                self.program.keep(new)
                history.append(1, [o[None] for o in outputs])
            if i + 1 in (steps, pause) or time.perf_counter() - start > REPORT_SECONDS:
                yield
                start = time.perf_counter()
                pause = i + 1 + limit() if limit and i + 1 < steps else steps

    def infer_shapes(self, args: Sequence[Buffer], walk: bool) -> Shapes:
        one = [np.zeros(a.shape[1:], a.dtype) for a in args] if walk else args
        return [(o.shape, o.dtype) for o in self.step(one)[0]]


def check_stackable(program: Program, history: OutputHistory, outputs: Sequence[Array]) -> None:
    """Raise an error if an output of a loop changes its shape from step to step."""
    for e, output, chunks in zip(program.outputs, outputs, history.chunks, strict=True):
        if chunks and chunks[-1].shape[1:] != output.shape:
            raise ShapeError(
                f"The outputs of a loop are stacked, and {brief(e)} has shape {format_shape(chunks[-1].shape[1:])} in "
                f"one step and {format_shape(output.shape)} in the next. Call the function for each step instead"
            )


def order_values(results: Sequence[Expr], values: Mapping[Expr, Any]) -> dict[Expr, Any]:
    """Return values in topological order, including those of constants."""
    order = topological(results)
    return {
        e: e.value if isinstance(e, Constant) else values[e] for e in order if isinstance(e, Constant) or e in values
    }
