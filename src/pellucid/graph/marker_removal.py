"""Removal of ops that only gradients and readers need: stopped gradients, barriers, composite ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT, Op
from pellucid.graph.subgraph import Subgraph, map_subgraphs
from pellucid.graph.traversal import copy_name, rebuild, topological

OpPredicate = Callable[[Op], bool]


def remove_markers(outputs: Sequence[Expr], which: OpPredicate = lambda op: True) -> list[Expr]:
    """Replace marker ops, or those that a predicate selects, by their ``release``, also in subgraphs.

    The simplifier keeps these ops, because its result may still be differentiated. Programs are compiled without them.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> remove_markers([pel.tanh(pel.stop_gradient(x))])
    [tanh(x)]
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
