"""Inference mode, as a rewriting of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from pellucid.graph.expr import Expr
from pellucid.graph.traversal import rebuild, to_expr_list, topological


@overload
def inference(expr: Expr) -> Expr: ...
@overload
def inference(expr: Sequence[Expr]) -> list[Expr]: ...
def inference(expr: Expr | Sequence[Expr]) -> Expr | list[Expr]:
    """Return the inference form of an expression: dropout becomes its input, batch normalization uses running means.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        The training form.

    Returns
    -------
    Expr or list of Expr
        Of the same shapes and dtypes.

    Examples
    --------
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> pel.inference(pel.tanh(rng.dropout(x, 0.5)))
    tanh(x)
    """
    outputs = to_expr_list(expr, "inference")
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = [done[i] for i in node.inputs]
        if node.op is not None and node.op.inference is not None:
            done[node] = node.op.inference(*new, **node.settings)
        else:
            done[node] = rebuild(node, new)
    result = [done[output] for output in outputs]
    return result[0] if isinstance(expr, Expr) else result
