"""Compiled programs whose sizes depend on values: one program for each set of sizes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.traversal import topological
from pellucid.run.buffers import Buffer
from pellucid.run.graph_program import OutputHistory, Program
from pellucid.run.interpreter import NumpyProgram, check_stackable
from pellucid.run.xla import XlaProgram
from pellucid.typing import Array

MAX_PROGRAMS = 64
"""Number of compiled programs that are kept; the one that was compiled first is dropped."""

MAX_REMEMBERED = 65536
"""Number of values of scalar inputs whose program is remembered."""


@dataclass(frozen=True, kw_only=True)
class SizedProgram(Program):
    """A program for certain sizes.

    Attributes
    ----------
    templates : dict from Expr to array
        Arrays of these sizes, the values of `Program.value_sized`.
    """

    templates: Mapping[Expr, Array]

    @property
    def size(self) -> int:
        """One, because a program for certain sizes cannot be partitioned."""
        return 1

    def bind_leaves(self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]) -> dict[Expr, Any]:
        return {**super().bind_leaves(state, read, args), **self.templates}


class UnindexedXlaProgram(XlaProgram):
    """A program that its graph and its arguments do not determine."""

    is_indexed: bool = False


class ValueSizedProgram(NumpyProgram):
    """A program whose sizes depend on values: NumPy computes the sizes, and XLA compiles a program for each set.

    A loop runs step by step, because the sizes may change.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.sized: Sequence[Expr] = program.value_sized
        self.compiled: dict[Hashable, XlaProgram] = {}
        self.remembered: dict[Hashable, XlaProgram] = {}
        """Programs by the values of the scalar inputs, if nothing else decides the sizes."""
        leaves = [e for e in topological(self.sized) if e.op is None and not isinstance(e, Constant)]
        self.deciders: list[int] | None = None
        """Places of these inputs among the arguments."""
        if all(isinstance(e, Input) and not e.ndim for e in leaves):
            self.deciders = [place for place, i in enumerate(program.inputs) if i in set(leaves)]

    @property
    def compile_seconds(self) -> float:  # type: ignore[override]
        return sum(compiled.compile_seconds for compiled in self.compiled.values())

    @property
    def backends(self) -> dict[Hashable, list[str]]:
        """For each set of sizes, what computes the program."""
        return {sizes: names for sizes, one in self.compiled.items() for names in one.backends.values()}

    def compute_templates(self, args: Sequence[Buffer]) -> dict[Expr, Array]:
        """Return arrays of the sizes for these arguments; their elements are not stored."""
        state, inputs = [read_storage(s.storage) for s in self.program.updates], [np.asarray(a) for a in args]
        values = self.program.bind_leaves(state, self.program.get_read_values(), inputs)
        with np.errstate(all="ignore"):
            found = evaluate(np, self.sized, values)
        return {e: np.broadcast_to(np.False_, v.shape) for e, v in zip(self.sized, found, strict=True)}

    def specialize(self, args: Sequence[Buffer]) -> XlaProgram:
        """Return the program for the sizes that these arguments lead to."""
        if self.deciders is None:
            return self.get_program(args)
        key = tuple(args[place].item() for place in self.deciders)
        if key not in self.remembered:
            if len(self.remembered) == MAX_REMEMBERED:
                self.remembered.clear()
            self.remembered[key] = self.get_program(args)
        return self.remembered[key]

    def get_program(self, args: Sequence[Buffer]) -> XlaProgram:
        """Return the program for the sizes that NumPy computes for these arguments, compiled or not."""
        templates = self.compute_templates(args)
        sizes = tuple(t.shape for t in templates.values())
        if sizes not in self.compiled:
            if len(self.compiled) == MAX_PROGRAMS:
                self.remembered.clear()
                del self.compiled[next(iter(self.compiled))]
            parts = {f.name: getattr(self.program, f.name) for f in fields(self.program)}
            self.compiled[sizes] = UnindexedXlaProgram(SizedProgram(**parts, templates=templates))
        return self.compiled[sizes]

    def call(self, args: Sequence[Buffer]) -> list[Array]:
        return self.specialize(args).call(args)

    def run(
        self,
        args: Sequence[Buffer],
        steps: int,
        walk: bool,
        history: OutputHistory,
        limit: Callable[[], int] | None = None,
    ) -> Iterator[None]:
        for i in range(history.steps, steps):
            outputs = self.call([a[i] for a in args] if walk else args)
            check_stackable(self.program, history, outputs)
            history.append(1, [o[None] for o in outputs])
            yield
