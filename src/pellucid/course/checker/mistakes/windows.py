"""Mistakes in convolutions, pooling, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import CHAIN_RULE, Context, Mistake, Text
from pellucid.course.checker.mistakes.orientation import AS_IT_IS, INPUT_FIRST, TURNED
from pellucid.typing import Array, ArrayLike

NOT_THE_MAXIMUM = "The other elements did not change the output, so their gradient is 0."
EVERY_POSITION = "The kernel is used at every position, and each use adds to its gradient: `+=`, not `=`."


def turn_kernel(kernel: Array) -> Array:
    """Turn a kernel of shape (..., channels in, channels out) by 180 degrees."""
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def transpose_kernel(kernel: Array) -> Array:
    return np.swapaxes(kernel, 0, 1) if kernel.ndim == 4 else kernel


def turn_images(x: Array) -> Array:
    """Turn images of shape (batch, ..., channels) by 180 degrees."""
    return np.flip(x, axis=tuple(range(1, x.ndim - 1)))


KERNEL_CHANGES: tuple[tuple[float, Callable[[Array], Array], str], ...] = (
    (0.8, turn_kernel, "The kernel is turned the wrong way round"),
    (1.2, lambda w: w[::-1], "The kernel is turned along its rows only"),
    (1.2, lambda w: w[:, ::-1], "The kernel is turned along its columns only"),
    (1.1, transpose_kernel, "The kernel is transposed"),
    (
        1.0,
        lambda w: transpose_kernel(turn_kernel(w)),
        "The kernel is transposed where it should be turned by 180 degrees",
    ),
)


def change_operand(node: Node, cost: float, index: int, change: Callable[[Array], Array], text: Text) -> Mistake:
    """Return a mistake in one operand of an op."""
    return Mistake(
        node,
        cost,
        lambda v, _: node.compute(*(change(x) if i == index else x for i, x in enumerate(v))),
        lambda: text,
    )


def change_settings(node: Node, cost: float, settings: dict[str, Any], text: Text) -> Mistake:
    """Return a mistake in the settings of an op, such as its padding."""
    op = node.expr.op if node.expr is not None else None
    assert op is not None
    return Mistake(node, cost, lambda v, _: op.compute_value(*v, **{**node.settings, **settings}), lambda: text)


def change_result(
    node: Node, cost: float, compute: Callable[[tuple[Array, ...], Array], ArrayLike], text: Text
) -> Mistake:
    return Mistake(node, cost, compute, lambda: text)


def list_convolution_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    images, kernel = (context.graph.base[o] for o in node.operands)
    for cost, change, text in KERNEL_CHANGES:
        shown = "The kernel is transposed" if "transposed where" in text else text
        yield change_operand(node, cost, 1, change, (f"{shown}.", AS_IT_IS))
    turned = f"{context.quote(node.operands[0])} is turned the wrong way round.", ""
    yield change_operand(node, 1.5, 0, turn_images, turned)
    yield from (keep_channel(node, channel) for channel in {0, images.shape[-1] - 1})
    yield from pad_otherwise(node, kernel)
    if any(s > 1 for s in node.settings["strides"]):
        one = {"strides": (1,) * len(node.settings["strides"])}
        yield change_settings(node, 1.1, one, ("The stride is missing: the window moves by one.", ""))


def keep_channel(node: Node, channel: int) -> Mistake:
    def keep(x: Array) -> Array:
        kept = np.zeros_like(x)
        kept[..., channel] = x[..., channel]
        return kept

    text = f"Only channel {channel} of the input counts. The output sums over all channels."
    return change_operand(node, 1.1, 0, keep, (text, "A kernel has weights for every input channel."))


def pad_otherwise(node: Node, kernel: Array) -> Iterator[Mistake]:
    size = kernel.shape[:-2]
    paddings = {
        "full": tuple((s - 1, s - 1) for s in size),
        "same": tuple(((s - 1) // 2, s // 2) for s in size),
        "valid": tuple((0, 0) for _ in size),
    }
    right = node.settings["padding"]
    named = next((f", and {name!r} is right" for name, padding in paddings.items() if padding == right), "")
    for name, padding in paddings.items():
        if padding != right:
            yield change_settings(node, 1.2, {"padding": padding}, (f"The padding is {name!r}{named}.", ""))


def list_input_gradient_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    for cost, change, text in KERNEL_CHANGES:
        yield change_operand(node, cost, 1, change, (f"{text} in the gradient of the input.", TURNED))
    turned = f"{context.quote(node.operands[0])} is turned the wrong way round.", ""
    yield change_operand(node, 1.5, 0, turn_images, turned)
    overwritten = (
        "Windows overwrite each other: `=` stands where `+=` belongs.",
        "An input is in several windows, and its gradient is the sum over all of them.",
    )
    yield change_result(node, 1.1, lambda v, t: overwrite_windows(v[0], v[1], t.shape, node.settings), overwritten)


def overwrite_windows(g: Array, kernel: Array, shape: tuple[int, ...], settings: dict[str, Any]) -> Array:
    """Return the scatter of an input gradient with ``=`` for ``+=``: later windows overwrite earlier ones."""
    if kernel.ndim != 4 or settings["strides"] != (1, 1) or any(map(any, settings["padding"])):
        raise ValueError("only plain two-dimensional convolutions")
    result = np.zeros(shape)
    rows, columns = kernel.shape[:2]
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            result[:, i : i + rows, j : j + columns] = np.einsum("no,hwco->nhwc", g[:, i, j], kernel)
    return result


def list_kernel_gradient_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    turned = "The gradient of the kernel is turned the wrong way round.", INPUT_FIRST
    yield change_result(node, 0.8, lambda _, true: turn_kernel(true), turned)
    yield change_operand(node, 1.0, 1, turn_images, turned)
    yield change_operand(node, 1.1, 0, turn_images, turned)
    transposed = "The gradient of the kernel is transposed: rows and columns have changed places.", ""
    yield change_result(node, 1.1, lambda _, true: transpose_kernel(true), transposed)
    positions = math.prod(context.graph.base[node.operands[1]].shape[1:-1])
    mean = "The gradient of the kernel is a mean over the positions, and a sum is right.", EVERY_POSITION
    yield change_result(node, 1.0, lambda _, true: true / positions, mean)
    for which, row in (("last", -1), ("first", 0)):
        text = f"Only the {which} position of the kernel counts: the result is overwritten instead of summed."
        yield keep_position(node, row, (text, EVERY_POSITION))


def keep_position(node: Node, row: int, text: Text) -> Mistake:
    def keep(g: Array) -> Array:
        kept = np.zeros_like(g)
        index: Any = (slice(None), *([row] * (g.ndim - 2)))
        kept[index] = g[index]
        return kept

    return change_operand(node, 1.1, 1, keep, text)


def list_pool_gradient_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    size = node.settings["pool_size"]

    def spread(v: tuple[Array, ...], true: Array) -> Array:
        g = v[0]
        for axis, factor in enumerate(size, start=1):
            g = np.repeat(g, factor, axis=axis)
        result = np.zeros(true.shape)
        index = tuple(slice(0, min(a, b)) for a, b in zip(true.shape, g.shape, strict=True))
        result[index] = g[index]
        return result

    every = "The gradient goes to every element of the window. It belongs to the maximum only.", NOT_THE_MAXIMUM
    shared = (
        "The gradient is divided among all elements of the window, as for average pooling. With max pooling it belongs "
        "to the maximum only.",
        NOT_THE_MAXIMUM,
    )
    scaled = "The gradient at the maximum is multiplied by the maximum. It passes unchanged.", ""
    value = "The maximum itself stands where its gradient belongs.", ""
    mask = "The gradient of the output is missing as a factor: the result only marks the maxima.", CHAIN_RULE
    yield change_result(node, 0.9, spread, every)
    yield change_result(node, 0.9, lambda v, true: spread(v, true) / math.prod(size), shared)
    yield change_result(node, 1.2, lambda v, true: true * v[2], scaled)
    yield change_result(node, 1.2, lambda v, true: np.where(true != 0, v[2], 0), value)
    yield change_result(node, 1.2, lambda v, true: (true != 0).astype(float), mask)
    inputs = "The gradient is multiplied by the inputs. It belongs to the maximum only, unchanged.", NOT_THE_MAXIMUM
    positive = "The gradient goes to all positive inputs. It belongs to the maximum only.", NOT_THE_MAXIMUM
    others = "The condition is the wrong way round: the gradient goes to all but the maximum.", NOT_THE_MAXIMUM
    maxima = "The maxima are spread over the windows. Their gradient is asked for, at the place of each maximum.", ""
    yield change_result(node, 1.2, lambda v, true: spread(v, true) * v[2], inputs)
    yield change_result(node, 1.2, lambda v, true: spread(v, true) * (v[2] > 0), positive)
    yield change_result(node, 1.2, lambda v, true: spread(v, true) - true, others)
    yield change_result(node, 1.3, lambda v, true: spread((v[1],), true), maxima)


def list_pool_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    from pellucid.graph.ops.pooling import sum_pool

    count = math.prod(node.settings["pool_size"])

    def add(v: tuple[Array, ...]) -> Array:
        return np.asarray(sum_pool.op.value(np, v[0], **node.settings))

    why = "Max pooling keeps the largest element of each window."
    for cost, compute, name in (
        (1.0, lambda v, _: -node.compute(-v[0]), "minimum"),
        (1.0, lambda v, _: add(v) / count, "mean"),
        (1.1, lambda v, _: add(v), "sum"),
    ):
        yield change_result(node, cost, compute, (f"The {name} of each window stands where its maximum belongs.", why))
