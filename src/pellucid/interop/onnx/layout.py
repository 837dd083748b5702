"""Orders of axes tidied up: a transpose moves on through what does not mind, until it meets the one that undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reshape import expand_dims, reshape
from pellucid.graph.traversal import rebuild, topological


def turned(x: Expr, axes: Sequence[int]) -> Expr:
    """Write a transpose; of a transpose, one of both; none at all where they undo each other."""
    if x.op is transpose.op:
        axes = [x.settings["axes"][a] for a in axes]
        x = x.inputs[0]
    made: Expr = x if list(axes) == list(range(x.ndim)) else transpose(x, tuple(axes))
    return made


def channels_last(x: Expr) -> Expr:
    """Move the axis behind the batch to the end."""
    return turned(x, [0, *range(2, x.ndim), 1])


def channels_first(x: Expr) -> Expr:
    """Move the last axis behind the batch."""
    return turned(x, [0, x.ndim - 1, *range(1, x.ndim - 1)])


def settled(outputs: Sequence[Expr]) -> list[Expr]:
    """Return the same values with transposes as late as can be."""
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = [done[i] for i in node.inputs]
        if node.op is transpose.op:
            done[node] = turned(new[0], node.settings["axes"])
        else:
            moved = moved_on(node, new)
            done[node] = rebuild(node, new) if moved is None else moved
    return [done[o] for o in outputs]


def moved_on(node: Expr, inputs: Sequence[Expr]) -> Any:
    """Return an elementwise op on what was transposed, transposed after it; None where that cannot be."""
    if node.op is not None and node.op.name in ("join", *REDUCED):
        return moved_axis(node, inputs)
    if node.op is None or not node.op.elementwise or node.ndim < 2:
        return None
    orders = {i.settings["axes"] for i in inputs if i.op is transpose.op and i.ndim == node.ndim}
    if len(orders) != 1:
        return None
    (order,) = orders
    operands = [before(i, order, node.ndim) for i in inputs]
    if any(o is None for o in operands):
        return None
    return turned(rebuild(node, operands), order)  # type: ignore[arg-type]


REDUCED = ("sum", "mean", "max", "min", "prod", "logsumexp")


def moved_axis(node: Expr, inputs: Sequence[Expr]) -> Any:
    """Return a joining or a reduction of what was transposed, with its axes where they were before."""
    orders = {i.settings["axes"] if i.op is transpose.op else None for i in inputs}
    order = next(iter(orders))
    if len(orders) != 1 or order is None or node.op is None:
        return None
    operands, settings = tuple(i.inputs[0] for i in inputs), node.settings
    if node.op.name == "join":
        return turned(node.op.make(operands, {"axis": order[settings["axis"]]}), order)
    made = node.op.make(operands, {**settings, "axis": tuple(sorted(order[a] for a in settings["axis"]))})
    if settings["keepdims"]:
        return turned(made, order)
    # What is left keeps its order among itself.
    left = [order[a] for a in range(len(order)) if a not in settings["axis"]]
    return turned(made, [sorted(left).index(a) for a in left])


def before(e: Expr, order: tuple[int, ...], ndim: int) -> Expr | None:
    """Return an operand as it is before a transpose."""
    if e.op is transpose.op and e.settings["axes"] == order:
        return e.inputs[0]
    if e.ndim == 0:
        return e
    if isinstance(e, Constant) and e.ndim == ndim:
        return constant(e.value.transpose([order.index(a) for a in range(ndim)]))
    first = (0, ndim - 1, *range(1, ndim - 1))
    if order == first and e.ndim == ndim - 1 and all(d == 1 for d in e.shape[1:]):
        return per_channel(e)
    return None


def per_channel(e: Expr) -> Expr:
    """Return one number a channel, with axes of length 1 behind it, as a row."""
    if e.op is expand_dims.op and e.inputs[0].ndim == 1:
        return e.inputs[0]
    made: Expr = reshape(e, (e.shape[0],))
    return made
