"""Updates of state without gradients, such as running means."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.labels import strip_labels
from pellucid.graph.traversal import replace_all, to_expr_list, topological


def collect_updates(expr: Expr | Sequence[Expr]) -> dict[Shared, Expr]:
    r"""Return the updates of state that ops in an expression define, such as
    :math:`\mu \leftarrow m \mu + (1 - m) \bar x` of a batch normalization.

    The ``updates`` of an optimizer include those of its loss. A function applies only the updates that it is given, so
    that evaluating an expression in training mode changes nothing.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        The training form.

    Returns
    -------
    dict from Shared to Expr
        For ``pel.function(..., updates=...)``. Two updates of one variable are applied one after the other.

    Examples
    --------
    >>> pel.collect_updates(pel.tanh(pel.vector("x")))
    {}
    """
    found: dict[Shared, Expr] = {}
    # Without labels, so that an op that occurs with and without a label is applied once.
    for node in topological(strip_labels(to_expr_list(expr, "collect_updates"))):
        if node.op is not None and node.op.updates is not None:
            for target, value in node.op.updates(*node.inputs, **node.settings):
                if isinstance(target, Shared):
                    found[target] = replace_all([value], {target: found[target]})[0] if target in found else value
    return found
