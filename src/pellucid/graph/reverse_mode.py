r"""Reverse-mode differentiation, in expressions.

For :math:`y = f(x)` inside a scalar cost :math:`c`, the gradient rule of each op maps
:math:`g = \partial c / \partial y` to :math:`\partial c / \partial x`. The driver visits the graph backwards, adds the
cotangents of each expression, and undoes broadcasting by summing over the axes along which an operand was repeated. A
cotangent may be smaller than its expression if it broadcasts to it: the gradient of a sum is the scalar 1. It is
broadcast explicitly only for ops that need it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import OUTPUT, Op, get_result
from pellucid.graph.operators import call_op
from pellucid.graph.traversal import topological
from pellucid.graph.types import Shape, covers, is_float, unify

Cotangents = dict[Expr, list[Expr | None]]


def pullback(
    outputs: Any,
    cotangents: Any,
    wrt: Sequence[Expr],
    stop: Iterable[Expr] = (),
    fixed: Collection[Expr] = (),
) -> list[Expr | None]:
    """Pull cotangents of outputs back to ``wrt`` (the vector-Jacobian product).

    Cotangents may be smaller than their expressions if they broadcast to them; None is zero. Expressions in ``stop``
    are treated as constants. Contributions to the cotangent of an expression in ``fixed`` are ignored.
    """
    closed, targets = set(stop), set(wrt)
    order = topological(outputs, stop=closed)
    reaches = find_differentiable(order, targets, closed)
    arrived: Cotangents = {}
    for output, g in zip(outputs, cotangents, strict=True):
        if g is not None:
            add_cotangent(arrived, output, 0, g)
    for node in reversed(order):
        if node.op is None or node not in arrived or node not in reaches or node in closed:
            continue
        for target, g in apply_gradient_rule(node, arrived[node], reaches):
            if target not in fixed:
                add_cotangent(arrived, target, dict(node._settings)["index"] if node.op is OUTPUT else 0, g)
    return [arrived[w][0] if w in arrived else None for w in wrt]


def find_differentiable(order: Sequence[Expr], targets: set[Expr], closed: set[Expr]) -> set[Expr]:
    """Return the floating-point expressions through which a gradient can flow to a target."""
    reaches: set[Expr] = set()
    for node in order:
        depends = node in targets or (
            node.op is not None and node not in closed and not reaches.isdisjoint(node.inputs)
        )
        if depends and any(is_float(t.dtype) for t in node.types):
            reaches.add(node)
    return reaches


def add_cotangent(arrived: Cotangents, node: Expr, index: int, g: Expr) -> None:
    """Add a contribution to the cotangent of one result of an expression."""
    slots = arrived.get(node)
    if slots is None:
        slots = arrived[node] = [None] * len(node.types)
    before = slots[index]
    if before is not None and is_declared_differently(g.shape, before.shape):
        g = call_op("reshape_like", g, get_result(node, index))
    slots[index] = g if before is None else call_op("add", before, g)


def apply_gradient_rule(node: Expr, cotangents: list[Expr | None], reaches: set[Expr]) -> list[tuple[Expr, Expr]]:
    """Return the inputs of an expression through which a gradient flows, each with its cotangent."""
    op = node.op
    assert op is not None
    g: Any = cotangents[0] if len(node.types) == 1 else cotangents
    if op is OUTPUT:
        return [(node.inputs[0], g)]
    if not op.differentiable:
        return []
    if len(node.types) == 1 and not op.elementwise and not covers(g.shape, node.shape):
        g = call_op("broadcast_like", g, node)
    if op.grad is not None:
        result = op.grad(g, node, *node.inputs, **dict(node._settings))
        gradients = check_gradients(result, node)
    elif op.composite:
        gradients = differentiate_definition(op, node, cotangents if len(node.types) > 1 else [g], reaches)
    else:
        raise GradientError(f"{op.name} has no gradient, and the cost depends on {node} through it")
    return [
        (i, unbroadcast(d, node, i))
        for i, d in zip(node.inputs, gradients, strict=True)
        if d is not None and i in reaches
    ]


def check_gradients(result: Any, node: Expr) -> list[Expr | None]:
    """Return the result of a gradient rule as a list, which must have one entry per operand."""
    gradients = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(gradients) != len(node.inputs):
        raise GradientError(
            f"The gradient of {node} is one expression, or None, for each of its {len(node.inputs)} operands. "
            f"Received: {len(gradients)} from its grad(g, y, *inputs)"
        )
    return [g if g is None else as_expr(g, i.dtype) for g, i in zip(gradients, node.inputs, strict=True)]


def differentiate_definition(
    op: Op, node: Expr, cotangents: list[Expr | None], reaches: set[Expr]
) -> list[Expr | None]:
    definition = op.value(symbolic, *node.inputs, **dict(node._settings))
    results = list(definition) if isinstance(definition, (list, tuple)) else [definition]
    wanted = [i for i in dict.fromkeys(node.inputs) if i in reaches]
    by_input = dict(zip(wanted, pullback(results, cotangents, wanted, stop=node.inputs), strict=True))
    # The gradient of a repeated input includes all its occurrences, so only the first one gets it.
    return [by_input.pop(i, None) for i in node.inputs]


def unbroadcast(g: Expr, node: Expr, operand: Expr) -> Expr:
    """Sum a gradient over the axes along which the operand was broadcast, and cast it to the operand's dtype."""
    op = node.op
    assert op is not None
    if op.elementwise and operand.shape != node.shape:
        lead = node.ndim - operand.ndim
        repeated = [a for a in range(lead, node.ndim) if operand.shape[a - lead] == 1 and node.shape[a] != 1]
        axes = (*range(lead), *repeated)
        if axes:
            g = g if covers(g.shape, node.shape) else call_op("broadcast_like", g, node)
            g = call_op("sum", g, axis=axes)
            g = call_op("expand_dims", g, axis=tuple(a - lead for a in repeated)) if repeated else g
    if is_declared_differently(g.shape, operand.shape):
        g = call_op("reshape_like", g, operand)
    return g if g.dtype == operand.dtype else call_op("cast", g, dtype=operand.dtype)


def is_declared_differently(shape: Shape, target: Shape) -> bool:
    """Tell whether equal sizes are declared differently, as a number and a name, for which only the run is proof.

    An unknown size between the operand and the result, such as that of a padded axis, fits both.
    """
    pairs = list(zip(shape, target, strict=False))
    return (
        len(shape) == len(target)
        and any(unify(a, b) is None for a, b in pairs)
        and all(a == b or 1 not in (a, b) for a, b in pairs)
    )
