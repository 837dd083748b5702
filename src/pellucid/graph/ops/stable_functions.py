r"""Functions that formulas are rewritten into, because the formulas lose digits or leave the range of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, agree
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.exponentials import exp, expm1
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.op_printing import axes_tex, function
from pellucid.graph.ops.reductions import canonical, per_input, reduced, spread
from pellucid.graph.printing import ADD, BIG, MULTIPLY, Piece
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


def _broadcast(xp: Any, value: Any, like: Any) -> Any:
    """Give a value the shape it has together with another operand."""
    return xp.broadcast_to(value, np.broadcast_shapes(np.shape(value), np.shape(like)))


@op(
    tex=r"1 - {0:^}^2",
    tex_precedence=ADD,
    text="1 - {0:^} ** 2",
    precedence=ADD,
    floats=True,
    edge=(0.0, 40.0, -40.0, 1e5),
    grad=lambda g, z, y, x: (None, g * (-2 * (z * tanh(x)))),
    cost=16,
    behind="tanh",
)
def tanh_slope(xp: Any, y: Any, x: Any) -> Any:
    r"""Derivative of the hyperbolic tangent, :math:`1 - y^2` where :math:`y = \tanh x`, computed as
    :math:`4 e / (1 + e)^2` with :math:`e = e^{-2|x|}`, which keeps its digits where :math:`y` is nearly 1.

    Parameters
    ----------
    y : Expr
        The hyperbolic tangent, for the sake of how the derivative is written.
    x : Expr
        What it is the hyperbolic tangent of.

    Returns
    -------
    Expr
        Of the broadcast shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> slope = pel.grad(pel.tanh(x), x)
    >>> slope
    1 - tanh(x) ** 2
    >>> slope.eval({x: 12.0})
    np.float32(1.51005e-10)
    """
    small = xp.exp(-2 * xp.abs(x))
    return _broadcast(xp, 4 * small / xp.square(1 + small), y)


@op(
    tex=r"{0:^} (1 - {0:^})",
    tex_precedence=MULTIPLY,
    text="{0:^} * (1 - {0:^})",
    precedence=MULTIPLY,
    floats=True,
    edge=(0.0, 80.0, -80.0, 1e5),
    grad=lambda g, z, y, x: (None, -g * (z * tanh(x / 2))),
    cost=16,
    behind="sigmoid",
)
def sigmoid_slope(xp: Any, y: Any, x: Any) -> Any:
    r"""Derivative of the logistic function, :math:`y (1 - y)` where :math:`y = \sigma(x)`, computed as
    :math:`e / (1 + e)^2` with :math:`e = e^{-|x|}`, which keeps its digits where :math:`y` is nearly 1.

    Parameters
    ----------
    y : Expr
        The logistic function, for the sake of how the derivative is written.
    x : Expr
        What it is the logistic function of.

    Returns
    -------
    Expr
        Of the broadcast shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> slope = pel.grad(pel.sigmoid(x), x)
    >>> slope
    sigmoid(x) * (1 - sigmoid(x))
    >>> slope.eval({x: 30.0})
    np.float32(9.3576e-14)
    """
    small = xp.exp(-xp.abs(x))
    return _broadcast(xp, small / xp.square(1 + small), y)


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


def _weighted_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    opening, first, closing = function("logsumexp_weighted")(operands, settings)
    return [opening, first, ", ", (operands[1], 0), closing]


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
    text=_weighted_text,
    tex_precedence=BIG,
    floats=True,
    promotes=True,
    compound=True,
    infer=_weighted_type,
    normalize=_weighted_axes,
    grad=_weighted_grad,
    examples=_weighted_examples,
    cost=per_input(16),
    behind="logsumexp",
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
