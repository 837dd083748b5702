"""Layout optimization: move transposes toward the outputs until they cancel."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reshape import expand_dims, reshape
from pellucid.graph.traversal import rebuild, topological


def transpose_axes(x: Expr, axes: Sequence[int]) -> Expr:
    """Transpose, merged with a transpose of the operand; inverse transposes cancel."""
    if x.op is transpose.op:
        axes = [x.settings["axes"][a] for a in axes]
        x = x.inputs[0]
    result: Expr = x if list(axes) == list(range(x.ndim)) else transpose(x, tuple(axes))
    return result


def channels_last(x: Expr) -> Expr:
    """Move the axis behind the batch to the end."""
    return transpose_axes(x, [0, *range(2, x.ndim), 1])


def channels_first(x: Expr) -> Expr:
    """Move the last axis behind the batch."""
    return transpose_axes(x, [0, x.ndim - 1, *range(1, x.ndim - 1)])


def cancel_transposes(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal expressions with transposes as late as possible."""
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = [done[i] for i in node.inputs]
        if node.op is transpose.op:
            done[node] = transpose_axes(new[0], node.settings["axes"])
        else:
            moved = move_transposes(node, new)
            done[node] = rebuild(node, new) if moved is None else moved
    return [done[o] for o in outputs]


def move_transposes(node: Expr, inputs: Sequence[Expr]) -> Expr | None:
    """Return an elementwise op applied before its operands' common transpose, or None."""
    if node.op is not None and node.op.name in ("join", *REDUCED):
        return move_axis_op(node, inputs)
    if node.op is None or not node.op.elementwise or node.ndim < 2:
        return None
    orders = {i.settings["axes"] for i in inputs if i.op is transpose.op and i.ndim == node.ndim}
    if len(orders) != 1:
        return None
    (order,) = orders
    operands = [remove_transpose(i, order, node.ndim) for i in inputs]
    if any(o is None for o in operands):
        return None
    return transpose_axes(rebuild(node, operands), order)  # type: ignore[arg-type]


REDUCED = ("sum", "mean", "max", "min", "prod", "logsumexp")


def move_axis_op(node: Expr, inputs: Sequence[Expr]) -> Expr | None:
    """Return a join or reduction applied before its operands' common transpose, with its axes mapped."""
    orders = {i.settings["axes"] if i.op is transpose.op else None for i in inputs}
    order = next(iter(orders))
    if len(orders) != 1 or order is None or node.op is None:
        return None
    operands, settings = tuple(i.inputs[0] for i in inputs), node.settings
    if node.op.name == "join":
        return transpose_axes(node.op.make(operands, {"axis": order[settings["axis"]]}), order)
    result = node.op.make(operands, {**settings, "axis": tuple(sorted(order[a] for a in settings["axis"]))})
    if settings["keepdims"]:
        return transpose_axes(result, order)
    # The remaining axes keep their relative order.
    remaining = [order[a] for a in range(len(order)) if a not in settings["axis"]]
    return transpose_axes(result, [sorted(remaining).index(a) for a in remaining])


def remove_transpose(e: Expr, order: tuple[int, ...], ndim: int) -> Expr | None:
    """Return an operand without a transpose, or None if it cannot be removed."""
    if e.op is transpose.op and e.settings["axes"] == order:
        return e.inputs[0]
    if e.ndim == 0:
        return e
    if isinstance(e, Constant) and e.ndim == ndim:
        return constant(e.value.transpose([order.index(a) for a in range(ndim)]))
    first = (0, ndim - 1, *range(1, ndim - 1))
    if order == first and e.ndim == ndim - 1 and all(d == 1 for d in e.shape[1:]):
        # One element per channel with trailing axes of size 1 becomes a vector.
        is_expanded = e.op is expand_dims.op and e.inputs[0].ndim == 1
        result: Expr = e.inputs[0] if is_expanded else reshape(e, (e.shape[0],))
        return result
    return None
