"""Results that nobody asks for, of ops that have several: a loop need not compute, stack or carry what is not used.

A gradient computes what an op owes to each of its operands, and only what is made of the results shows which of them
were wanted. So this is no rewrite rule, which sees one expression, but a walk over a whole graph from its end.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT, PrunedOp, get_result
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import rebuild, topological


def eliminate_dead_outputs(outputs: Sequence[Expr]) -> list[Expr]:
    """Return expressions in which every loop computes no more than what they are made of.

    Parameters
    ----------
    outputs : sequence of Expr
        All that is wanted, together: what one of them leaves unused another may use.

    Returns
    -------
    list of Expr
        Of the same values, one for each output.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> sums, squares = pel.scan(lambda x_t, s: [s + x_t, x_t**2], x, 0.0)
    >>> squares, narrow([squares])[0]
    (scan(x, 0)[1], scan(x))
    """
    order = topological(outputs)
    if not any(node.op is not None and node.op.narrow is not None for node in order):
        return list(outputs)
    whole = substitute_ops(outputs, {n: n.op.widen(n) for n in order if n.op is not None and n.op.widen is not None})
    order, wanted, instead = topological(whole), dict[Expr, set[int]](), dict[Expr, PrunedOp]()
    mark_live(wanted, whole)
    for node in reversed(order):
        if node.op is None or node.op is OUTPUT or node not in wanted:
            continue
        if node.op.narrow is not None:
            instead[node] = prune_outputs(node, wanted[node])
        mark_live(wanted, instead[node][0].inputs if node in instead else node.inputs)
    return substitute_ops(whole, instead)


def mark_live(wanted: dict[Expr, set[int]], used: Sequence[Expr]) -> None:
    """Note that expressions are used; of an op with several results, which."""
    for e in used:
        place, node = (e.settings["index"], e.inputs[0]) if e.op is OUTPUT else (0, e)
        wanted.setdefault(node, set()).add(place)


def prune_outputs(node: Expr, used: set[int]) -> PrunedOp:
    """Narrow a loop to the results that are used, then the loops in its step, then itself to what those still need."""
    assert node.op is not None
    assert node.op.narrow is not None
    made, places = node.op.narrow(node, used)
    changed = {}
    for key, body in made._settings:
        if isinstance(body, Subgraph):
            outputs = tuple(eliminate_dead_outputs(body.outputs))
            if any(a is not b for a, b in zip(outputs, body.outputs, strict=True)):
                changed[key] = Subgraph(body.inputs, outputs)
    if not changed:
        return made, places
    thinner = node.op.make(made.inputs, {**made.settings, **changed})
    again, moved = node.op.narrow(thinner, set(places.values()))
    return again, {p: moved[place] for p, place in places.items()}


def substitute_ops(outputs: Sequence[Expr], instead: dict[Expr, PrunedOp]) -> list[Expr]:
    """Put ops with other results in the place of ops, each result where it was used.

    What the ops in whose place others stand were made of, and the others are not, is not gone into.
    """
    done: dict[Expr, Expr] = {}
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        source = node.inputs[0] if node.op is OUTPUT else node
        made, places = instead.get(source, (source, {}))
        needed = made.inputs if source in instead or node.op is not OUTPUT else (source,)
        pending = [i for i in needed if i not in done] if node not in done else []
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node in done:
            continue
        if source in instead:
            index = node.settings["index"] if node.op is OUTPUT else 0
            done[node] = get_result(rebuild(made, [done[i] for i in made.inputs]), places[index])
        else:
            done[node] = rebuild(node, [done[i] for i in node.inputs])
    return [done[output] for output in outputs]
