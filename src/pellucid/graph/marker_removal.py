"""What is there for the page and for gradients alone is let go of: stopped gradients, named formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT, Op
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import copy_name, rebuild, topological

OpPredicate = Callable[[Op], bool]


def remove_markers(outputs: Sequence[Expr], which: OpPredicate = lambda op: True) -> list[Expr]:
    """Return expressions with what a program has no use for replaced by what it stands for.

    The simplifier leaves such ops alone, because expressions may yet be differentiated; a compiled program is made of
    released expressions.

    Parameters
    ----------
    outputs : sequence of Expr
        As written.
    which : function, optional
        Tells of an op with a ``release`` whether it is meant; all of them without it.

    Returns
    -------
    list of Expr
        Of the same values, one for each output. The steps of loops are released too.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> release([pel.tanh(pel.stop_gradient(x))])
    [tanh(x)]
    """
    result = list(outputs)
    # What an op is replaced by may hold such ops again: one pass for each level of formulas in formulas.
    while True:
        order = topological(result)
        if not any(_is_meant(node, which) for node in order):
            return result
        result = _release_once(result, order, which)


def _is_meant(node: Expr, which: OpPredicate) -> bool:
    op = node.op
    if op is None:
        return False
    if op.release is not None and which(op):
        return True
    bodies = [value for _, value in node._settings if isinstance(value, Subgraph)]
    return any(_is_meant(inner, which) for body in bodies for inner in topological(body.outputs))


def _release_once(outputs: Sequence[Expr], order: Sequence[Expr], which: OpPredicate) -> list[Expr]:
    done: dict[Expr, Any] = {}
    bodies: dict[Subgraph, Subgraph] = {}
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
            done[node] = _inside(rebuild(node, new), which, bodies)
        if isinstance(done[node], Expr):
            done[node] = copy_name(node, done[node])
    return [done[output] for output in outputs]


def _inside(node: Expr, which: OpPredicate, bodies: dict[Subgraph, Subgraph]) -> Expr:
    """Release the graphs that an op carries, such as the step of a scan."""
    found = {key: value for key, value in node._settings if isinstance(value, Subgraph)}
    changed = {}
    for key, body in found.items():
        if body not in bodies:
            outputs = tuple(remove_markers(body.outputs, which))
            same = all(a is b for a, b in zip(outputs, body.outputs, strict=True))
            bodies[body] = body if same else Subgraph(body.inputs, outputs)
        if bodies[body] is not body:
            changed[key] = bodies[body]
    return node.op.make(node.inputs, {**node.settings, **changed}) if changed and node.op is not None else node
