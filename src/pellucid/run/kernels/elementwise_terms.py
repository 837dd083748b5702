"""Elementwise expressions over the rows of a matrix, in terms of arrays that are in memory in any case."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

from pellucid.graph.decomposition import symbolic
from pellucid.graph.evaluate import LoweringContext
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import rebuild
from pellucid.run.kernels.reduction_programs import OperandKind

MAX_DEPTH = 40
"""Depth of an expression at which an operand is stored, to bound the size of the code."""

Factored = tuple[Expr, Expr | None]
"""A term, and a factor with one number for each column or a single one."""


class TermBuilder:
    """Rewrites elementwise expressions of a graph in terms of arrays in memory.

    Expressions that nothing but elementwise expressions and reductions over rows read are replaced by their definition,
    and normalizations by their formula.
    """

    def __init__(self, context: LoweringContext) -> None:
        self.context = context
        self.stored: dict[Expr, bool] = {}
        self.factored: dict[Expr, Factored] = {}
        self.operands: dict[Expr, list[Expr]] = {}

    def is_stored(self, e: Expr) -> bool:
        """Whether an expression is an array in memory in any case."""
        if e not in self.stored:
            self.stored[e] = (
                not (is_elementwise(e) or is_column_normalization(e))
                or e in self.context.outputs
                or not all(
                    is_elementwise(user) or is_column_normalization(user) or is_column_reduction(user)
                    for user in self.context.users.get(e, ())
                )
            )
        return self.stored[e]

    def build(self, e: Expr) -> Expr:
        """Return an expression as a term, without the arrays that it would otherwise be stored in."""
        return multiply(*self.factor(e))

    def factor(self, e: Expr, depth: int = 0) -> Factored:
        """Return an elementwise expression as a term and a factor for each column.

        The sum of the expression is that of the term times the factor, and different expressions may have equal terms.
        """
        if e not in self.factored:
            self.factored[e] = self.find_factor(e, depth + 1)
        return self.factored[e]

    def factor_operand(self, e: Expr, depth: int) -> Factored:
        if depth > MAX_DEPTH:
            self.stored[e] = True
        return (e, None) if self.is_stored(e) else self.factor(e, depth)

    def find_factor(self, e: Expr, depth: int) -> Factored:
        assert e.op is not None
        if is_column_normalization(e):
            return self.factor(cast(Expr, e.op.value(symbolic, *e.inputs, **e.settings)), depth)
        parts = [
            self.factor_operand(i, depth) if get_kind(i, e) == "full" else (i, i if is_factor(i, e) else None)
            for i in e.inputs
        ]
        if e.op.name == "multiply":
            factors = [factor for _, factor in parts if factor is not None]
            product = functools.reduce(lambda a, b: a * b, factors) if factors else None
            terms = [term for term, factor in parts if term is not factor]
            return (rebuild(e, terms) if len(terms) == 2 else terms[0]), product
        if e.op.name == "true_divide" and parts[1][0] is parts[1][1]:
            term, factor = parts[0]
            return term, 1 / e.inputs[1] if factor is None else factor / e.inputs[1]
        if e.op.name == "where" and is_zero(e.inputs[2]) and get_kind(e.inputs[1], e) == "full":
            condition, (term, factor) = e.inputs[0], parts[1]
            if get_kind(condition, e) == "full":
                condition = multiply(*parts[0])
            return rebuild(e, [condition, term, e.inputs[2]]), factor
        return rebuild(e, [t if t is f else multiply(t, f) for t, f in parts]), None

    def find_operands(self, term: Expr) -> list[Expr]:
        """Return the operands from which a term is computed. Arrays of its shape come first."""
        if term not in self.operands:
            found: dict[Expr, None] = {}
            visited, stack = set(), [term]
            while stack:
                e = stack.pop()
                if e in visited or (isinstance(e, Constant) and e.ndim == 0):
                    continue
                visited.add(e)
                if get_kind(e, term) == "full" and not self.is_stored(e):
                    stack.extend(e.inputs)
                else:
                    found[e] = None
            self.operands[term] = sorted(found, key=lambda e: get_kind(e, term) != "full")
        return self.operands[term]

    def find_arrays(self, term: Expr) -> list[Expr]:
        """Return the operands that have the shape of a term."""
        return [e for e in self.find_operands(term) if get_kind(e, term) == "full"]


def multiply(term: Expr, factor: Expr | None) -> Expr:
    return term if factor is None else term * factor


def is_zero(e: Expr) -> bool:
    return isinstance(e, Constant) and e.ndim == 0 and not e.value


def is_elementwise(e: Expr) -> bool:
    return e.op is not None and e.op.elementwise


def is_column_reduction(e: Expr) -> bool:
    """Whether an expression is a sum, mean or variance over all axes but the last."""
    if e.op is None or e.op.name not in ("sum", "mean", "var"):
        return False
    return covers_rows(e.inputs[0], e.settings["axis"]) and not e.settings.get("ddof")


def is_column_normalization(e: Expr) -> bool:
    """Whether an expression is normalized by its mean and variance over all axes but the last."""
    if e.op is None or e.op.name not in ("batch_normalization", "standardize"):
        return False
    if e.op.name == "standardize":
        return covers_rows(e, e.settings["axis"])
    return e.ndim > 1 and e.settings["axis"] == e.ndim - 1 and len(e.inputs) == 3  # the fourth would be a mask


def covers_rows(x: Expr, axes: Sequence[int]) -> bool:
    return x.ndim > 1 and sorted(axes) == list(range(x.ndim - 1))


def is_factor(e: Expr, full: Expr) -> bool:
    return get_kind(e, full) in ("channel", "scalar")


def get_kind(e: Expr, full: Expr) -> OperandKind | None:
    """Return which elements an operand of an elementwise expression has; None if it broadcasts in another way."""
    if all(d == 1 for d in e.shape):
        return "scalar" if any(d != 1 for d in full.shape) else "full"
    if all(d == 1 for d in e.shape[:-1]):
        return "channel" if any(d != 1 for d in full.shape[:-1]) else "full"
    if e.ndim != full.ndim or any(d == 1 != f for d, f in zip(e.shape[:-1], full.shape[:-1], strict=True)):
        return None
    return "row" if e.shape[-1] == 1 != full.shape[-1] else "full"
