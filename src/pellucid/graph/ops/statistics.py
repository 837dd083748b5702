r"""Variance, standard deviation, range, weighted average and quantiles along axes."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand, function_tex, method_text, settings_tex
from pellucid.graph.ops.reductions import (
    cost_per_input,
    count_elements,
    infer_reduced_type,
    mean,
    normalize_reduction,
    restore_axes,
)
from pellucid.graph.range_rules import elements_of, fixed
from pellucid.graph.types import Type, format_shape, normalize_axes, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import ArrayLike, Axes


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1, "ddof": 1}), ((x,), {"axis": (0, -1), "keepdims": True})]


def _scale_deviations(g: Expr, x: Expr, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Expr:
    """Return g * (x - mean) / (n - ddof)."""
    freedom = count_elements(x, axis) - ddof if ddof else count_elements(x, axis)
    return restore_axes(g, x, axis, keepdims) * (x - mean(x, axis=axis, keepdims=True)) / freedom


_deviation_op = functools.partial(
    op,
    infer=lambda x, axis, ddof, keepdims: infer_reduced_type(x, axis, keepdims),
    normalize=lambda x, axis=None, ddof=0, keepdims=False: {**normalize_reduction(x, axis, keepdims), "ddof": ddof},
    promotes=True,
    floats=True,
    composite=True,
    examples=_draw_examples,
    cost=cost_per_input(3),
)


@_deviation_op(
    tex=function_tex(r"\operatorname{var}"),
    text=method_text("var"),
    grad=lambda g, y, x, axis, ddof, keepdims: _scale_deviations(2 * g, x, axis, ddof, keepdims),
    value_range=fixed(0, math.inf),
)
def var(
    xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, ddof: float = 0, keepdims: bool = False
) -> NamespaceArray:
    r"""Variance of the elements along axes, :math:`\frac{1}{n - d} \sum_i (x_i - \bar{x})^2` with :math:`d` = ``ddof``.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Integers and booleans are cast to `config.floatx`.
    axis : int or tuple of int, optional
        Axes to reduce (default all).
    ddof : int
        Delta degrees of freedom, subtracted from the number of elements; 1 for an unbiased estimate.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

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


def _std_grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Expr:
    # A standard deviation of 0 means that all deviations are 0; divide them by 1, for a gradient of 0 and not NaN.
    safe_y = call_op("where", call_op("equal", y, 0), np.ones((), y.dtype), y)
    return _scale_deviations(g / safe_y, x, axis, ddof, keepdims)


@_deviation_op(
    tex=function_tex(r"\operatorname{std}"), text=method_text("std"), grad=_std_grad, value_range=fixed(0, math.inf)
)
def std(
    xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, ddof: float = 0, keepdims: bool = False
) -> NamespaceArray:
    r"""Standard deviation of the elements along axes, :math:`\sqrt{\operatorname{var}(x)}`.

    The gradient is 0 where all elements are equal. The parameters are those of `var`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    ddof : int
        Number that is subtracted from the number of elements in the divisor.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.grad(pel.std(x), x))([3.0, 3.0])
    array([0., 0.], dtype=float32)
    """
    return xp.sqrt(xp.var(x, axis=axis, ddof=ddof, keepdims=keepdims))


