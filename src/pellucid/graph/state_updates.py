"""What training keeps up to date besides what it learns: running means and their kin."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.labels import strip_labels
from pellucid.graph.traversal import replace_all, to_expr_list, topological


def updates_of(expr: Expr | Sequence[Expr]) -> dict[Shared, Expr]:
    r"""Return the updates that ops ask for by themselves, such as :math:`\mu \leftarrow m \mu + (1 - m) \bar x` of a
    batch normalization.

    An optimizer's ``updates`` include those of its loss. A function applies them only if it is given them, so that
    looking at a value in training changes nothing.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        As written for training.

    Returns
    -------
    dict from Shared to Expr
        For ``pel.function(..., updates=...)``. A variable that two ops keep up to date gets the one's value and
        then the other's.

    Examples
    --------
    >>> pel.updates_of(pel.tanh(pel.vector("x")))
    {}
    """
    found: dict[Shared, Expr] = {}
    # Without labels: a normalization that stands in the graph twice, with and without one, is updated once.
    for node in topological(strip_labels(to_expr_list(expr, "updates_of"))):
        if node.op is not None and node.op.updates is not None:
            for target, value in node.op.updates(*node.inputs, **node.settings):
                if isinstance(target, Shared):
                    found[target] = replace_all([value], {target: found[target]})[0] if target in found else value
    return found
