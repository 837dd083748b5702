r"""How elements scatter along axes: variance, standard deviation, range, and means of unequal weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import applied, method
from pellucid.graph.ops.reductions import canonical, exact_count, mean, per_input, reduced, spread
from pellucid.graph.types import normalize_axes, shape_text


def _canonical_ddof(x: Expr, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> dict[str, Any]:
    return {**canonical(x, axis, keepdims), "ddof": ddof}


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1, "ddof": 1}), ((x,), {"axis": (0, -1), "keepdims": True})]


def _deviation(g: Any, x: Any, axis: tuple[int, ...], ddof: Any, keepdims: bool) -> Any:
    """Return how far each element is from the mean, divided by the degrees of freedom, times a gradient."""
    freedom = exact_count(x, axis) - ddof if ddof else exact_count(x, axis)
    return spread(g, x, axis, keepdims) * (x - mean(x, axis=axis, keepdims=True)) / freedom


@op(
    tex=applied(r"\operatorname{var}"),
    text=method("var"),
    infer=lambda x, axis, ddof, keepdims: reduced(x, axis, keepdims),
    normalize=_canonical_ddof,
    promotes=True,
    floats=True,
    compound=True,
    grad=lambda g, y, x, axis, ddof, keepdims: _deviation(2 * g, x, axis, ddof, keepdims),
    examples=_examples,
    cost=per_input(3),
)
def var(xp: Any, x: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    r"""Variance over axes, :math:`\frac{1}{n - d} \sum_i (x_i - \bar{x})^2` with :math:`d` = ``ddof``.

    Parameters
    ----------
    x : Expr or array
        Of any shape; integers and booleans are taken as `config.floatx`.
    axis : int or tuple of int, optional
        The axes to go over; all of them without it.
    ddof : int
        What is taken off the number of elements: 1 for an unbiased estimate.
    keepdims : bool
        Whether the axes stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.var(pel.matrix("x"), axis=0)
    x.var(axis=0)
    """
    squares = xp.mean(xp.square(x - xp.mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)
    if ddof == 0:
        return squares
    # A dtype of two bytes cannot hold large counts.
    exact = x.dtype if x.dtype.itemsize > 2 else np.dtype("float32")
    count = xp.sum(xp.ones_like(x, dtype=exact), axis=axis, keepdims=keepdims)
    return squares * (count / xp.maximum(count - ddof, 0)).astype(x.dtype)


def _std_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], ddof: Any, keepdims: bool) -> Any:
    # Where the deviation is 0, so is the distance of every element from the mean, and 0 divided by 1 is meant.
    return _deviation(g / call("where", call("equal", y, 0), np.ones((), y.dtype), y), x, axis, ddof, keepdims)


@op(
    tex=applied(r"\operatorname{std}"),
    text=method("std"),
    infer=lambda x, axis, ddof, keepdims: reduced(x, axis, keepdims),
    normalize=_canonical_ddof,
    promotes=True,
    floats=True,
    compound=True,
    grad=_std_grad,
    examples=_examples,
    cost=per_input(3),
)
def std(xp: Any, x: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    r"""Standard deviation over axes, :math:`\sqrt{\operatorname{var}(x)}`; the gradient of equal elements, where the
    function has a kink, is taken to be 0.

    Parameters
    ----------
    x : Expr or array
        Of any shape; integers and booleans are taken as `config.floatx`.
    axis : int or tuple of int, optional
        The axes to go over; all of them without it.
    ddof : int
        What is taken off the number of elements: 1 for the square root of an unbiased estimate.
    keepdims : bool
        Whether the axes stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.std(pel.matrix("x"), axis=0)
    x.std(axis=0)
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.grad(pel.std(x), x))([3.0, 3.0])
    array([0., 0.], dtype=float32)
    """
    return xp.sqrt(xp.var(x, axis=axis, ddof=ddof, keepdims=keepdims))


@public
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    r"""Range of the elements over axes, from peak to peak, :math:`\max_i x_i - \min_i x_i`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ptp(pel.vector("x"))
    x.max() - x.min()
    """
    x = as_expr(x)
    return call("max", x, axis=axis, keepdims=keepdims) - call("min", x, axis=axis, keepdims=keepdims)


@public
def average(x: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    r"""Weighted mean over axes, :math:`\sum_i w_i x_i / \sum_i w_i`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int, optional
        The axes to average over; all of them without it.
    weights : Expr or array, optional
        Of the shape of ``x``, or of the axes that are averaged over, in their order. Without them, the mean.
    keepdims : bool
        Whether the axes stay, with length 1.

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
    >>> import pellucid as pel
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
                f"average: expected weights of the shape of {x}, {shape_text(x.shape)}, or of its axes {axes}. "
                f"Received: {weights}, of shape {shape_text(weights.shape)}"
            )
        weights = call("expand_dims", weights, axis=tuple(a for a in range(x.ndim) if a not in axes))
    weighted = x * weights
    total = call("sum", call("broadcast_like", weights, weighted), axis=axes, keepdims=keepdims)
    return call("sum", weighted, axis=axes, keepdims=keepdims) / total
