r"""Functions that formulas are rewritten into, because the formulas lose digits or leave the range of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, agree
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.exponentials import exp, expm1
from pellucid.graph.ops.forms import axes_tex
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.reductions import canonical, per_input, reduced, spread
from pellucid.graph.text import ADD, BIG, MULTIPLY, Piece
from pellucid.graph.types import Type, shape_text

LOG_2 = math.log(2)


@op(
    tex=r"\log(1 - e^{{{0:_}}})",
    floats=True,
    compound=True,
    domain=(-3.0, -0.2),
    edge=(-1e-30, -1000.0),
    grad=lambda g, y, x: g * (exp(x) / expm1(x)),
    cost=25,
)
def log1mexp(xp: Any, x: Any) -> Any:
    r"""Logarithm of one less an exponential, :math:`\log(1 - e^x)` for :math:`x < 0`, exact also for an :math:`x` that
    is very small or very large.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.simplify(pel.log(1 - pel.exp(pel.vector("x"))))
    log1mexp(x)

    References
    ----------
    M. Maechler, Accurately computing log(1 - exp(-|a|)), vignette of the R package Rmpfr, 2012.
    """
    near, fine = x > -LOG_2, xp.full_like(x, -LOG_2)
    small, large = xp.where(near & (x <= 0), x, fine), xp.where(near, fine, x)
    result = xp.where(near, xp.log(-xp.expm1(small)), xp.log1p(-xp.exp(large)))
    return xp.where(x > 0, xp.full_like(x, np.nan), result)


@op(
    tex=r"\operatorname{{sech}}({0:_})",
    floats=True,
    compound=True,
    edge=(0.0, 100.0, -100.0, 1e5),
    grad=lambda g, y, x: -g * (y * tanh(x)),
    cost=16,
)
def sech(xp: Any, x: Any) -> Any:
    r"""Hyperbolic secant of every element, :math:`1 / \cosh x = 2 / (e^x + e^{-x})`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify(2 / (pel.exp(x) + pel.exp(-x)))
    sech(x)
    """
    small = xp.exp(-xp.abs(x))
    return 2 * small / (1 + small * small)


@op(
    tex=r"1 - \tanh({0:_})^2",
    tex_precedence=ADD,
    text="1 - tanh({0:_}) ** 2",
    precedence=ADD,
    floats=True,
    compound=True,
    edge=(0.0, 40.0, -40.0, 1e5),
    grad=lambda g, y, x: g * (-2 * (y * tanh(x))),
    cost=16,
)
def tanh_slope(xp: Any, x: Any) -> Any:
    r"""Derivative of the hyperbolic tangent, :math:`1 - \tanh(x)^2`, computed as :math:`4 e / (1 + e)^2` with
    :math:`e = e^{-2|x|}`, which keeps its digits where the tangent is nearly 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> slope = pel.simplify(1 - pel.tanh(x) ** 2)
    >>> slope.eval({x: 12.0})
    np.float32(1.5100539e-10)
    """
    small = xp.exp(-2 * xp.abs(x))
    return 4 * small / xp.square(1 + small)


@op(
    tex=r"\sigma({0:_}) (1 - \sigma({0:_}))",
    tex_precedence=MULTIPLY,
    text="sigmoid({0:_}) * (1 - sigmoid({0:_}))",
    precedence=MULTIPLY,
    floats=True,
    compound=True,
    edge=(0.0, 80.0, -80.0, 1e5),
    grad=lambda g, y, x: -g * (y * tanh(x / 2)),
    cost=16,
)
def sigmoid_slope(xp: Any, x: Any) -> Any:
    r"""Derivative of the logistic function, :math:`\sigma(x) (1 - \sigma(x))`, computed as :math:`e / (1 + e)^2` with
    :math:`e = e^{-|x|}`, which keeps its digits where the function is nearly 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> slope = pel.grad(pel.sigmoid(x), x)
    >>> slope
    sigmoid(x) * (1 - sigmoid(x))
    >>> slope.eval({x: 30.0})
    np.float32(9.357623e-14)
    """
    small = xp.exp(-xp.abs(x))
    return small / xp.square(1 + small)


@op(
    tex=r"\log(\cosh({0:_}))",
    floats=True,
    compound=True,
    edge=(0.0, 1000.0, -1000.0),
    grad=lambda g, y, x: g * tanh(x),
    cost=40,
)
def log_cosh(xp: Any, x: Any) -> Any:
    r"""Logarithm of a hyperbolic cosine, :math:`\log \cosh x`, about :math:`x^2 / 2` near 0 and :math:`|x| - \log 2`
    far away.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.simplify(pel.log(pel.cosh(pel.vector("x"))))
    log_cosh(x)
    """
    size = xp.abs(x)
    near = xp.minimum(size, 1)
    by_half = xp.log1p(2 * xp.square(xp.sinh(near / 2)))
    return xp.where(size < 1, by_half, size + xp.log1p(xp.exp(-2 * size)) - LOG_2)


@op(
    tex=r"\operatorname{{softsign}}({0:_})",
    floats=True,
    compound=True,
    domain=(0.2, 3.0),
    edge=(0.0, 1e30, -1e30),
    grad=lambda g, y, x: g * call("square", 1 / (1 + call("abs", x))),
    cost=3,
)
def softsign(xp: Any, x: Any) -> Any:
    r"""Softsign of every element, :math:`x / (1 + |x|)`, whose slope :math:`1 / (1 + |x|)^2` is no difference.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify(x / (1 + pel.abs(x)))
    softsign(x)
    """
    return x / (1 + xp.abs(x))


def _near_zero(x: Any, radius: float, coefficients: Sequence[float], far: Callable[[Any], Any]) -> Any:
    """Write a function as a series of powers near 0 and as a formula elsewhere."""
    small = call("abs", x) < radius
    near, away = call("where", small, x, np.zeros((), x.dtype)), call("where", small, np.ones((), x.dtype), x)
    series: Any = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        series = coefficient + near * series
    return call("where", small, series, far(away))


def _exprel_grad(g: Any, y: Any, x: Any) -> Any:
    series = [(k + 1) / math.factorial(k + 2) for k in range(14)]
    return g * _near_zero(x, 0.5, series, lambda a: (exp(a) - exprel(a)) / a)


@op(
    tex=r"\frac{{e^{{{0:_}}} - 1}}{{{0:_}}}",
    floats=True,
    compound=True,
    edge=(0.0, 1e-20, 1e-3, -1000.0),
    grad=_exprel_grad,
    cost=14,
)
def exprel(xp: Any, x: Any) -> Any:
    r"""Relative exponential, :math:`(e^x - 1) / x`, which is 1 at 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify((pel.exp(x) - 1) / x)
    exprel(x)
    """
    zero = xp.equal(x, 0)
    return xp.where(zero, xp.ones_like(x), xp.expm1(x) / xp.where(zero, xp.ones_like(x), x))


def _log1prel_grad(g: Any, y: Any, x: Any) -> Any:
    series = [(-1.0) ** (k + 1) * (k + 1) / (k + 2) for k in range(16)]
    return g * _near_zero(x, 0.1, series, lambda a: (1 / (1 + a) - log1prel(a)) / a)


@op(
    tex=r"\frac{{\log(1 + {0:_})}}{{{0:_}}}",
    floats=True,
    compound=True,
    domain=(-0.8, 3.0),
    edge=(0.0, 1e-20, 1e-3, 1e30),
    grad=_log1prel_grad,
    cost=14,
)
def log1prel(xp: Any, x: Any) -> Any:
    r"""Relative logarithm, :math:`\log(1 + x) / x`, which is 1 at 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(1 + x) / x)
    log1prel(x)
    """
    zero = xp.equal(x, 0)
    return xp.where(zero, xp.ones_like(x), xp.log1p(x) / xp.where(zero, xp.ones_like(x), x))


def _weighted_type(x: Expr, weights: Expr, axis: tuple[int, ...], keepdims: bool) -> Type:
    if not agree(weights.shape, x.shape):
        raise ShapeError(
            f"logsumexp_weighted: expected a weight for each element of {x}, of shape {shape_text(x.shape)}. "
            f"Received: {weights}, of shape {shape_text(weights.shape)}"
        )
    return reduced(x, axis, keepdims)


def _weighted_axes(x: Expr, weights: Expr, axis: Any = None, keepdims: bool = False) -> dict[str, Any]:
    return canonical(x, axis, keepdims)


def _weighted_grad(g: Any, y: Any, x: Any, weights: Any, axis: tuple[int, ...], keepdims: bool) -> tuple[Any, Any]:
    # What has no weight may be beyond all range, and counts for nothing.
    counted = call("where", call("equal", weights, 0), np.asarray(-np.inf, x.dtype), x)
    part = weights * exp(counted - call("max", counted, axis=axis, keepdims=True))
    wide = spread(g, x, axis, keepdims)
    return wide * (part / call("sum", part, axis=axis, keepdims=True)), wide * exp(x - spread(y, x, axis, keepdims))


def _weighted_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    along = axes_tex(operands[0], settings.get("axis"))
    return [rf"\log \sum{along} ", (operands[1], BIG), r" \, e^{", (operands[0], 0), "}"]


def _weighted_examples(rng: np.random.Generator) -> list[Any]:
    x, weights = rng.normal(size=(3, 4)), rng.uniform(0.5, 2, (3, 4))
    extreme = np.array([[1000.0, 0.0, -1000.0], [-1000.0, -1001.0, 5.0]])
    return [
        ((x, weights), {}),
        ((x, weights), {"axis": 1, "keepdims": True}),
        ((extreme, np.array([[0.5, 1.0, 2.0], [1.0, 2.0, 0.25]])), {"axis": 1}),
    ]


@op(
    tex=_weighted_tex,
    tex_precedence=BIG,
    floats=True,
    promotes=True,
    compound=True,
    infer=_weighted_type,
    normalize=_weighted_axes,
    grad=_weighted_grad,
    examples=_weighted_examples,
    cost=per_input(16),
)
def logsumexp_weighted(xp: Any, x: Any, weights: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Logarithm of a weighted sum of exponentials, :math:`\log \sum_i w_i e^{x_i}`, shifted by the greatest
    :math:`x_i` that has a weight.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    weights : Expr or array
        Of the same shape; they may be 0, and negative as long as the sum is positive.
    axis : int or tuple of int, optional
        The axes to sum over; all of them without it.
    keepdims : bool
        Whether they stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Raises
    ------
    ShapeError
        If the weights have another shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> w, x = pel.vector("w", shape=(3,)), pel.vector("x", shape=(3,))
    >>> pel.simplify(pel.log((w * pel.exp(x)).sum()))
    logsumexp_weighted(x, w)
    """
    nothing = xp.equal(weights, 0)
    counted = xp.where(nothing, xp.full_like(x, -np.inf), x)
    greatest = xp.max(counted, axis=axis, keepdims=True)
    greatest = xp.where(xp.abs(greatest) < np.inf, greatest, xp.zeros_like(greatest))
    total = xp.sum(weights * xp.exp(counted - greatest), axis=axis, keepdims=keepdims)
    return xp.log(total) + (greatest if keepdims else xp.squeeze(greatest, axis=axis))
