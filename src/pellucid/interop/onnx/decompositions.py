"""Decomposition of expressions until every op has an ONNX writer."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import NUMPY
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import PellucidError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import OUTPUT
from pellucid.graph.ops.convolution import conv
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.sliding_windows import Pairs, iterate_part_widths, iterate_window_slices, pad_spatial
from pellucid.graph.traversal import rebuild, topological
from pellucid.interop.onnx.approximations import APPROXIMATIONS
from pellucid.interop.onnx.symbolic import P
from pellucid.interop.onnx.writer import REFUSED, WRITERS, unsupported_error

Definition = Callable[..., Any]

DEFINITIONS: dict[str, Definition] = {}
"""Decompositions of primitive ops, as functions of their operands and settings."""


def defines(function: Definition) -> Definition:
    """Register a function as the decomposition of the op of its name."""
    DEFINITIONS[function.__name__] = function
    return function


def decompose(outputs: Sequence[Expr], stop: Iterable[Expr] = ()) -> list[Expr]:
    """Return equal expressions made of ops that have a writer.

    An op is replaced by its decomposition or approximation, or else by its value function, called with symbolic arrays.

    Raises
    ------
    OnnxError
        For an op that has no writer and cannot be decomposed.
    """
    result, closed = list(outputs), set(stop)
    while True:
        order = topological(result, stop=closed)
        if not any(needs_decomposition(node) for node in order if node not in closed):
            return result
        done: dict[Expr, Expr] = {}
        for node in order:
            if node in closed or node.op is None:
                done[node] = node
            elif node.op is OUTPUT and isinstance(done[node.inputs[0]], (list, tuple)):
                done[node] = done[node.inputs[0]][node.settings["index"]]
            else:
                new = rebuild(node, [done[i] for i in node.inputs])
                done[node] = decompose_once(new) if needs_decomposition(new) else new
        result = [done[output] for output in result]


def needs_decomposition(node: Expr) -> bool:
    return node.op is not None and node.op is not OUTPUT and node.op.name not in WRITERS


def decompose_once(node: Expr) -> Expr:
    assert node.op is not None
    if node.op.name in REFUSED:
        raise unsupported_error(node)
    definition: Callable[..., Any] | None = DEFINITIONS.get(node.op.name, APPROXIMATIONS.get(node.op.name))
    definition = definition or functools.partial(node.op.value, P)
    try:
        result: Any = definition(*node.inputs, **node.settings)
    except PellucidError as error:
        raise unsupported_error(node, str(error)) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise unsupported_error(node) from error
    if result is node or (isinstance(result, Expr) and result.dtype != node.dtype):
        raise unsupported_error(node)
    found: Expr = result
    return found


@defines
def power_of_two(x: Expr) -> Expr:
    """A neighboring power of two would do as well: it scales a formula and is divided out."""
    size = P.abs(x)
    size = P.where((size > 0) & (size < math.inf), size, np.ones((), x.dtype))
    return P.exp2(P.floor(P.log2(size) + 1e-5))


@defines
def erf_difference(x: Expr, y: Expr) -> Expr:
    return P.erf(x) - P.erf(y)


@defines
def roll(x: Expr, shift: Sequence[int], axis: Sequence[int] | None) -> Expr:
    if axis is None:
        return P.reshape_like(roll(P.ravel(x), shift, (0,)), x)
    for steps, along in zip(shift, axis, strict=True):
        size = x.shape[along]
        steps = steps % size if isinstance(size, int) and size else steps
        if steps:
            whole = (slice(None),) * along
            x = P.concatenate([x[(*whole, slice(-steps, None))], x[(*whole, slice(None, -steps))]], axis=along)
    return x


@defines
def outer(x: Expr, y: Expr) -> Expr:
    return P.ravel(x)[:, None] * P.ravel(y)[None]


@defines
def kron(x: Expr, y: Expr) -> Expr:
    """Outer product with interleaved axes, merged in pairs."""
    ndim = max(x.ndim, y.ndim)
    x, y = (e[(None,) * (ndim - e.ndim)] for e in (x, y))
    wide = x[(slice(None), None) * ndim] * y[(None, slice(None)) * ndim]
    sizes = [m * n for m, n in zip(x.shape, y.shape, strict=True) if isinstance(m, int) and isinstance(n, int)]
    if len(sizes) < ndim:
        raise ShapeError("kron: expected known sizes")
    return P.reshape(wide, tuple(sizes))


@defines
def cross(x: Expr, y: Expr, axis: int) -> Expr:

    def component(e: Expr, i: int) -> Expr:
        return e[(..., slice(i, i + 1), *(slice(None),) * (-axis - 1))]

    parts = [component(x, i) * component(y, j) - component(x, j) * component(y, i) for i, j in ((1, 2), (2, 0), (0, 1))]
    return P.concatenate(parts, axis=axis % max(x.ndim, y.ndim))


@defines
def diagonal(x: Expr, offset: int, axis1: int, axis2: int) -> Expr:
    rest = [a for a in range(x.ndim) if a not in (axis1, axis2)]
    x = P.transpose(x, (*rest, axis1, axis2))
    rows, columns = x.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise ShapeError("diagonal: expected known sizes")
    places = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return x[(..., places + max(-offset, 0), places + max(offset, 0))]


def _scan_along(step: Callable[..., Expr], arrays: Sequence[Expr], axis: int, reverse: bool = False) -> Expr:
    """Scan along an axis of arrays; ``step`` with state None returns the initial state."""
    sequences = [P.moveaxis(a, axis, 0) for a in arrays]
    first = step(*(P.zeros_like(s[0]) for s in sequences), None)
    return P.moveaxis(scan(step, sequences, first, reverse=reverse), 0, axis)


@defines
def cumprod(x: Expr, axis: int | None) -> Expr:
    if axis is None:
        x, axis = P.ravel(x), 0
    if x.dtype.kind in "bi":
        x = P.cast(x, "int64")
    return _scan_along(lambda now, h: P.ones_like(now) if h is None else h * now, [x], axis)


@defines
def recurrence(a: Expr, b: Expr, axis: int, reverse: bool) -> Expr:
    return _scan_along(lambda m, n, h: P.zeros_like(n) if h is None else m * h + n, [a, b], axis, reverse)


def dilate(x: Expr, step: int, axis: int) -> Expr:
    """Insert zeros between the elements along an axis."""
    if step == 1:
        return x
    size = x.shape[axis]
    if not isinstance(size, int):
        raise ShapeError("expected known sizes")
    widths = [(0, (step - 1) * (a == axis + 1)) for a in range(x.ndim + 1)]
    wide = P.pad(P.expand_dims(x, axis + 1), widths)
    shape = (*x.shape[:axis], size * step, *x.shape[axis + 1 :])
    return P.reshape(wide, shape)[(*(slice(None),) * axis, slice(0, (size - 1) * step + 1))]


def pad_or_crop(x: Expr, axis: int, before: int, after: int) -> Expr:
    """Pad both ends of an axis with zeros; negative widths crop."""
    size = x.shape[axis]
    assert isinstance(size, int)
    x = x[(*(slice(None),) * axis, slice(max(-before, 0), size - max(-after, 0)))]
    return P.pad(x, [(max(before, 0) * (a == axis), max(after, 0) * (a == axis)) for a in range(x.ndim)])


def overlap_add(
    parts: Sequence[Expr],
    sizes: Sequence[Any],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> Expr:
    """Overlap-add: sum the windows' values at the positions they came from."""
    if any(isinstance(n, str) for n in (*sizes, *parts[0].shape[1:-1])):
        raise ShapeError("expected known image sizes")
    total: Any = 0
    for part, widths in iterate_part_widths(parts, sizes, window, strides, padding, dilation):
        for axis, (low, high, interior) in enumerate(widths, 1):
            part = pad_or_crop(dilate(part, interior + 1, axis), axis, low, high)
        total = total + part
    result: Expr = total
    return result


