r"""Variance, standard deviation, range and weighted average along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import function_tex, method_text
from pellucid.graph.ops.reductions import (
    cost_per_input,
    count_elements,
    infer_reduced_type,
    mean,
    normalize_reduction,
    restore_axes,
)
from pellucid.graph.types import format_shape, normalize_axes


def _normalize_settings(x: Expr, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> dict[str, Any]:
    return {**normalize_reduction(x, axis, keepdims), "ddof": ddof}


def _draw_examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1, "ddof": 1}), ((x,), {"axis": (0, -1), "keepdims": True})]


def _scale_deviations(g: Any, x: Any, axis: tuple[int, ...], ddof: Any, keepdims: bool) -> Any:
    """Return g * (x - mean) / (n - ddof)."""
    freedom = count_elements(x, axis) - ddof if ddof else count_elements(x, axis)
    return restore_axes(g, x, axis, keepdims) * (x - mean(x, axis=axis, keepdims=True)) / freedom


@op(
    tex=function_tex(r"\operatorname{var}"),
    text=method_text("var"),
    infer=lambda x, axis, ddof, keepdims: infer_reduced_type(x, axis, keepdims),
    normalize=_normalize_settings,
    promotes=True,
    floats=True,
    compound=True,
    grad=lambda g, y, x, axis, ddof, keepdims: _scale_deviations(2 * g, x, axis, ddof, keepdims),
    examples=_draw_examples,
    cost=cost_per_input(3),
)
def var(xp: Any, x: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    r"""Variance of the elements along axes, :math:`\frac{1}{n - d} \sum_i (x_i - \bar{x})^2` with :math:`d` = ``ddof``.

    Parameters
    ----------
    x : Expr or array
        Of any shape. Integers and booleans are converted to `config.floatx`.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    ddof : int
        Delta degrees of freedom, subtracted from the number of elements; 1 for an unbiased estimate.
    keepdims : bool
        Whether to keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> pel.var(pel.matrix("x"), axis=0)
    x.var(axis=0)
    """
    squares = xp.mean(xp.square(x - xp.mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)
    if ddof == 0:
        return squares
    # 16-bit floats cannot represent large counts.
    count_dtype = x.dtype if x.dtype.itemsize > 2 else np.dtype("float32")
    count = xp.sum(xp.ones_like(x, dtype=count_dtype), axis=axis, keepdims=keepdims)
    return squares * (count / xp.maximum(count - ddof, 0)).astype(x.dtype)


def _std_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], ddof: Any, keepdims: bool) -> Any:
    # A standard deviation of 0 means that all deviations are 0; divide them by 1, for a gradient of 0 and not NaN.
    safe_y = call_op("where", call_op("equal", y, 0), np.ones((), y.dtype), y)
    return _scale_deviations(g / safe_y, x, axis, ddof, keepdims)


@op(
    tex=function_tex(r"\operatorname{std}"),
    text=method_text("std"),
    infer=lambda x, axis, ddof, keepdims: infer_reduced_type(x, axis, keepdims),
    normalize=_normalize_settings,
    promotes=True,
    floats=True,
    compound=True,
    grad=_std_grad,
    examples=_draw_examples,
    cost=cost_per_input(3),
)
def std(xp: Any, x: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    r"""Standard deviation of the elements along axes, :math:`\sqrt{\operatorname{var}(x)}`. The gradient is 0 where all
    elements are equal.

    Parameters
    ----------
    x : Expr or array
        Of any shape. Integers and booleans are converted to `config.floatx`.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    ddof : int
        Delta degrees of freedom, subtracted from the number of elements; 1 for the root of an unbiased variance.
    keepdims : bool
        Whether to keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> pel.std(pel.matrix("x"), axis=0)
    x.std(axis=0)
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.grad(pel.std(x), x))([3.0, 3.0])
    array([0., 0.], dtype=float32)
    """
    return xp.sqrt(xp.var(x, axis=axis, ddof=ddof, keepdims=keepdims))


@register_function
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    r"""Peak-to-peak range of the elements along axes, :math:`\max_i x_i - \min_i x_i`.

    Examples
    --------
    >>> pel.ptp(pel.vector("x"))
    x.max() - x.min()
    """
    x = as_expr(x)
    return call_op("max", x, axis=axis, keepdims=keepdims) - call_op("min", x, axis=axis, keepdims=keepdims)


@register_function
def average(x: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    r"""Weighted average of the elements along axes, :math:`\sum_i w_i x_i / \sum_i w_i`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int, optional
        The axes to average over; by default all.
    weights : Expr or array, optional
        Of the shape of ``x``, or with one axis for each averaged axis, in order. By default the mean is computed.
    keepdims : bool
        Whether to keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Raises
    ------
    ShapeError
        If the weights have another number of axes.

    Examples
    --------
    >>> pel.function([], pel.average([1.0, 4.0], weights=[2.0, 1.0]))()
    np.float32(2.0)
    """
    x = as_expr(x)
    if weights is None:
        return mean(x, axis=axis, keepdims=keepdims)
    weights, axes = as_expr(weights), normalize_axes(axis, x.ndim, "average", x)
    if weights.ndim != x.ndim:
        if weights.ndim != len(axes):
            raise ShapeError(
                f"average: expected weights of the shape of {x}, {format_shape(x.shape)}, or of its axes {axes}. "
                f"Received: {weights}, of shape {format_shape(weights.shape)}"
            )
        weights = call_op("expand_dims", weights, axis=tuple(a for a in range(x.ndim) if a not in axes))
    weighted = x * weights
    total = call_op("sum", call_op("broadcast_like", weights, weighted), axis=axes, keepdims=keepdims)
    return call_op("sum", weighted, axis=axes, keepdims=keepdims) / total
