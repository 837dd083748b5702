"""Programs of very many expressions, cut into pieces that are compiled one by one.

What XLA needs to compile a program grows faster than the program. The pieces run one after the other and hand on what
later ones need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.run.compilation_cache import compile_or_load
from pellucid.run.jax_runtime import jax
from pellucid.run.program import Program

LARGEST = 4000
"""A program of more expressions than this is cut."""

PIECE = 500
"""How many expressions a piece has."""


class Segment:
    """A piece of a program: the expressions it is given, those it hands on, and what nobody needs after it."""

    def __init__(self, given: list[Expr], made: list[Expr], finished: list[Expr]) -> None:
        self.given = given
        self.made = made
        self.finished = finished
        self.compiled: Any = None

    def trace(self, values: list[Any]) -> list[Any]:
        """Trace the piece."""
        return evaluate(jax().numpy, self.made, dict(zip(self.given, values, strict=True)))

    def compile(self, shapes: dict[Expr, Any]) -> None:
        """Compile the piece for the shapes of what it is given, and add those of what it makes."""
        lowered = jax().jit(self.trace).lower([shapes[e] for e in self.given])
        self.compiled = compile_or_load(lowered)
        shapes.update(zip(self.made, lowered.out_info, strict=True))


def cut(results: Sequence[Expr], leaves: Sequence[Expr]) -> list[Segment]:
    """Cut a graph into pieces, each of which needs only what earlier ones make."""
    known, wanted = set(leaves), set(results)
    order = [e for e in topological(results) if e not in known]
    pieces = [order[i : i + PIECE] for i in range(0, len(order), PIECE)]
    home = {e: number for number, piece in enumerate(pieces) for e in piece}
    last_use: dict[Expr, int] = dict.fromkeys(results, len(pieces))
    for e in order:
        for i in e.inputs:
            last_use[i] = max(last_use.get(i, 0), home[e])
    segments = []
    for number, piece in enumerate(pieces):
        needed = dict.fromkeys(i for e in piece for i in e.inputs if home.get(i) != number)
        # A small constant is written into every piece that uses it.
        given = [e for e in needed if e in known or not isinstance(e, Constant)]
        made = [e for e in piece if last_use[e] > number and (e in wanted or not isinstance(e, Constant))]
        segments.append(Segment(given, made, [e for e in given if last_use[e] == number]))
    return segments


class Segments:
    """One step of a large program, called like a compiled one.

    State is not donated: a piece cannot know who else needs it.
    """

    def __init__(self, program: Program, state: tuple[list[Any], list[Any]], args: list[Any]) -> None:
        self.program = program
        self.results = [*program.outputs, *program.updates.values()]
        self.leaves: list[Expr] = [*program.updates, *program.read, *program.inputs]
        self.segments = cut(self.results, self.leaves)
        shapes: dict[Expr, Any] = dict(zip(self.leaves, [*state[0], *state[1], *args], strict=True))
        for segment in self.segments:
            segment.compile(shapes)
        program.check_updates([tuple(shapes[e].shape) for e in program.updates.values()])

    def __call__(self, written: list[Any], read: list[Any], args: list[Any]) -> tuple[list[Any], list[Any]]:
        """Run the pieces one after the other."""
        known: dict[Expr, Any] = dict(zip(self.leaves, [*written, *read, *args], strict=True))
        for segment in self.segments:
            made = segment.compiled([known[e] for e in segment.given])
            known.update(zip(segment.made, made, strict=True))
            for e in segment.finished:
                del known[e]
        # Copies, because a piece may hand on what it was given, and new state must be nobody else's.
        results = [jax().numpy.array(known[e]) for e in self.results]
        return results[: len(self.program.outputs)], results[len(self.program.outputs) :]
