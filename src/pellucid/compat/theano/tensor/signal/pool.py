"""``theano.tensor.signal.pool``: pooling over the last axes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.gradient import grad
from pellucid.compat.theano.tensor.nnet.abstract_conv import as_tuple
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable, wrap
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr

MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")


def pool_2d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> TensorVariable:
    """Pooling over the last two axes."""
    return pool(
        input,
        2,
        ds if ws is None else ws,
        ignore_border,
        st if stride is None else stride,
        pad if padding is None else padding,
        mode,
    )


def pool_3d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> TensorVariable:
    """Pooling over the last three axes."""
    return pool(
        input,
        3,
        ds if ws is None else ws,
        ignore_border,
        st if stride is None else stride,
        pad if padding is None else padding,
        mode,
    )


def max_pool_2d_same_size(input: Any, patch_size: Any) -> TensorVariable:
    """The maximum of each patch at its place, and 0 elsewhere."""
    x = as_tensor_variable(input)
    return x * grad(pool_2d(x, patch_size, ignore_border=True).sum(), x)  # type: ignore[operator, no-any-return]


def pool(
    input: Any, rank: int, ws: Any, ignore_border: bool | None, stride: Any, pad: Any, mode: str
) -> TensorVariable:
    x = as_tensor_variable(input)
    if x.ndim < rank:
        raise ShapeError(f"pool_{rank}d requires an input of {rank} dimensions or more. Received: {x}, of {x.ndim}")
    if mode not in MODES:
        raise OptionError(f"pool_{rank}d: expected mode to be one of {', '.join(MODES)}. Received: {mode!r}")
    if ignore_border is None:
        warnings.warn(f"pool_{rank}d: pass ignore_border=True or False; the default is False", stacklevel=3)
    size, pads = as_tuple(ws, rank), as_tuple(0 if pad is None else pad, rank)
    steps = size if stride is None else as_tuple(stride, rank)
    if any(pads) and not ignore_border:
        raise OptionError(f"pool_{rank}d: padding works only with ignore_border=True. Received: pad={pads}")
    if any(p >= s for p, s in zip(pads, size, strict=True)):
        raise OptionError(f"pool_{rank}d: expected a padding smaller than the windows. Received: pad={pads}, ws={size}")
    lead = x.expr.shape[: x.ndim - rank]
    # Channels last: the leading axes are joined to one, and each image has one channel.
    data = pel.reshape(x.expr, (-1, *x.expr.shape[x.ndim - rank :], 1))
    pooled = pool_channels_last(data, size, steps, pads, bool(ignore_border), mode)
    return wrap(pel.reshape(pooled, (*lead, *pooled.shape[1:-1])))


def count_windows(length: Any, size: int, step: int) -> Any:
    """Return the number of windows that begin inside of an axis, as Theano counts them with incomplete ones."""
    if step >= size:
        return (length - 1) // step + 1
    count = (length - 1 - size + step) // step
    return (max(0, count) if isinstance(count, int) else count.maximum(0)) + 1


def pool_channels_last(
    x: Expr, size: tuple[int, ...], steps: tuple[int, ...], pads: tuple[int, ...], ignore_border: bool, mode: str
) -> Expr:
    """Pool images of one channel. Incomplete windows at the end are filled up."""
    lengths = x.shape[1:-1]
    counts = [
        None if ignore_border else count_windows(n, s, step) for n, s, step in zip(lengths, size, steps, strict=True)
    ]
    ends = [
        0 if c is None else s - 1 if not isinstance(c, int) else max(0, (c - 1) * step + s - n)
        for c, n, s, step in zip(counts, lengths, size, steps, strict=True)
    ]
    widths = [(0, 0), *((p, p + e) for p, e in zip(pads, ends, strict=True)), (0, 0)]

    def sum_windows(x: Expr) -> Expr:
        return pel.sum_pool(pel.pad(x, widths), size, steps)  # type: ignore[attr-defined, no-any-return]

    if mode == "max":
        padded = x if not any(map(any, widths)) else pel.pad(x, widths, constant_values=-float("inf"))
        pooled = pel.max_pool(padded, size, steps)
    else:
        pooled = sum_windows(x)
        if mode != "sum":
            counts_all = mode == "average_inc_pad" and not any(ends)
            pooled = pooled / (math.prod(size) if counts_all else sum_windows(pel.ones_like(x)))
    for axis, count in enumerate(counts):
        if count is not None and not isinstance(count, int):
            pooled = pooled[(slice(None),) * (axis + 1) + (slice(count),)]
    return pooled


add_missing_name_errors(globals(), "theano.tensor.signal.pool")
