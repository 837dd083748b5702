"""Mistakes in sums, means and maxima over axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text, find_axis

REDUCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
EVERY_SAMPLE = "Every sample adds its part: `+=`, not `=`."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    axis = find_axis(node.settings)
    operand = context.graph.base[node.operands[0]]
    for name in REDUCTIONS:
        if name != node.name:
            yield reduce_otherwise(node, context, name, axis)
    if operand.ndim > 1:
        for other in (*range(operand.ndim), None):
            if other != axis:
                yield reduce_otherwise(node, context, node.name, other)
                yield from (
                    reduce_otherwise(node, context, name, other) for name in ("sum", "mean") if name != node.name
                )
    yield drop_reduction(node, context, axis)
    yield from reduce_too_early(node, context)
    if isinstance(axis, int) and node.name == "sum":
        yield keep_element(node, context, axis, "last")
        yield keep_element(node, context, axis, "first")


def reduce_otherwise(node: Node, context: Context, name: str, axis: Any) -> Mistake:
    """Return another reduction, over the same or another axis."""
    reduce, keepdims = REDUCTIONS.get(name, np.sum), bool(node.settings.get("keepdims"))
    right = find_axis(node.settings)

    def tell() -> Text:
        texts = []
        if name != node.name:
            texts.append(tell_reduction(node, context, name))
        if axis != right:
            texts.append(tell_axis(node.name, axis, right))
        return " ".join(statement for statement, _ in texts), texts[-1][1]

    cost = 1.0 if name == node.name else 0.8 if {name, node.name} == {"sum", "mean"} else 1.5
    return Mistake(
        node,
        cost + 0.9 * (name != node.name and axis != right),
        lambda v, _: reduce(v[0], axis=axis, keepdims=keepdims),
        tell,
    )


def tell_reduction(node: Node, context: Context, name: str) -> Text:
    why = ""
    if {name, node.name} == {"sum", "mean"}:
        is_loss = not context.graph.value.ndim
        if name == "sum":
            why = "The loss is a mean over the samples, so that it does not grow with their number."
        else:
            why = "The sum is asked for here." if is_loss else "The mean divides by the number of samples once more."
    return f"`{name}` stands where `{node.name}` belongs{context.where(node)}.", why


def tell_axis(name: str, axis: Any, right: Any) -> Text:
    has = "has no axis" if axis is None else f"runs over axis {axis}"
    should = "over all axes" if right is None or isinstance(right, tuple) else f"over axis {right}"
    why = {0: "Axis 0 runs over the samples, the rows.", 1: "Axis 1 runs over the columns."}.get(right, "")
    return f"The {name} {has}. It should run {should}.", why


def reduce_too_early(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a function or product of reduced operands, as in ``x.mean()**2`` for ``(x**2).mean()``."""
    inner = node.operands[0]
    if inner.kind not in ("power", "function", "product"):
        return
    operands = [context.graph.base[o] for o in inner.operands]
    shape = context.graph.base[inner].shape
    text = (
        f"The {node.name} is taken too early: before {context.quote(inner)}, not after it.",
        f"The {node.name} of products or powers is not the product or power of the {node.name}s.",
    )

    def reduce(x: Any) -> Any:
        return node.compute(x) if np.shape(x) == shape else x

    yield Mistake(node, 1.3, lambda v, _: inner.compute(*map(reduce, operands)), lambda: text)
    if inner.kind == "product":
        for i in range(len(operands)):
            yield reduce_factor(node, inner, operands, i, text)


def reduce_factor(node: Node, inner: Node, operands: list[Any], i: int, text: Text) -> Mistake:
    """Return a reduction of a product in which one factor is reduced before."""

    def compute(v: Any, true: Any) -> Any:
        reduced = [node.compute(x) if j == i else x for j, x in enumerate(operands)]
        return node.compute(inner.compute(*reduced))

    return Mistake(node, 1.4, compute, lambda: text)


def drop_reduction(node: Node, context: Context, axis: Any) -> Mistake:
    over = f" over axis {axis}" if isinstance(axis, int) else ""
    missing = (
        f"The {node.name}{over} of {context.quote(node.operands[0])} is missing.",
        "Each sample adds its part." if axis == 0 else "",
    )
    return Mistake(node, 1.1, lambda v, _: v[0], lambda: missing)


def keep_element(node: Node, context: Context, axis: int, which: str) -> Mistake:
    index = 0 if which == "first" else -1
    text = f"Only the {which} element counts in {context.quote(node)}: the result is overwritten instead of summed."
    return Mistake(node, 1.2, lambda v, _: np.take(v[0], index, axis=axis), lambda: (text, EVERY_SAMPLE))
