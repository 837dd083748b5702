r"""Quantiles, percentiles and the median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op, register_function
from pellucid.graph.precedence import TemplatePiece
from pellucid.graph.types import Type, normalize_axes


def _normalize_settings(x: Expr, q: Any, axis: Any, keepdims: Any) -> dict[str, Any]:
    fractions = np.asarray(q, dtype=float)
    if not np.all((fractions >= 0) & (fractions <= 1)):
        raise OptionError(f"quantile: expected fractions from 0 to 1. Received: q={q}")
    axes = normalize_axes(axis, x.ndim, "quantile", x)
    return {
        "q": _to_nested_tuples(fractions.tolist()),
        "axis": axes[0] if len(axes) == 1 else axes,
        "keepdims": bool(keepdims),
    }


def _to_nested_tuples(value: Any) -> Any:
    return tuple(map(_to_nested_tuples, value)) if isinstance(value, list) else value


def _infer_type(x: Expr, q: Any, axis: int | tuple[int, ...], keepdims: bool) -> Type:
    axes = (axis,) if isinstance(axis, int) else axis
    rest = [1 if a in axes else d for a, d in enumerate(x.shape) if keepdims or a not in axes]
    return Type((*np.shape(q), *rest), x.dtype)


def _tex(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    return [rf"Q_{{{settings.get('q')}}}(", (operands[0], 0), ")"]


def _draw_examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [
        ((x,), {"axis": 1}),
        ((x,), {"q": [0.1, 0.7], "axis": (0, 2), "keepdims": True}),
        ((x,), {"q": [[0.0], [1.0]]}),
    ]


@op(
    tex=_tex,
    promotes=True,
    floats=True,
    compound=True,
    infer=_infer_type,
    normalize=_normalize_settings,
    examples=_draw_examples,
    cost=lambda node, size: size(node.inputs[0]) * math.log2(2 + size(node.inputs[0])),
)
def quantile(xp: Any, x: Any, q: Any = 0.5, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Quantile of the elements along axes, linearly interpolated between neighbours:
    :math:`(1 - t)\, x_{(i)} + t\, x_{(i + 1)}` at :math:`i + t = q (n - 1)`, with :math:`i` counted from 0.

    Parameters
    ----------
    x : Expr or array
        Of real numbers. Integers are converted to `config.floatx`.
    q : float, list or array
        Fractions from 0 to 1.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    keepdims : bool
        Whether to keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Of the shape of ``q`` and the remaining axes. It is NaN where an element is NaN.

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
    fractions, axes = np.asarray(q), (axis,) if isinstance(axis, int) else axis
    others = [a for a in range(x.ndim) if a not in axes]
    rows = xp.transpose(x, (*axes, *others))
    if len(axes) != 1:
        rows = xp.reshape(rows, (-1, *(x.shape[a] for a in others)))
    position = fractions * (xp.size(rows, 0) - 1)
    lower = xp.floor(position)
    weight = xp.reshape((position - lower).astype(x.dtype), (*fractions.shape, *[1] * len(others)))
    ordered = xp.sort(rows, axis=0)
    below, above = (xp.take(ordered, index.astype("int64"), axis=0) for index in (lower, xp.ceil(position)))
    # 0 * inf is NaN: an infinite upper neighbour of weight 0 must not enter the sum.
    above = xp.where(weight > 0, above, np.zeros((), x.dtype))
    result = below * (1 - weight) + above * weight
    result = xp.where(xp.any(xp.isnan(rows), axis=0), np.asarray(np.nan, x.dtype), result)
    return xp.expand_dims(result, tuple(a + fractions.ndim for a in axes)) if keepdims and axes else result


@register_function
def percentile(a: Any, q: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    r"""Percentile along axes: the `quantile` at :math:`q / 100`.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.percentile(x, [0, 50, 100]))([4, 1, 2])
    array([1., 2., 4.], dtype=float32)
    """
    return quantile(a, np.asarray(q, dtype=float) / 100, axis=axis, keepdims=keepdims)


@register_function
def median(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    r"""Median along axes: the middle element, or the mean of the two middle elements.

    Examples
    --------
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.function([x], [pel.median(x), pel.grad(pel.median(x), x)])([4, 1, 2, 9])
    [np.float32(3.0), array([0.5, 0. , 0.5, 0. ], dtype=float32)]
    """
    return quantile(a, 0.5, axis=axis, keepdims=keepdims)