@defines
def sum_pool_gradient(g: Expr, like: Expr, pool_size: Sequence[int], strides: Sequence[int], padding: Pairs) -> Expr:
    parts = [g] * math.prod(pool_size)
    return overlap_add(parts, like.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


def _argmax_masks(y: Expr, x: Expr, pool_size: Sequence[int], strides: Sequence[int], padding: Pairs) -> list[Expr]:
    """Return, for each position in the window, the mask of windows whose first maximum is there."""
    lowest = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    padded, ones, counts = pad_spatial(symbolic, x, padding, lowest), (1,) * len(strides), y.shape[1:-1]
    slices = list(iterate_window_slices(NUMPY, padded, pool_size, strides, ones, counts))
    masks: list[Expr] = []
    seen: Expr | None = None
    for tap in slices:
        is_maximum = tap == y
        masks.append(is_maximum if seen is None else is_maximum & ~seen)
        seen = is_maximum if seen is None else seen | is_maximum
    return masks


@defines
def max_pool_gradient(
    g: Expr, y: Expr, x: Expr, pool_size: Sequence[int], strides: Sequence[int], padding: Pairs
) -> Expr:
    """The gradient of each window goes to its first maximum."""
    zero = np.zeros((), g.dtype)
    parts = [P.where(mask, g, zero) for mask in _argmax_masks(y, x, pool_size, strides, padding)]
    return overlap_add(parts, x.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


@defines
def overlap_patches(
    g: Expr, like: Expr, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: Pairs
) -> Expr:
    parts = list(P.split(g, math.prod(size), axis=-1))
    return overlap_add(parts, like.shape[1:-1], size, strides, padding, dilation)


@defines
def conv_kernel_gradient(
    x: Expr, g: Expr, like: Expr, strides: Sequence[int], padding: Pairs, dilation: Sequence[int], groups: int
) -> Expr:
    """Convolution with batch and channels exchanged, and strides and dilation exchanged."""
    if any(isinstance(n, str) for n in (*like.shape, *g.shape[1:-1])):
        raise ShapeError("expected known image sizes")
    pieces = zip(P.split(x, groups, axis=-1), P.split(g, groups, axis=-1), strict=True)
    window, axes = like.shape[:-2], range(1, x.ndim - 1)
    found = []
    for images, gradient in pieces:
        swapped = P.transpose(images, (x.ndim - 1, *axes, 0))
        kernel = P.transpose(gradient, (*axes, 0, x.ndim - 1))
        whole = conv(swapped, kernel, strides=dilation, dilation=strides, padding=padding)
        part = whole[(slice(None), *(slice(k) for k in window if isinstance(k, int)))]
        found.append(P.transpose(part, (*axes, 0, x.ndim - 1)))
    return P.concatenate(found, axis=-1)
