"""Decomposition of composite ops into simpler ops."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import NoSuchNameError, UseError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import OUTPUT
from pellucid.graph.operators import FUNCTIONS


class SymbolicNamespace:
    """Pellucid's functions as an array namespace, in which the value function of an op returns expressions."""

    __name__ = "pellucid"

    def __getattr__(self, name: str) -> Any:
        try:
            return FUNCTIONS[name]
        except KeyError:
            raise NoSuchNameError(f"pellucid has no function named {name!r}.{near_miss(name, FUNCTIONS)}") from None


symbolic: SymbolicNamespace = SymbolicNamespace()


def expand(expr: Expr) -> Expr:
    r"""Decompose a composite op into simpler ops, :math:`\operatorname{softmax}(x) = e^x / \sum e^x`.

    Parameters
    ----------
    expr : Expr
        An op that is defined by other ops, such as ``softmax(x)``.

    Returns
    -------
    Expr
        Its definition on the same inputs, decomposed by one level. Other expressions are returned unchanged.

    Examples
    --------
    >>> pel.expand(pel.softplus(pel.vector("x")))
    maximum(x, 0) + log1p(exp(-abs(x)))
    """
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression: pel.expand(pel.softmax(x)). Received: {expr!r}")
    node = expr.inputs[0] if expr.op is OUTPUT else expr
    if node.op is None or not node.op.composite:
        return expr
    definition: Any = node.op.value(symbolic, *node.inputs, **node.settings)
    found: Expr = definition[expr.settings["index"]] if expr.op is OUTPUT else definition
    return found
