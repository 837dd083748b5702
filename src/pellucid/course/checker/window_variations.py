"""Variations of convolutions, pooling, and their gradients."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.course.checker.formula_graph import Node

if TYPE_CHECKING:
    from pellucid.course.checker.variations import Surroundings, Variation

Array = np.ndarray[Any, Any]


def flip_windows(kernel: Array) -> Array:
    """Turn a kernel of shape (..., channels in, channels out) by 180 degrees."""
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def transpose_windows(kernel: Array) -> Array:
    return np.swapaxes(kernel, 0, 1) if kernel.ndim == 4 else kernel


def flip_images(x: Array) -> Array:
    """Turn images of shape (batch, ..., channels) by 180 degrees."""
    return np.flip(x, axis=tuple(range(1, x.ndim - 1)))


KERNEL_CHANGES: tuple[tuple[str, Callable[[Array], Array], float], ...] = (
    ("kernel turned", flip_windows, 0.8),
    ("kernel turned on one axis", lambda w: w[::-1], 1.2),
    ("kernel turned on one axis", lambda w: w[:, ::-1], 1.2),
    ("kernel transposed", transpose_windows, 1.1),
    ("kernel turned and transposed", lambda w: transpose_windows(flip_windows(w)), 1.0),
)


def make_change(node: Node, **changes: Any) -> Callable[..., Array]:
    """Return the op of a node with other settings, or with other operands: a function of the operand's value."""
    op = node.expr.op if node.expr is not None else None
    assert op is not None
    functions = {int(key[1:]): f for key, f in changes.items() if key[0] == "v" and key[1:].isdigit()}
    settings = {**node.settings, **{k: s for k, s in changes.items() if not (k[0] == "v" and k[1:].isdigit())}}

    def compute(v: tuple[Array, ...], _: Array) -> Array:
        operands = [functions[i](x) if i in functions else x for i, x in enumerate(v)]
        return np.asarray(op.value(np, *operands, **settings))

    return compute


def vary_convolution(node: Node, around: Surroundings) -> Iterator[Variation]:
    from pellucid.course.checker.variations import Variation

    for kind, change, cost in KERNEL_CHANGES:
        yield Variation(node, f"forward {kind}", make_change(node, v1=change), cost)
    yield Variation(node, "images turned", make_change(node, v0=flip_images), 1.5)
    for channel in {0, around.graph.base[node.operands[0]].shape[-1] - 1}:
        select = functools.partial(keep_channel, channel=channel)
        yield Variation(node, "only one channel", make_change(node, v0=select), 1.1, {"channel": channel})
    spatial = len(node.settings["strides"])
    size = around.graph.base[node.operands[1]].shape[:spatial]
    if any(s > 1 for s in node.settings["strides"]):
        yield Variation(node, "stride missing", make_change(node, strides=(1,) * spatial), 1.1)
    full = tuple((s - 1, s - 1) for s in size)
    same = tuple(((s - 1) // 2, s // 2) for s in size)
    valid = ((0, 0),) * spatial
    for name, padding in (("full", full), ("same", same), ("valid", valid)):
        if padding != node.settings["padding"]:
            yield Variation(node, "other padding", make_change(node, padding=padding), 1.2, {"padding": name})


def keep_channel(x: Array, channel: int) -> Array:
    """Set all channels but one to 0."""
    kept = np.zeros_like(x)
    kept[..., channel] = x[..., channel]
    return kept


def vary_input_gradient(node: Node, around: Surroundings) -> Iterator[Variation]:
    from pellucid.course.checker.variations import Variation

    for kind, change, cost in KERNEL_CHANGES:
        yield Variation(node, f"backward {kind}", make_change(node, v1=change), cost)
    yield Variation(node, "images turned", make_change(node, v0=flip_images), 1.5)
    yield Variation(
        node,
        "windows overwritten",
        lambda v, true: overwrite_windows(v[0], v[1], true.shape, node.settings),
        1.1,
    )


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


def vary_kernel_gradient(node: Node, around: Surroundings) -> Iterator[Variation]:
    from pellucid.course.checker.variations import Variation

    yield Variation(node, "kernel gradient turned", lambda _, true: flip_windows(true), 0.8)
    yield Variation(node, "kernel gradient transposed", lambda _, true: transpose_windows(true), 1.1)
    yield Variation(node, "kernel gradient turned", make_change(node, v1=flip_images), 1.0)
    yield Variation(node, "kernel gradient turned", make_change(node, v0=flip_images), 1.1)
    positions = math.prod(around.graph.base[node.operands[1]].shape[1:-1])
    yield Variation(node, "mean over positions", lambda _, true: true / positions, 1.0)
    for kind, row in (("only last position", -1), ("only first position", 0)):
        yield Variation(node, kind, make_change(node, v1=lambda g, r=row: keep_position(g, r)), 1.1)


def keep_position(g: Array, row: int) -> Array:
    """Set the gradient at all positions but one to 0."""
    kept = np.zeros_like(g)
    index = (slice(None), *([row] * (g.ndim - 2)))
    kept[index] = g[index]
    return kept


def vary_pool_gradient(node: Node, around: Surroundings) -> Iterator[Variation]:
    from pellucid.course.checker.variations import Variation

    size = node.settings["pool_size"]

    def spread(v: tuple[Array, ...], true: Array) -> Array:
        g = v[0]
        for axis, factor in enumerate(size, start=1):
            g = np.repeat(g, factor, axis=axis)
        result = np.zeros(true.shape)
        index = tuple(slice(0, min(a, b)) for a, b in zip(true.shape, g.shape, strict=True))
        result[index] = g[index]
        return result

    yield Variation(node, "spread over window", spread, 0.9)
    yield Variation(node, "average over window", lambda v, true: spread(v, true) / math.prod(size), 0.9)
    yield Variation(node, "times maximum", lambda v, true: true * v[2], 1.2)
    yield Variation(node, "maximum itself", lambda v, true: np.where(true != 0, v[2], 0), 1.2)
    yield Variation(node, "mask only", lambda v, true: (true != 0).astype(float), 1.2)


def vary_pool(node: Node, around: Surroundings) -> Iterator[Variation]:
    from pellucid.course.checker.variations import Variation

    op = node.expr.op if node.expr is not None else None
    assert op is not None
    sign = -1 if op.name == "max_pool" else 1
    yield Variation(node, "minimum for maximum", lambda v, _: sign * op.value(np, sign * v[0], **node.settings), 1.0)
    yield Variation(node, "mean for maximum", lambda v, _: pool_by_mean(v[0], node.settings), 1.0)
    yield Variation(
        node,
        "sum for maximum",
        lambda v, _: pool_by_mean(v[0], node.settings) * math.prod(node.settings["pool_size"]),
        1.1,
    )


def pool_by_mean(x: Array, settings: dict[str, Any]) -> Array:
    from pellucid.graph.ops.pooling import sum_pool

    return np.asarray(sum_pool.op.value(np, x, **settings) / math.prod(settings["pool_size"]))


WINDOW_VARIATIONS: dict[str, Callable[[Node, Surroundings], Iterator[Variation]]] = {
    "conv": vary_convolution,
    "conv_input_gradient": vary_input_gradient,
    "conv_kernel_gradient": vary_kernel_gradient,
    "max_pool_gradient": vary_pool_gradient,
    "max_pool": vary_pool,
}