@register_function
def ptp(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Peak-to-peak range of the elements along axes, :math:`\max_i x_i - \min_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.ptp(pel.vector("x"))
    x.max() - x.min()
    """
    x = as_expr(x)
    return call_op("max", x, axis=axis, keepdims=keepdims) - call_op("min", x, axis=axis, keepdims=keepdims)


@register_function
def average(x: Operand, axis: Axes = None, weights: Operand | None = None, keepdims: bool = False) -> Expr:
    r"""Weighted average of the elements along axes, :math:`\sum_i w_i x_i / \sum_i w_i`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int, optional
        Axes to average over (default all).
    weights : Expr or array, optional
        Weights of the shape of ``x``, or with one axis for each averaged axis, in the order of ``axis``. By default the
        mean is computed.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

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
                f"Received: {format_operand(weights)}"
            )
        # The axes of the weights are in the order of ``axis``.
        order = [normalize_axis(a, x.ndim, "average", x) for a in np.atleast_1d(axes if axis is None else axis)]
        if order != sorted(order):
            weights = call_op("transpose", weights, tuple(np.argsort(order).tolist()))
        weights = call_op("expand_dims", weights, axis=tuple(a for a in range(x.ndim) if a not in axes))
    weighted = x * weights
    total = call_op("sum", call_op("broadcast_like", weights, weighted), axis=axes, keepdims=keepdims)
    return call_op("sum", weighted, axis=axes, keepdims=keepdims) / total


def _normalize_quantile(x: Expr, q: ArrayLike, axis: Axes, keepdims: bool) -> OpSettings:
    fractions = np.asarray(q, dtype=float)
    if not np.all((fractions >= 0) & (fractions <= 1)):
        raise OptionError(f"quantile: expected fractions from 0 to 1. Received: q={q!r}")
    axes = normalize_axes(axis, x.ndim, "quantile", x)
    return {
        "q": _to_nested_tuples(fractions.tolist()),
        "axis": axes[0] if len(axes) == 1 else axes,
        "keepdims": bool(keepdims),
    }


def _to_nested_tuples(value: Any) -> Any:
    return tuple(map(_to_nested_tuples, value)) if isinstance(value, list) else value


def _infer_quantile(x: Expr, q: Expr, axis: int | tuple[int, ...], keepdims: bool) -> Type:
    axes = (axis,) if isinstance(axis, int) else axis
    rest = [1 if a in axes else d for a, d in enumerate(x.shape) if keepdims or a not in axes]
    return Type((*np.shape(q), *rest), x.dtype)


def _draw_quantile_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [
        ((x,), {"axis": 1}),
        ((x,), {"q": [0.1, 0.7], "axis": (0, 2), "keepdims": True}),
        ((x,), {"q": [[0.0], [1.0]]}),
    ]


@op(
    tex=settings_tex(r"Q_{{{q}}}"),
    promotes=True,
    floats=True,
    composite=True,
    infer=_infer_quantile,
    normalize=_normalize_quantile,
    examples=_draw_quantile_examples,
    cost=lambda node, size: size(node.inputs[0]) * math.log2(2 + size(node.inputs[0])),
    value_range=elements_of(0),
)
def quantile(
    xp: ArrayNamespace, x: NamespaceArray, q: ArrayLike = 0.5, axis: Axes = None, keepdims: bool = False
) -> NamespaceArray:
    r"""Quantile of the elements along axes, linearly interpolated between neighbors:
    :math:`(1 - t)\, x_{(i)} + t\, x_{(i + 1)}` at :math:`i + t = q (n - 1)`, with :math:`i` counted from 0.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Integers are cast to `config.floatx`.
    q : float, list or array
        Fractions from 0 to 1.
    axis : int or tuple of int, optional
        Axes to reduce (default all).
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the axes of ``q``, then the remaining axes. NaN if an element is NaN.

    Raises
    ------
    ValueError
        If a fraction is outside [0, 1].

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.quantile(x, 0.25))([4, 1, 2, 3])
    np.float32(1.75)

    References
    ----------
    R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), type 7.
    """
    fractions, axes = np.asarray(q), normalize_axes(axis, x.ndim, "quantile")
    others = [a for a in range(x.ndim) if a not in axes]
    rows = xp.transpose(x, (*axes, *others))
    if len(axes) != 1:
        rows = xp.reshape(rows, (-1, *(x.shape[a] for a in others)))
    position = fractions * (xp.size(rows, 0) - 1)
    lower = xp.floor(position)
    weight = xp.reshape((position - lower).astype(x.dtype), (*fractions.shape, *[1] * len(others)))
    ordered = xp.sort(rows, axis=0)
    below, above = (xp.take(ordered, index.astype("int64"), axis=0) for index in (lower, xp.ceil(position)))
    # 0 * inf is NaN: an infinite upper neighbor of weight 0 must not enter the sum.
    above = xp.where(weight > 0, above, np.zeros((), x.dtype))
    result = below * (1 - weight) + above * weight
    result = xp.where(xp.any(xp.isnan(rows), axis=0), np.asarray(np.nan, x.dtype), result)
    return xp.expand_dims(result, tuple(a + fractions.ndim for a in axes)) if keepdims and axes else result


@register_function
def percentile(a: Operand, q: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Expr:
    r"""Percentile along axes: the `quantile` at :math:`q / 100`.

    Parameters
    ----------
    a : Expr or array
        Any shape.
    q : float or sequence of float
        Percentages, from 0 to 100.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.percentile(x, [0, 50, 100]))([4, 1, 2])
    array([1., 2., 4.], dtype=float32)
    """
    return quantile(a, np.asarray(q, dtype=float) / 100, axis=axis, keepdims=keepdims)


@register_function
def median(a: Operand, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Expr:
    r"""Median along axes: the middle element, or the mean of the two middle elements.

    Parameters
    ----------
    a : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.function([x], [pel.median(x), pel.grad(pel.median(x), x)])([4, 1, 2, 9])
    [np.float32(3.0), array([0.5, 0. , 0.5, 0. ], dtype=float32)]
    """
    return quantile(a, 0.5, axis=axis, keepdims=keepdims)
