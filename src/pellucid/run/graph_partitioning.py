"""Programs with very many expressions, partitioned into pieces that are compiled separately.

XLA's compile time grows faster than the program. The pieces run in order and pass values on to later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.run.buffers import Buffer
from pellucid.run.compilation_cache import compile_or_load
from pellucid.run.graph_program import Program
from pellucid.run.jax_runtime import jax

MAX_EXPRESSIONS = 4000
"""Programs with more expressions are partitioned."""

PARTITION_SIZE = 500
"""Number of expressions of a partition."""


@dataclass
class Partition:
    """A piece of a program."""

    inputs: list[Expr]
    outputs: list[Expr]
    finished: list[Expr]  # the inputs that no later partition reads
    compiled: Any = None

    def trace(self, values: Sequence[Buffer]) -> list[Buffer]:
        return evaluate(jax().numpy, self.outputs, dict(zip(self.inputs, values, strict=True)))

    def compile(self, shapes: dict[Expr, Any]) -> None:
        lowered = jax().jit(self.trace).lower([shapes[e] for e in self.inputs])
        self.compiled = compile_or_load(lowered)
        shapes.update(zip(self.outputs, lowered.out_info, strict=True))


def partition_graph(results: Sequence[Expr], leaves: Sequence[Expr]) -> list[Partition]:
    """Divide a graph into partitions, each of which reads only outputs of earlier ones."""
    leaf_set, result_set = set(leaves), set(results)
    order = [e for e in topological(results) if e not in leaf_set]
    pieces = [order[i : i + PARTITION_SIZE] for i in range(0, len(order), PARTITION_SIZE)]
    piece_of = {e: number for number, piece in enumerate(pieces) for e in piece}
    last_use: dict[Expr, int] = dict.fromkeys(results, len(pieces))
    for e in order:
        for i in e.inputs:
            last_use[i] = max(last_use.get(i, 0), piece_of[e])
    partitions = []
    for number, piece in enumerate(pieces):
        operands = dict.fromkeys(i for e in piece for i in e.inputs if piece_of.get(i) != number)
        # Small constants are part of every partition that uses them.
        inputs = [e for e in operands if e in leaf_set or not isinstance(e, Constant)]
        outputs = [e for e in piece if last_use[e] > number and (e in result_set or not isinstance(e, Constant))]
        partitions.append(Partition(inputs, outputs, [e for e in inputs if last_use[e] == number]))
    return partitions


class PartitionedStep:
    """One step of a large program, called like a compiled one. State is not donated, because partitions share it."""

    def __init__(self, program: Program, state: tuple[list[Buffer], list[Buffer]], args: Sequence[Buffer]) -> None:
        self.program = program
        self.leaves: list[Expr] = [*program.updates, *program.read, *program.inputs]
        self.partitions: list[Partition] = partition_graph(program.results, self.leaves)
        shapes: dict[Expr, Any] = dict(zip(self.leaves, [*state[0], *state[1], *args], strict=True))
        for partition in self.partitions:
            partition.compile(shapes)
        program.check_updates([tuple(shapes[e].shape) for e in program.updates.values()])

    def __call__(
        self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]
    ) -> tuple[list[Buffer], list[Buffer]]:
        values: dict[Expr, Any] = dict(zip(self.leaves, [*state, *read, *args], strict=True))
        for partition in self.partitions:
            outputs = partition.compiled([values[e] for e in partition.inputs])
            values.update(zip(partition.outputs, outputs, strict=True))
            for e in partition.finished:
                del values[e]
        results = copy_shared_buffers([values[e] for e in self.program.results], [*state, *read, *args])
        return results[: len(self.program.outputs)], results[len(self.program.outputs) :]


def copy_shared_buffers(results: Sequence[Buffer], leaves: Sequence[Buffer]) -> list[Buffer]:
    """Return results with copies of those that are leaves or equal earlier ones, because each must own its memory.

    Other results need none: a compiled partition returns new buffers only.
    """
    seen = {id(leaf) for leaf in leaves}
    owned = []
    for value in results:
        owned.append(jax().numpy.array(value) if id(value) in seen else value)
        seen.add(id(value))
    return owned
