"""Compound ops opened: the same value in terms of simpler ops."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import NoSuchNameError, UseError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT, Function
from pellucid.graph.operators import FUNCTIONS


class SymbolicNamespace:
    """Pellucid's own functions as an array namespace, so that an op's value can be written out in expressions."""

    __name__ = "pellucid"

    def __getattr__(self, name: str) -> Function:
        try:
            return FUNCTIONS[name]
        except KeyError:
            raise NoSuchNameError(f"pellucid has no function named {name!r}.{near_miss(name, FUNCTIONS)}") from None


symbolic = SymbolicNamespace()


def expand(expr: Expr) -> Expr:
    r"""Open a compound op one level: the same value in terms of simpler ops,
    :math:`\operatorname{softmax}(x) = e^x / \sum e^x`.

    Parameters
    ----------
    expr : Expr
        An expression whose op is defined by other ops, such as ``softmax(x)``.

    Returns
    -------
    Expr
        The definition, on the same inputs; the expression itself where the op is elementary.

    Examples
    --------
    >>> pel.expand(pel.softplus(pel.vector("x")))
    maximum(x, 0) + log1p(exp(-abs(x)))
    """
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression: pel.expand(pel.softmax(x)). Received: {expr!r}")
    node = expr.inputs[0] if expr.op is OUTPUT else expr
    if node.op is None or not node.op.compound:
        return expr
    opened: Any = node.op.value(symbolic, *node.inputs, **node.settings)
    made: Expr = opened[expr.settings["index"]] if expr.op is OUTPUT else opened
    return made
