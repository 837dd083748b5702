r"""Values at fractions of the way through the sorted elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import public
from pellucid.graph.operators import call
from pellucid.graph.types import is_float, normalize_axes


@public
def quantile(a: Any, q: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    r"""The value below which a fraction :math:`q` of the elements lies, between two neighbours in proportion:
    :math:`(1 - t)\, x_{(i)} + t\, x_{(i + 1)}` at :math:`i + t = q (n - 1)`, counted from 0.

    Parameters
    ----------
    a : Expr or array
        Of real numbers; integers are taken as `config.floatx`.
    q : float, list or array
        Fractions from 0 to 1.
    axis : int or tuple of int, optional
        The axes to go over; all of them without it.
    keepdims : bool
        Whether they stay, with length 1.

    Returns
    -------
    Expr
        Of the shape of ``q`` and the remaining axes; not a number where an element is not.

    Raises
    ------
    ValueError
        If a fraction is not from 0 to 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.quantile(x, 0.25))([4, 1, 2, 3])
    np.float32(1.75)

    References
    ----------
    R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), type 7.
    """
    fractions = np.asarray(q, dtype=float)
    if not np.all((fractions >= 0) & (fractions <= 1)):
        raise ValueError(f"quantile: expected fractions from 0 to 1. Received: q={q}")
    x = as_expr(a)
    x = x if is_float(x.dtype) else call("cast", x, dtype=None)
    axes = normalize_axes(axis, x.ndim, "quantile", x)
    others = [a for a in range(x.ndim) if a not in axes]
    row = call("transpose", x, (*axes, *others)) if others else x
    if len(axes) != 1:
        row = call("reshape", row, (-1, *(x.shape[a] for a in others)))
    found = _between(call("sort", row, axis=0), fractions)
    found = call("where", call("any", call("isnan", row), axis=0), np.asarray(np.nan, x.dtype), found)
    return call("expand_dims", found, tuple(a + fractions.ndim for a in axes)) if keepdims and axes else found


def _between(row: Expr, fractions: np.ndarray[Any, Any]) -> Any:
    """Take the elements at fractions of a sorted first axis, or the two beside each in proportion."""
    length = row.shape[0]
    steps = length - 1 if isinstance(length, int) else call("size", row, axis=0, dtype="float64") - 1.0
    position = as_expr(np.float64(1.0)) * fractions * steps
    lower = call("floor", position)
    share = call("cast", position - lower, dtype=row.dtype)
    share = call("reshape", share, (*fractions.shape, *[1] * (row.ndim - 1)))
    below, above = (
        call("take", row, call("cast", place, dtype="int64"), axis=0) for place in (lower, call("ceil", position))
    )
    # Where an element is met exactly nothing is mixed in, which might be infinite.
    return below * (1 - share) + call("where", share > 0, above, np.zeros((), row.dtype)) * share


@public
def percentile(a: Any, q: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    r"""The `quantile` of a fraction in hundredths, :math:`q / 100`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.percentile(x, [0, 50, 100]))([4, 1, 2])
    array([1., 2., 4.], dtype=float32)
    """
    return quantile(a, np.asarray(q, dtype=float) / 100, axis=axis, keepdims=keepdims)


@public
def median(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    r"""The element in the middle of the sorted ones, or the mean of the two there, which share its gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.function([x], [pel.median(x), pel.grad(pel.median(x), x)])([4, 1, 2, 9])
    [np.float32(3.0), array([0.5, 0. , 0.5, 0. ], dtype=float32)]
    """
    return quantile(a, 0.5, axis=axis, keepdims=keepdims)
