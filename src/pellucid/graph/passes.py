"""Passes over whole graphs, for changes that a rewrite rule cannot make because it sees a single expression.

`eliminate_dead_outputs` removes unused results of ops that have several, such as loops. `remove_markers` removes ops
that only gradients and readers need: stopped gradients, barriers and composite ops. `inference` replaces the ops that
training and inference compute differently, and `collect_updates` collects the updates of state in the training form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.naming import strip_labels
from pellucid.graph.op import OUTPUT, Op, PrunedOp, get_result
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import copy_name, map_subgraphs, rebuild, replace_all, to_expr_list, topological


def eliminate_dead_outputs(outputs: Sequence[Expr]) -> list[Expr]:
    """Return expressions of the same values in which loops compute only the results that are used.

    A gradient computes the cotangents of all operands of an op; which of them are used shows only in the whole graph.

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


OpPredicate = Callable[[Op], bool]


def remove_markers(outputs: Any, which: OpPredicate = lambda op: True) -> list[Expr]:
    """Replace marker ops, or those that a predicate selects, by their ``release``, also in subgraphs.

    The simplifier keeps these ops, because its result may still be differentiated. Programs are compiled without them.
    """
    result = list(outputs)
    # A replacement may contain marker ops: one pass per level of nested composite ops.
    while True:
        order = topological(result)
        if not any(_has_markers(node, which) for node in order):
            return result
        result = _remove_once(result, order, which)


def _has_markers(node: Expr, which: OpPredicate) -> bool:
    op = node.op
    if op is None:
        return False
    if op.release is not None and which(op):
        return True
    subgraphs = [value for _, value in node._settings if isinstance(value, Subgraph)]
    return any(_has_markers(inner, which) for graph in subgraphs for inner in topological(graph.outputs))


def _remove_once(outputs: Sequence[Expr], order: Sequence[Expr], which: OpPredicate) -> list[Expr]:
    done: dict[Expr, Any] = {}
    for node in order:
        op = node.op
        if op is None:
            done[node] = node
            continue
        new = [done[i] for i in node.inputs]
        if op is OUTPUT and isinstance(new[0], list):
            done[node] = new[0][node.settings["index"]]
        elif op.release is not None and which(op):
            done[node] = op.release(*new, **node.settings)
        else:
            done[node] = map_subgraphs(rebuild(node, new), lambda inner: remove_markers(inner, which))
        if isinstance(done[node], Expr):
            done[node] = copy_name(node, done[node])
    return [done[output] for output in outputs]


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
