"""A network whose random parts are at rest, while everything else is as in training."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.traversal import rebuild, topological


def still(outputs: Sequence[Expr]) -> list[Expr]:
    """Return expressions in which dropout and noise are what inference makes of them, and nothing else is.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> still([pel.tanh(rng.dropout(x, 0.5))])
    [tanh(x)]
    """
    done: dict[Expr, Expr] = {}
    random: set[Expr] = set()
    for node in topological(list(outputs)):
        new = [done[i] for i in node.inputs]
        if isinstance(node, Shared) and node.default_update is not None:
            random.add(node)
        drawn = any(i in random for i in new)
        if drawn and node.op is not None and node.op.inference is not None:
            made = node.op.inference(*new, **node.settings)
            done[node] = made
            drawn = made in random
        else:
            done[node] = rebuild(node, new)
        if drawn:
            random.add(done[node])
    return [done[output] for output in outputs]
