"""Ops that are neither compound nor ONNX's, written in terms of others: what `opening` opens them to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.operators import call
from pellucid.graph.ops.convolution import conv
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.sliding_windows import Pairs, padded, taps

Definition = Callable[..., Any]

DEFINITIONS: dict[str, Definition] = {}
"""What takes the place of each op, as a function of its operands and settings."""


def defines(function: Definition) -> Definition:
    """Enter a function as the definition of the op of its name."""
    DEFINITIONS[function.__name__] = function
    return function


@defines
def roll(x: Expr, shift: Any, axis: Any) -> Any:
    """The end of each axis put before its beginning."""
    if axis is None:
        return call("reshape_like", roll(call("ravel", x), shift, (0,)), x)
    for steps, along in zip(shift, axis, strict=True):
        size = x.shape[along]
        steps = steps % size if isinstance(size, int) and size else steps
        if steps:
            whole = (slice(None),) * along
            x = call("concatenate", [x[(*whole, slice(-steps, None))], x[(*whole, slice(None, -steps))]], axis=along)
    return x


@defines
def outer(x: Expr, y: Expr) -> Any:
    """A product of a column and a row."""
    return call("ravel", x)[:, None] * call("ravel", y)[None]


@defines
def kron(x: Expr, y: Expr) -> Any:
    """Products of all with all, with the axes of both in turn, taken together in pairs."""
    ndim = max(x.ndim, y.ndim)
    x, y = (e[(None,) * (ndim - e.ndim)] for e in (x, y))
    wide = x[(slice(None), None) * ndim] * y[(None, slice(None)) * ndim]
    sizes = [m * n for m, n in zip(x.shape, y.shape, strict=True) if isinstance(m, int) and isinstance(n, int)]
    if len(sizes) < ndim:
        raise ShapeError("kron: expected sizes that are known")
    return call("reshape", wide, tuple(sizes))


@defines
def cross(x: Expr, y: Expr, axis: int) -> Any:
    """Differences of products of the other two elements."""

    def component(e: Expr, i: int) -> Any:
        return e[(..., slice(i, i + 1), *(slice(None),) * (-axis - 1))]

    parts = [component(x, i) * component(y, j) - component(x, j) * component(y, i) for i, j in ((1, 2), (2, 0), (0, 1))]
    return call("concatenate", parts, axis=axis % max(x.ndim, y.ndim))


@defines
def diagonal(x: Expr, offset: int, axis1: int, axis2: int) -> Any:
    """The elements of pairs of indices, both counted on."""
    rest = [a for a in range(x.ndim) if a not in (axis1, axis2)]
    x = call("transpose", x, (*rest, axis1, axis2))
    rows, columns = x.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise ShapeError("diagonal: expected sizes that are known")
    places = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return x[(..., places + max(-offset, 0), places + max(offset, 0))]


def _along(step: Callable[..., Expr], arrays: Sequence[Expr], axis: int, reverse: bool = False) -> Any:
    """Run a step along an axis of arrays, from zeros or ones of the step's making."""
    turned = [call("moveaxis", a, axis, 0) for a in arrays]
    first = step(*(call("zeros_like", t[0]) for t in turned), None)
    return call("moveaxis", scan(lambda *now: step(*now), turned, first, reverse=reverse), 0, axis)


@defines
def cumprod(x: Expr, axis: int | None) -> Any:
    """A product that goes along."""
    if axis is None:
        x, axis = call("ravel", x), 0
    if x.dtype.kind in "bi":
        x = call("cast", x, "int64")
    return _along(lambda now, h: call("ones_like", now) if h is None else h * now, [x], axis)


@defines
def recurrence(a: Expr, b: Expr, axis: int, reverse: bool) -> Any:
    """A step that multiplies and adds."""
    return _along(lambda m, n, h: call("zeros_like", n) if h is None else m * h + n, [a, b], axis, reverse)


