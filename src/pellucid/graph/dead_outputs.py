"""Elimination of unused results of ops that have several, such as loops.

A gradient computes the cotangents of all operands of an op, and which of them are used shows only in the whole graph. A
rewrite rule sees a single expression, so this is a pass over the graph from its outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT, PrunedOp, get_result
from pellucid.graph.subgraph import map_subgraphs
from pellucid.graph.traversal import rebuild, topological


def eliminate_dead_outputs(outputs: Sequence[Expr]) -> list[Expr]:
    """Return expressions of the same values in which loops compute only the results that are used.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> sums, squares = pel.scan(lambda x_t, s: [s + x_t, x_t**2], x, 0.0)
    >>> squares, eliminate_dead_outputs([squares])[0]
    (scan(x, 0)[1], scan(x))
    """
    order = topological(outputs)
    if not any(node.op is not None and node.op.narrow is not None for node in order):
        return list(outputs)
    # Loops that were narrowed before are widened first, so that two narrowings of one loop become one loop again.
    widened = substitute_ops(outputs, {n: n.op.widen(n) for n in order if n.op is not None and n.op.widen is not None})
    order, live, pruned = topological(widened), dict[Expr, set[int]](), dict[Expr, PrunedOp]()
    mark_live(live, widened)
    for node in reversed(order):
        if node.op is None or node.op is OUTPUT or node not in live:
            continue
        if node.op.narrow is not None:
            pruned[node] = prune_outputs(node, live[node])
        mark_live(live, pruned[node][0].inputs if node in pruned else node.inputs)
    return substitute_ops(widened, pruned)


def mark_live(live: dict[Expr, set[int]], used: Sequence[Expr]) -> None:
    """Mark expressions as used, and which results of ops with several."""
    for e in used:
        index, node = (e.settings["index"], e.inputs[0]) if e.op is OUTPUT else (0, e)
        live.setdefault(node, set()).add(index)


def prune_outputs(node: Expr, used: set[int]) -> PrunedOp:
    """Narrow a loop to the used results, then the loops in its step, then itself to the results that these need."""
    assert node.op is not None
    assert node.op.narrow is not None
    narrowed, indices = node.op.narrow(node, used)
    thinner = map_subgraphs(narrowed, eliminate_dead_outputs)
    if thinner is narrowed:
        return narrowed, indices
    again, moved = node.op.narrow(thinner, set(indices.values()))
    return again, {old: moved[index] for old, index in indices.items()}


def substitute_ops(outputs: Sequence[Expr], replacements: dict[Expr, PrunedOp]) -> list[Expr]:
    """Replace ops by ops with other results. Inputs that only the replaced ops have are not visited."""
    done: dict[Expr, Expr] = {}
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        source = node.inputs[0] if node.op is OUTPUT else node
        new, indices = replacements.get(source, (source, {}))
        needed = new.inputs if source in replacements or node.op is not OUTPUT else (source,)
        pending = [i for i in needed if i not in done] if node not in done else []
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node in done:
            continue
        if source in replacements:
            index = node.settings["index"] if node.op is OUTPUT else 0
            done[node] = get_result(rebuild(new, [done[i] for i in new.inputs]), indices[index])
        else:
            done[node] = rebuild(node, [done[i] for i in node.inputs])
    return [done[output] for output in outputs]
