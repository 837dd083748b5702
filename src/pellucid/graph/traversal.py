"""Graph traversal with explicit stacks, since recursion fails on long chains."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input, Shared, attach_label, intern
from pellucid.graph.op import PASSTHROUGH
from pellucid.graph.source_location import inherited_location
from pellucid.graph.subgraph import Subgraph


def topological(outputs: Any, stop: Iterable[Expr] = ()) -> list[Expr]:
    """Return all expressions that the outputs depend on in topological order, each after its inputs.

    The inputs of expressions in ``stop`` are not visited.
    """
    closed = set(stop)
    done: set[Expr] = set()
    order: list[Expr] = []
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        pending = [] if node in closed else [i for i in node.inputs if i not in done]
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        done.add(node)
        order.append(node)
    return order


def to_expr_list(value: Any, caller: str) -> list[Expr]:
    """Return one expression or several as a list. The caller is named in the error for other values."""
    exprs = [value] if isinstance(value, Expr) or not isinstance(value, Iterable) else list(value)
    for e in exprs:
        if not isinstance(e, Expr):
            raise UseError(f"{caller}: expected an expression, or several. Received: {e!r}, of type {type(e).__name__}")
    return exprs


def rebuild(node: Expr, inputs: Sequence[Expr]) -> Expr:
    """Return the same op with the same settings on other inputs."""
    if all(map(operator.is_, inputs, node.inputs)):
        return node
    assert node.op is not None
    if node.op is PASSTHROUGH:
        return inputs[0]
    token = inherited_location.set(node)
    try:
        return node.op.make(tuple(inputs), dict(node._settings))
    finally:
        inherited_location.reset(token)


def rebuild_relabeled(node: Expr, inputs: Sequence[Expr]) -> Expr:
    """Return the same op on inputs that differ only in labels, without inferring types again."""
    if all(map(operator.is_, inputs, node.inputs)):
        return node
    assert node.op is not None
    token = inherited_location.set(node)
    try:
        return intern(node.op, tuple(inputs), node._settings, lambda: node.types)
    finally:
        inherited_location.reset(token)


def has_subgraphs(node: Expr) -> bool:
    return any(isinstance(value, Subgraph) for _, value in node._settings)


def map_subgraphs(node: Expr, transform: Callable[[Sequence[Expr]], Sequence[Expr]]) -> Expr:
    """Return an expression in which the outputs of each subgraph are transformed."""
    changed = {}
    for key, value in node._settings:
        if isinstance(value, Subgraph):
            outputs = tuple(transform(value.outputs))
            if any(a is not b for a, b in zip(outputs, value.outputs, strict=True)):
                changed[key] = Subgraph(value.inputs, outputs)
    return node.op.make(node.inputs, {**node.settings, **changed}) if changed and node.op is not None else node


def copy_name(before: Expr, after: Expr) -> Expr:
    """Give the rewritten form of an expression its name, unless it has another one."""
    if before.op is None or before.name is None or after.name is not None:
        return after
    return attach_label(after, name=before.name)


def replace_all(outputs: Sequence[Expr], replacements: Mapping[Expr, Expr], *, names: bool = False) -> list[Expr]:
    """Replace expressions of a graph, all at once. With ``names``, rebuilt expressions keep their names."""
    done: dict[Expr, Expr] = {}
    for node in topological(outputs, stop=replacements):
        done[node] = replacements[node] if node in replacements else rebuild(node, [done[i] for i in node.inputs])
        if names:
            done[node] = copy_name(node, done[node])
    return [done[output] for output in outputs]


def ancestors(expr: Expr | Sequence[Expr], blockers: Expr | Iterable[Expr] = ()) -> list[Expr]:
    """Return all expressions that an expression depends on, including itself.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        The expressions to start from.
    blockers : Expr or iterable of Expr
        Expressions whose inputs are not visited.

    Returns
    -------
    list of Expr
        In topological order, each after its inputs.

    Examples
    --------
    >>> x, W = pel.vector("x"), pel.shared([1.0, 2.0], "W")
    >>> h = x * W
    >>> pel.ancestors(h.sum())
    [x, W, x * W, (x * W).sum()]
    >>> pel.ancestors(h.sum(), blockers=[h])
    [x * W, (x * W).sum()]
    """
    outputs, blocked = to_expr_list(expr, "ancestors"), {e.unlabeled for e in to_expr_list(blockers, "ancestors")}
    stop = [e for e in topological(outputs) if e.unlabeled in blocked] if blocked else []
    return [e for e in topological(outputs, stop=stop) if e.op is not PASSTHROUGH]


def collect_inputs(outputs: Iterable[Expr]) -> list[Input]:
    return [node for node in topological(outputs) if isinstance(node, Input)]


def collect_shared(outputs: Iterable[Expr]) -> list[Shared]:
    return [node for node in topological(outputs) if isinstance(node, Shared)]


def parameters(
    expr: Expr | Sequence[Expr], *, trainable: bool | None = True, regularizable: bool | None = None
) -> list[Shared]:
    """Return the shared variables that an expression depends on.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        The expressions to start from.
    trainable, regularizable : bool or None
        Return only variables with this value of the attribute; None returns both kinds.

    Returns
    -------
    list of Shared
        In topological order.

    Examples
    --------
    >>> W, b = pel.shared([1.0], "W"), pel.shared([0.0], "b", regularizable=False)
    >>> y = pel.vector("x") * W + b
    >>> pel.parameters(y), pel.parameters(y, regularizable=True)
    ([W, b], [W])
    """
    found = collect_shared(to_expr_list(expr, "parameters"))
    return [p for p in found if trainable in (None, p.trainable) and regularizable in (None, p.regularizable)]
