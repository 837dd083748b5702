"""Readers of pooling operators."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from pellucid.graph.array_namespace import NUMPY
from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.pooling import max_pool as max_pool_op
from pellucid.graph.ops.pooling import sum_pool
from pellucid.graph.ops.sliding_windows import count_windows, iterate_window_slices
from pellucid.interop.onnx.layout import channels_first, channels_last
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.convolution import get_ints, get_pads
from pellucid.interop.onnx.readers.elementwise import like
from pellucid.interop.onnx.symbolic import P

Pads = list[tuple[int, int]]

BYTES_PER_NODE = 2000
"""Memory of an expression, about."""


class Windows:
    """Window sizes, strides, dilations and padding of a pooling operator.

    ``pads`` is the explicit padding; ``padding`` adds that of ``ceil_mode``.
    """

    dilations: list[int]
    strides: list[int]

    def __init__(self, n: OnnxNode, x: Expr) -> None:
        self.window: list[int] = [int(k) for k in n.require("kernel_shape")]
        axes = len(self.window)
        if axes != x.ndim - 2:
            raise n.error(f"expected {x.ndim - 2} sizes in kernel_shape. Received: {self.window}")
        self.strides, self.dilations = get_ints(n, "strides", axes), get_ints(n, "dilations", axes)
        self.node = n
        self.pads: Pads = get_pads(n, x, self.window, self.strides, self.dilations)
        self.is_dilated: bool = any(d != 1 for d in self.dilations)
        self.padding = self.pads if not n.get("ceil_mode", 0) else [self.get_ceil_padding(n, x, a) for a in range(axes)]

    def get_ceil_padding(self, n: OnnxNode, x: Expr, axis: int) -> tuple[int, int]:
        """Return padding with which the last window that starts inside the image is complete."""
        (size,), (before, after) = n.require_known([x.shape[2 + axis]], "spatial sizes with ceil_mode"), self.pads[axis]
        step, reach = self.strides[axis], (self.window[axis] - 1) * self.dilations[axis] + 1
        count = -(-(size + before + after - reach) // step) + 1
        if (count - 1) * step >= size + before:
            count -= 1
        return before, max((count - 1) * step + reach - size - before, 0)

    def pool(self, function: Callable[..., Expr], x: Expr) -> Expr:
        return function(x, pool_size=tuple(self.window), strides=tuple(self.strides), padding=tuple(self.padding))

    def slices(self, x: Expr, fill: float) -> list[Expr]:
        """Return, for each position in the window, the elements of all windows, channels last."""
        self.node.spend(math.prod(self.window), "the positions in the window", BYTES_PER_NODE)
        counts = count_windows(x, self.window, self.strides, tuple(self.padding), self.dilations)
        padded = P.pad(x, [(0, 0), *self.padding, (0, 0)], constant_values=fill)
        return list(iterate_window_slices(NUMPY, padded, self.window, self.strides, self.dilations, counts))  # type: ignore[arg-type]


def get_lowest(x: Expr) -> float:
    """Return the identity element of the maximum."""
    return -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min


@reads("MaxPool")
def max_pool(n: OnnxNode, x: Expr) -> Expr | list[Expr]:
    w, last = Windows(n, x), channels_last(x)
    result = functools.reduce(P.maximum, w.slices(last, get_lowest(x))) if w.is_dilated else w.pool(max_pool_op, last)
    if len(n.outputs) < 2 or not n.outputs[1]:
        return channels_first(result)
    return [channels_first(result), argmax_indices(n, x, w, result)]


def argmax_indices(n: OnnxNode, x: Expr, w: Windows, result: Expr) -> Expr:
    """Return the flat index of the first maximum of each window."""
    sizes = n.require_known(x.shape, "the sizes of a result with Indices")
    n.spend(3 * math.prod(sizes), "the numbers of the elements")
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    if n.get("storage_order", 0):
        lead = np.arange(sizes[0] * sizes[1]).reshape(*sizes[:2], *[1] * len(w.window))
        inner = np.arange(math.prod(sizes[2:])).reshape(sizes[2:], order="F")
        numbers = lead * math.prod(sizes[2:]) + inner
    positions = w.slices(channels_last(constant(numbers)), -1)
    best: Expr = constant(np.full((1,) * result.ndim, -1))
    for value, place in reversed(list(zip(w.slices(channels_last(x), get_lowest(x)), positions, strict=True))):
        best = P.where(P.equal(value, result), place, best)
    return channels_first(best)


@reads("AveragePool")
def average_pool(n: OnnxNode, x: Expr) -> Expr:
    w, last = Windows(n, x), channels_last(x)
    total = functools.reduce(P.add, w.slices(last, 0)) if w.is_dilated else w.pool(sum_pool, last)
    if not any(map(any, w.padding)) or (n.get("count_include_pad", 0) and w.padding == w.pads):
        return channels_first(total / like(x, math.prod(w.window)))
    counts = w.slices(make_counts(n, x, w), 0)
    return channels_first(total / n.reader.fold(functools.reduce(P.add, counts)))


def make_counts(n: OnnxNode, x: Expr, w: Windows) -> Expr:
    """Return ones for the elements of one channel that count in an average."""
    last = channels_last(x)
    if not n.get("count_include_pad", 0):
        spatial = last.shape[1:-1]
        if all(isinstance(d, int) for d in spatial):
            n.spend(math.prod(int(d) for d in spatial), "the counts of the elements")
            return constant(np.ones((1, *(int(d) for d in spatial), 1), x.dtype))
        return P.ones_like(last)
    # Explicit padding counts; padding added by ceil_mode does not.
    spatial_sizes = n.require_known(last.shape[1:-1], "spatial sizes with ceil_mode")
    padded = [size + before + after for size, (before, after) in zip(spatial_sizes, w.pads, strict=True)]
    n.spend(math.prod(spatial_sizes) + math.prod(padded), "the counts of the elements")
    ones = np.ones((1, *spatial_sizes, 1), x.dtype)
    whole = np.pad(ones, [(0, 0), *w.pads, (0, 0)], constant_values=1)
    w.padding = [(0, total[1] - explicit[1]) for total, explicit in zip(w.padding, w.pads, strict=True)]
    cut = tuple(slice(0, min(0, b) or None) for _, b in w.padding)
    w.padding = [(0, max(b, 0)) for _, b in w.padding]
    return constant(whole[(slice(None), *cut, slice(None))])


@reads("LpPool")
def lp_pool(n: OnnxNode, x: Expr) -> Expr:
    w, p, last = Windows(n, x), int(n.get("p", 2)), channels_last(x)
    total = functools.reduce(P.add, w.slices(abs(last) ** like(x, p), 0))
    return channels_first(total ** like(x, 1 / p))


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(n: OnnxNode, x: Expr) -> Expr:
    """Pooling over all spatial positions."""
    over = {"axis": tuple(range(2, x.ndim)), "keepdims": True}
    if n.kind == "GlobalAveragePool":
        return P.mean(x, **over)
    if n.kind == "GlobalMaxPool":
        return P.max(x, **over)
    p = int(n.get("p", 2))
    return P.sum(abs(x) ** like(x, p), **over) ** like(x, 1 / p)


@reads("MaxUnpool")
def max_unpool(n: OnnxNode, x: Expr, places: Expr, shape: Expr | None = None) -> Expr:
    """Inverse of max pooling: values are scattered to their indices, among zeros."""
    axes = x.ndim - 2
    window, strides = [int(k) for k in n.require("kernel_shape")], get_ints(n, "strides", axes)
    pads = get_pads(n, x, window, strides, [1] * axes)
    batch, channels, *old = n.require_known(x.shape, "the sizes of the input")
    sizes = [(d - 1) * s - sum(p) + k for d, s, p, k in zip(old, strides, pads, window, strict=True)]
    inner = (batch, channels, *sizes)
    flat = P.zeros((math.prod(inner),), x.dtype).at[P.reshape(places, (-1,))].set(P.reshape(x, (-1,)))
    result = P.reshape(flat, inner)
    if shape is None:
        return result
    return P.pad(result, [(0, int(d) - size) for d, size in zip(n.get_constant(2), inner, strict=True)])
