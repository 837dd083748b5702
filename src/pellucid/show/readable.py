r"""The same value in the form a reader expects: :math:`\delta W^\top` where a program multiplies and sums.

Products of small vectors and matrices are computed as element by element products and sums, which is quicker; on the
page they are products of matrices again.
"""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.op import OUTPUT, Body
from pellucid.graph.operators import call
from pellucid.graph.walk import rebuild, topological


def readable(expr: Expr) -> Expr:
    """Return an equal expression in which sums of products, and outer products, are products of matrices.

    Examples
    --------
    >>> import pellucid as pel
    >>> g, W = pel.vector("g", shape=(3,)), pel.matrix("W", shape=(2, 3))
    >>> readable((W * pel.expand_dims(g, 0)).sum(axis=1))
    g @ W.T
    """
    done: dict[Expr, Expr] = {}
    for node in topological([expr]):
        same = rebuild(node, [done[i] for i in node.inputs])
        product = product_of(same)
        done[node] = same if product is None else product
    return done[expr]


def product_of(e: Expr) -> Expr | None:
    """Return the product of matrices that an expression is, if it is one."""
    name = e.op.name if e.op is not None else ""
    if name == "sum" and is_product(e.inputs[0]) and not e.settings["keepdims"]:
        matrix, row = sorted(e.inputs[0].inputs, key=is_widened)
        if is_widened(row) and not is_widened(matrix) and matrix.shape == e.inputs[0].shape:
            vector, axes = row.inputs[0], (row.settings["axis"], e.settings["axis"])
            if axes == ((0,), (1,)):
                return vector @ matrix.T
            if axes == ((1,), (0,)):
                return vector @ matrix
    if name == "multiply" and all(is_widened(i) for i in e.inputs):
        column, row = sorted(e.inputs, key=lambda i: -i.settings["axis"][0])
        if (column.settings["axis"], row.settings["axis"]) == ((1,), (0,)):
            made: Expr = call("transpose", call("expand_dims", column.inputs[0], 0)) @ row
            return made
    return None


def outer_of(e: Expr) -> tuple[Expr, Expr] | None:
    """Return the two vectors whose outer product an expression is."""
    if e.op is None or e.op.name != "matmul":
        return None
    column, row = e.inputs
    if column.op is None or column.op.name != "transpose" or not is_widened(row) or not is_widened(column.inputs[0]):
        return None
    return column.inputs[0].inputs[0], row.inputs[0]


def is_product(e: Expr) -> bool:
    """Tell whether an expression is a matrix of products of elements."""
    return e.op is not None and e.op.name == "multiply" and e.ndim == 2


def is_widened(e: Expr) -> bool:
    """Tell whether an expression is a vector with one more axis."""
    return e.op is not None and e.op.name == "expand_dims" and e.ndim == 2


def holds_loop(expr: Expr, known: set[Expr]) -> bool:
    """Tell whether there is a loop in an expression, beside those that are known."""
    return any(isinstance(v, Body) for e in topological([expr]) if e not in known for v in e.settings.values())


def loop_result(e: Expr) -> tuple[Expr, int] | None:
    """Return the loop and the place of a result, if an expression is the result of a loop of several."""
    if e.op is OUTPUT and isinstance(e.inputs[0].settings.get("body"), Body):
        return e.inputs[0], e.settings["index"]
    return None
