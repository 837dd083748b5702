"""Expressions over the rows of an array, divided into loops over the columns of one row.

A row reduction, such as the mean of a row, needs all its columns before anything that depends on it can be computed.
The loops between two reductions are stages. A value that a later stage needs too is kept in a buffer of one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pellucid.graph.decomposition import symbolic
from pellucid.graph.expr import Constant, Expr
from pellucid.run.kernels.elementwise_terms import get_kind, is_elementwise

ROW_REDUCTIONS = ("sum", "mean", "max", "min", "var")
ROW_NORMALIZATIONS = ("softmax", "log_softmax", "masked_softmax", "standardize", "rms_normalize")
BROADCASTS = ("broadcast_like", "broadcast_to")

ResultKind = Literal["full", "column"]
"""Which elements a result has: those of an expression, or its sums over all rows."""


@dataclass
class Stage:
    """A loop over the columns of a row.

    Attributes
    ----------
    scalars : dict of Expr
        Expressions with one number for each row, computed before the loop. All values are None.
    terms : dict of Expr
        Expressions that are computed in the loop and stored, or reduced.
    reductions : dict of Expr
        Row reductions of terms.
    """

    scalars: dict[Expr, None] = field(default_factory=dict)
    terms: dict[Expr, None] = field(default_factory=dict)
    reductions: dict[Expr, None] = field(default_factory=dict)


def is_row_reduction(e: Expr) -> bool:
    """Whether an expression reduces the last axis and keeps it."""
    if e.op is None or e.op.name not in ROW_REDUCTIONS or e.inputs[0].ndim < 2:
        return False
    return reduces_last_axis(e) and bool(e.settings["keepdims"]) and not e.settings.get("ddof")


def is_row_normalization(e: Expr) -> bool:
    """Whether an expression is composed of elementwise expressions and reductions of the last axis."""
    return e.op is not None and e.op.name in ROW_NORMALIZATIONS and e.ndim > 1 and reduces_last_axis(e)


def reduces_last_axis(e: Expr) -> bool:
    return tuple(e.settings["axis"]) == (e.inputs[-1].ndim - 1,)


def is_fusible(e: Expr) -> bool:
    """Whether a loop over rows can compute an expression from its inputs."""
    return is_elementwise(e) or is_row_reduction(e) or is_row_normalization(e) or is_broadcast(e)


def is_broadcast(e: Expr) -> bool:
    """Whether an expression repeats the elements of another, in a way that a loop over rows can follow."""
    return e.op is not None and e.op.name in BROADCASTS and get_kind(e.inputs[0], e) is not None


def get_definition(e: Expr) -> Expr:
    """Return an expression in terms of elementwise expressions and the simplest reductions."""
    if is_row_normalization(e) or (is_row_reduction(e) and cast(Any, e.op).name == "var"):
        assert e.op is not None
        return cast(Expr, e.op.value(symbolic, *e.inputs, **e.settings))
    return e.inputs[0] if is_broadcast(e) else e


class RowExpressions:
    """Expressions of one shape, in terms of operands in memory.

    Parameters
    ----------
    shape_of : Expr
        An expression of the shape of all arrays.
    operands : set of Expr
        Expressions that are in memory.
    """

    def __init__(self, shape_of: Expr, operands: Iterable[Expr]) -> None:
        self.shape_of = shape_of
        self.operands: set[Expr] = set(operands)
        self.levels: dict[Expr, int] = {}

    def define(self, e: Expr) -> Expr:
        """Return the expression that computes another; itself if it is an operand."""
        while e not in self.operands:
            definition = get_definition(e)
            if definition is e:
                break
            e = definition
        return e

    def get_inputs(self, e: Expr) -> list[Expr]:
        """Return the inputs of an expression, as they are computed; none for an operand."""
        return [] if e in self.operands else [self.define(i) for i in e.inputs]

    def is_full(self, e: Expr) -> bool:
        return get_kind(e, self.shape_of) == "full"

    def get_level(self, e: Expr) -> int:
        """Return the number of the stage that computes an expression."""
        stack = [e]
        while stack:
            node = stack[-1]
            inputs = self.get_inputs(node)
            missing = [i for i in inputs if i not in self.levels]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            level = max((self.levels[i] for i in inputs), default=0)
            self.levels[node] = level + (node not in self.operands and is_row_reduction(node))
        return self.levels[e]

    def plan(self, results: Sequence[Expr]) -> tuple[list[Stage], list[Expr]]:
        """Return the stages that compute results, and the terms that later stages need."""
        stages = [Stage() for _ in range(1 + max(map(self.get_level, results)))]
        buffered: dict[Expr, None] = {}
        for e in results:
            stages[self.get_level(e)].terms[e] = None
        for number in range(len(stages) - 1, -1, -1):
            visited: set[Expr] = set()
            stack = [*stages[number].terms, *stages[number].scalars]
            while stack:
                e = stack.pop()
                level = self.get_level(e)
                if e in visited or e in self.operands or (isinstance(e, Constant) and not e.ndim):
                    continue
                visited.add(e)
                if is_row_reduction(e):
                    stages[level - 1].reductions[e] = None
                    stages[level - 1].terms[self.define(e.inputs[0])] = None
                elif not self.is_full(e):
                    stages[level].scalars[e] = None
                    stack.extend(self.get_inputs(e) if level == number else ())
                elif level < number:
                    stages[level].terms[e] = None
                    buffered[e] = None
                else:
                    stack.extend(self.get_inputs(e))
        return stages, list(buffered)