def apart(x: Expr, step: int, axis: int) -> Any:
    """Put zeros between the elements along an axis."""
    if step == 1:
        return x
    size = x.shape[axis]
    if not isinstance(size, int):
        raise ShapeError("expected sizes that are known")
    wide = call("pad", call("expand_dims", x, axis + 1), [(0, (step - 1) * (a == axis + 1)) for a in range(x.ndim + 1)])
    shape = (*x.shape[:axis], size * step, *x.shape[axis + 1 :])
    return call("reshape", wide, shape)[(*(slice(None),) * axis, slice(0, (size - 1) * step + 1))]


def fitted(x: Expr, axis: int, before: int, after: int) -> Any:
    """Add zeros at both ends of an axis, or take elements away where there are to be fewer than none."""
    size = x.shape[axis]
    assert isinstance(size, int)
    x = x[(*(slice(None),) * axis, slice(max(-before, 0), size - max(-after, 0)))]
    return call("pad", x, [(max(before, 0) * (a == axis), max(after, 0) * (a == axis)) for a in range(x.ndim)])


def overlapped(
    parts: Sequence[Expr],
    sizes: Sequence[Any],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> Any:
    """Add up what all windows have at each place in them where it came from."""
    if any(isinstance(n, str) for n in (*sizes, *parts[0].shape[1:-1])):
        raise ShapeError("expected images whose sizes are known")
    total: Any = 0
    for place, part in zip(itertools.product(*map(range, window)), parts, strict=True):
        each = zip(place, sizes, padding, part.shape[1:-1], strides, dilation, strict=True)
        for axis, (p, n, (low, _), count, s, d) in enumerate(each, 1):
            before = p * d - low
            part = fitted(apart(part, s, axis), axis, before, n - before - ((count - 1) * s + 1))
        total = total + part
    return total


@defines
def sum_pool_gradient(g: Expr, like: Expr, pool_size: Any, strides: Any, padding: Any) -> Any:
    """The gradient of a sum, everywhere."""
    parts = [g] * math.prod(pool_size)
    return overlapped(parts, like.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


def _winners(y: Expr, x: Expr, pool_size: Any, strides: Any, padding: Any) -> list[Expr]:
    """Return for each place of the windows whether it is the first with the greatest element."""
    lowest = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    slices = list(taps(np, _bordered(x, padding, lowest), pool_size, strides, (1,) * len(strides), y.shape[1:-1]))  # type: ignore[arg-type]
    found, taken = [], None
    for tap in slices:
        here = tap == y
        found.append(here if taken is None else here & ~taken)
        taken = here if taken is None else taken | here
    return found


def _bordered(x: Expr, padding: Pairs, value: float) -> Any:
    from pellucid.graph.decomposition import symbolic

    return padded(symbolic, x, padding, value)


@defines
def max_pool_gradient(g: Expr, y: Expr, x: Expr, pool_size: Any, strides: Any, padding: Any) -> Any:
    """Every window's gradient where its greatest element is."""
    zero = np.zeros((), g.dtype)
    parts = [call("where", won, g, zero) for won in _winners(y, x, pool_size, strides, padding)]
    return overlapped(parts, x.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


@defines
def overlap_patches(g: Expr, like: Expr, size: Any, strides: Any, dilation: Any, padding: Any) -> Any:
    """Patches put back."""
    parts = call("split", g, math.prod(size), axis=-1)
    return overlapped(parts, like.shape[1:-1], size, strides, padding, dilation)


@defines
def conv_kernel_gradient(x: Expr, g: Expr, like: Expr, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """A convolution in which the batch is the channels, and strides and dilation have changed places."""
    if any(isinstance(n, str) for n in (*like.shape, *g.shape[1:-1])):
        raise ShapeError("expected images whose sizes are known")
    pieces = zip(call("split", x, groups, axis=-1), call("split", g, groups, axis=-1), strict=True)
    window, axes = like.shape[:-2], range(1, x.ndim - 1)
    found = []
    for images, arrived in pieces:
        turned = call("transpose", images, (x.ndim - 1, *axes, 0))
        kernel = call("transpose", arrived, (*axes, 0, x.ndim - 1))
        whole = conv(turned, kernel, strides=dilation, dilation=strides, padding=padding)
        part = whole[(slice(None), *(slice(k) for k in window if isinstance(k, int)))]
        found.append(call("transpose", part, (*axes, 0, x.ndim - 1)))
    return call("concatenate", found, axis=-1)
