"""Pooling over windows and over everything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.average_pooling import sum_pool
from pellucid.graph.ops.pooling import max_pool as pool
from pellucid.interop.onnx.layout import channels_first, channels_last
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.convolution import borders, each
from pellucid.interop.onnx.readers.elementwise import like

Pads = list[tuple[int, int]]


class Windows:
    """The windows of a pooling: their size, steps, borders, and what is added behind so that the last one counts."""

    def __init__(self, n: Node, x: Expr) -> None:
        self.window = [int(k) for k in n.needs("kernel_shape")]
        axes = len(self.window)
        if axes != x.ndim - 2:
            raise n.error(f"expected a window of {x.ndim - 2} sizes. Received: {self.window}")
        self.strides, self.dilations = each(n, "strides", axes), each(n, "dilations", axes)
        self.pads: Pads = borders(n, x, self.window, self.strides, self.dilations)
        self.wide = self.pads if not n.get("ceil_mode", 0) else [self.ceiled(n, x, a) for a in range(axes)]

    def ceiled(self, n: Node, x: Expr, axis: int) -> tuple[int, int]:
        """Return the border with which a last window that begins inside is whole."""
        size, (before, after) = x.shape[2 + axis], self.pads[axis]
        if not isinstance(size, int):
            raise n.error(f"ceil_mode needs sizes that are known. Received: {x.type}")
        step, reach = self.strides[axis], (self.window[axis] - 1) * self.dilations[axis] + 1
        count = -(-(size + before + after - reach) // step) + 1
        if (count - 1) * step >= size + before:
            count -= 1
        return before, max((count - 1) * step + reach - size - before, 0)

    @property
    def dilated(self) -> bool:
        """Whether there are steps inside the window."""
        return any(d != 1 for d in self.dilations)

    def slices(self, x: Expr, fill: Any) -> list[Any]:
        """Return, for each place in the window, what all windows have there, channels last."""
        from pellucid.graph.ops.sliding_windows import counts_of, taps

        border = [(0, 0), *self.wide, (0, 0)]
        counts = counts_of(x, self.window, self.strides, tuple(self.wide), self.dilations)
        padded = P.pad(x, border, constant_values=fill)
        return list(taps(np, padded, self.window, self.strides, self.dilations, counts))


def lowest(x: Expr) -> Any:
    """Return what is less than everything."""
    return -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min


@reads("MaxPool")
def max_pool(n: Node, x: Expr) -> Any:
    """The greatest of each window, and where it is in the whole array."""
    w, last = Windows(n, x), channels_last(x)
    if not w.dilated:
        made = pool(last, pool_size=tuple(w.window), strides=tuple(w.strides), padding=tuple(w.wide))
    else:
        made = greatest(w.slices(last, lowest(x)))
    if len(n.outputs) < 2 or not n.outputs[1]:
        return channels_first(made)
    return [channels_first(made), indices(n, x, w, made)]


def greatest(slices: list[Any]) -> Any:
    """Return the greatest of slices, element by element."""
    found = slices[0]
    for tap in slices[1:]:
        found = P.maximum(found, tap)
    return found


def indices(n: Node, x: Expr, w: Windows, made: Expr) -> Any:
    """Return where the first of the greatest elements of each window is, in a row of all elements."""
    if not all(isinstance(d, int) for d in x.shape):
        raise n.error(f"its second output needs sizes that are known. Received: {x.type}")
    sizes = [int(d) for d in x.shape]
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    if n.get("storage_order", 0):
        lead = np.arange(sizes[0] * sizes[1]).reshape(*sizes[:2], *[1] * len(w.window))
        inner = np.arange(math.prod(sizes[2:])).reshape(sizes[2:], order="F")
        numbers = lead * math.prod(sizes[2:]) + inner
    own = w.slices(channels_last(constant(numbers)), -1)
    best = constant(np.full((1,) * made.ndim, -1))
    for value, place in reversed(list(zip(w.slices(channels_last(x), lowest(x)), own, strict=True))):
        best = P.where(P.equal(value, made), place, best)
    return channels_first(best)


@reads("AveragePool")
def average_pool(n: Node, x: Expr) -> Any:
    """The mean of each window, with or without the border."""
    w, last = Windows(n, x), channels_last(x)
    if w.dilated:
        parts = w.slices(last, 0)
        total = sum(parts[1:], parts[0])
    else:
        total = sum_pool(last, pool_size=tuple(w.window), strides=tuple(w.strides), padding=tuple(w.wide))
    if not any(map(any, w.wide)) or (n.get("count_include_pad", 0) and w.wide == w.pads):
        return channels_first(total / like(x, math.prod(w.window)))
    counts = w.slices(counted(n, x, w), 0)
    return channels_first(total / n.reader.folded(sum(counts[1:], counts[0])))


def counted(n: Node, x: Expr, w: Windows) -> Any:
    """Return ones for what counts in one channel of one sample, as large as the array."""
    last = channels_last(x)
    if not n.get("count_include_pad", 0):
        spatial = last.shape[1:-1]
        if all(isinstance(d, int) for d in spatial):
            return constant(np.ones((1, *(int(d) for d in spatial), 1), x.dtype))
        return P.ones_like(last)
    # What the file says of the border counts; what was added for a last whole window does not.
    ones = np.ones((1, *(int(d) for d in last.shape[1:-1]), 1), x.dtype)
    whole = np.pad(ones, [(0, 0), *w.pads, (0, 0)], constant_values=1)
    w.wide = [(0, wide[1] - told[1]) for wide, told in zip(w.wide, w.pads, strict=True)]
    cut = tuple(slice(0, min(0, b) or None) for _, b in w.wide)
    w.wide = [(0, max(b, 0)) for _, b in w.wide]
    return constant(whole[(slice(None), *cut, slice(None))])


@reads("LpPool")
def lp_pool(n: Node, x: Expr) -> Any:
    """A norm of each window."""
    w, p = Windows(n, x), int(n.get("p", 2))
    last = channels_last(x)
    parts = w.slices(abs(last) ** like(x, p), 0)
    total = sum(parts[1:], parts[0])
    return channels_first(total ** like(x, 1 / p))


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def everything(n: Node, x: Expr) -> Any:
    """Over all places."""
    over = {"axis": tuple(range(2, x.ndim)), "keepdims": True}
    if n.kind == "GlobalAveragePool":
        return P.mean(x, **over)
    if n.kind == "GlobalMaxPool":
        return P.max(x, **over)
    p = int(n.get("p", 2))
    return P.sum(abs(x) ** like(x, p), **over) ** like(x, 1 / p)


@reads("MaxUnpool")
def max_unpool(n: Node, x: Expr, places: Expr, shape: Expr | None = None) -> Any:
    """What was pooled put back where it came from, among zeros."""
    axes = x.ndim - 2
    window, strides = [int(k) for k in n.needs("kernel_shape")], each(n, "strides", axes)
    pads = borders(n, x, window, strides, [1] * axes)
    sizes = [(int(d) - 1) * s - sum(p) + k for d, s, p, k in zip(x.shape[2:], strides, pads, window, strict=True)]
    inner = (*x.shape[:2], *sizes)
    rows = P.zeros((math.prod(int(d) for d in inner),), x.dtype)
    flat = rows.at[P.reshape(places, (-1,))].set(P.reshape(x, (-1,)))
    made = P.reshape(flat, inner)
    if shape is None:
        return made
    return P.pad(made, [(0, int(d) - int(size)) for d, size in zip(n.known(2), inner, strict=True)])
