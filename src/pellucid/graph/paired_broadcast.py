"""Losses that compare every sample with every other, because (n, 1) and (n,) broadcast to (n, n)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

from pellucid.graph.errors import TrainingWarning, brief
from pellucid.graph.expr import Expr
from pellucid.graph.finding import Finding
from pellucid.graph.op import PASSTHROUGH
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape, is_computed

EXPLICIT_AXIS_OPS = frozenset(["expand_dims", "reshape", "slice", "broadcast_to", "broadcast_like", "transpose"])
"""Ops by which a program asks for an axis of length 1: an outer difference of such an operand is intended."""


class PairedBroadcast(NamedTuple):
    """An elementwise op of a column (n, 1) and a row (n,)."""

    expr: Expr
    column: Expr
    row: Expr

    def make_finding(self) -> Finding:
        column, row = self.column, self.row
        return Finding(
            "loss of all pairs",
            self.expr,
            f"{brief(column)}, of shape {format_shape(column.shape)}, and {brief(row)}, of shape "
            f"{format_shape(row.shape)}, broadcast to {format_shape(self.expr.shape)}.",
            "The loss compares every sample with every other. Its minimum is the same prediction for all samples.",
            "Give both one shape: t[:, None] makes a column of targets t, and y[:, 0] a vector of predictions y.",
        )


def find_paired_broadcasts(costs: Sequence[Expr], variables: Sequence[Expr]) -> list[Finding]:
    """Find the ops that broadcast predictions and targets to all pairs of samples, on the way to a scalar cost.

    One operand depends on the variables, the other does not, and the cost is a sum or mean of elementwise functions of
    the result. Pairwise distances by ``x[:, None] - x`` are none of them.
    """
    order = topological(list(costs))
    candidates = [pair for e in order if (pair := match_column_and_row(e)) is not None]
    if not candidates:
        return []
    users: dict[Expr, list[Expr]] = {}
    dependent = set(variables)
    for e in order:
        for i in e.inputs:
            users.setdefault(i, []).append(e)
        if any(i in dependent for i in e.inputs):
            dependent.add(e)
    return [
        pair.make_finding()
        for pair in candidates
        if (pair.column in dependent) != (pair.row in dependent) and is_only_averaged(pair.expr, users)
    ]


def match_column_and_row(e: Expr) -> PairedBroadcast | None:
    """Return the operands (n, 1) and (n,) of an elementwise op with a result (n, n), or None."""
    if e.op is None or not e.op.elementwise or e.ndim != 2 or len(e.inputs) != 2:
        return None
    column, row = e.inputs if e.inputs[0].ndim == 2 else e.inputs[::-1]
    if (column.ndim, row.ndim) != (2, 1) or column.shape[1] != 1:
        return None
    samples, other = column.shape[0], row.shape[0]
    is_one_size = samples == other and isinstance(samples, str)
    if not is_one_size and not (is_computed(samples) and is_computed(other)):
        return None
    has_explicit_axis = column.op is not None and column.op.name in EXPLICIT_AXIS_OPS
    return None if has_explicit_axis else PairedBroadcast(e, column, row)


def is_only_averaged(e: Expr, users: dict[Expr, list[Expr]]) -> bool:
    """Return whether an expression reaches its results through elementwise functions and sums or means only."""
    stack, seen = [e], {e}
    while stack:
        for user in users.get(stack.pop(), []):
            is_allowed = user.op is not None and (
                user.op.elementwise or user.op is PASSTHROUGH or user.op.name in ("sum", "mean")
            )
            if not is_allowed:
                return False
            if user not in seen:
                seen.add(user)
                stack.append(user)
    return True


def warn_about_paired_broadcasts(costs: Sequence[Expr], variables: Sequence[Expr]) -> None:
    """Warn if a cost compares every sample with every other by accident."""
    for f in find_paired_broadcasts(costs, variables):
        warnings.warn(str(f), TrainingWarning, stacklevel=get_user_stacklevel())
