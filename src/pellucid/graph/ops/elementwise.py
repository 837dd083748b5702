r"""Elementwise arithmetic: sums, products, powers, roots and casts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, brief
from pellucid.graph.expr import Constant, as_expr
from pellucid.graph.op import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.precedence import ADD, MULTIPLY, NEGATE, POWER, TemplatePiece
from pellucid.graph.types import as_dtype

POSITIVE = (0.2, 3.0)
NUMERIC_KINDS = "iuf"


@op(tex="{0} + {1:>}", text="{0} + {1:>}", precedence=ADD, commutative=True, grad=lambda g, z, x, y: (g, g))
def add(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise sum, :math:`x + y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Operands whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Examples
    --------
    >>> pel.vector("x") + 1
    x + 1
    """
    return xp.add(x, y)


@op(tex="{0} - {1:>}", text="{0} - {1:>}", precedence=ADD, accepts=NUMERIC_KINDS, grad=lambda g, z, x, y: (g, -g))
def subtract(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise difference, :math:`x - y`.

    Examples
    --------
    >>> 1 - pel.vector("x")
    1 - x
    """
    return xp.subtract(x, y)


def _product_tex(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    """Print the product of two arrays with the Hadamard sign, to distinguish it from a matrix product."""
    left, right = operands
    both_arrays = getattr(left, "ndim", 0) and getattr(right, "ndim", 0)
    sign = r" \odot " if both_arrays else r" \cdot " if isinstance(right, Constant) else r" \, "
    return [(left, MULTIPLY), sign, (right, MULTIPLY)]


@op(tex=_product_tex, text="{0} * {1:>}", precedence=MULTIPLY, commutative=True, grad=lambda g, z, x, y: (g * y, g * x))
def multiply(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise product, :math:`x \, y`.

    Examples
    --------
    >>> 2 * pel.vector("x")
    2 * x
    """
    return xp.multiply(x, y)


@alias("divide")
@op(
    tex=r"\frac{{{0:_}}}{{{1:_}}}",
    text="{0} / {1:>}",
    precedence=MULTIPLY,
    floats=True,
    domain=((-3, 3), POSITIVE),
    grad=lambda g, z, x, y: (g / y, -g * z / y),
)
def true_divide(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise quotient, :math:`x / y`. Integers are cast to `config.floatx`.

    Examples
    --------
    >>> pel.vector("x") / 2
    x / 2
    """
    return xp.true_divide(x, y)


def _power_grad(g: Any, z: Any, x: Any, y: Any) -> Any:
    one, zero = np.ones((), x.dtype), np.zeros((), x.dtype)
    safe = call_op("where", x > 0, x, one)
    # At y = 0 the slope is 0 for every x, also for x = 0, where 0 ** -1 is infinite.
    slope = y * x ** (y - 1) if isinstance(y, Constant) else call_op("where", y == 0, zero, y * x ** (y - 1))
    return g * slope, g * z * call_op("where", x > 0, call_op("log", safe), zero)


def _check_integer_power(x: Any, y: Any) -> dict[str, Any]:
    integers = x.dtype.kind in "iu" and y.dtype.kind in "iu"
    if integers and isinstance(y, Constant) and (y.value < 0).any():
        raise DtypeError(
            f"{brief(x)} ** {brief(y)}: an integer cannot be raised to a negative power. Received: {brief(x)}, which "
            f"is {x.dtype}. Cast it first: pel.cast({brief(x)}, 'float32') ** {brief(y)}"
        ).with_operands([x])
    return {}


@alias("pow")
@op(
    tex=r"{0:^}^{{{1:_}}}",
    text="{0:>} ** {1:>}",
    precedence=POWER,
    accepts=NUMERIC_KINDS,
    domain=(POSITIVE, (-3, 3)),
    grad=_power_grad,
    normalize=_check_integer_power,
)
def power(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise power, :math:`x^y`.

    Examples
    --------
    >>> pel.vector("x") ** 3
    x ** 3
    """
    return xp.power(x, y)


@op(tex=r"{0:^}^2", text="{0:>} ** 2", precedence=POWER, accepts=NUMERIC_KINDS, grad=lambda g, y, x: g * (2 * x))
def square(xp: Any, x: Any) -> Any:
    r"""Elementwise square, :math:`x^2`.

    Examples
    --------
    >>> pel.grad(pel.square(pel.scalar("x")), pel.scalar("x"), disconnected="zero")
    0
    """
    return xp.square(x)


@op(tex="-{0:>}", text="-{0}", precedence=NEGATE, tex_precedence=ADD, accepts=NUMERIC_KINDS, grad=lambda g, y, x: -g)
def negative(xp: Any, x: Any) -> Any:
    r"""Elementwise negation, :math:`-x`.

    Examples
    --------
    >>> -pel.vector("x")
    -x
    """
    return xp.negative(x)


@register_function
def positive(x: Any) -> Any:
    r"""Unary plus, :math:`+x`: the input unchanged.

    Examples
    --------
    >>> pel.positive(pel.vector("x"))
    x
    """
    return as_expr(x)


@alias("absolute")
@op(name="abs", tex=r"\left|{0:_}\right|", domain=POSITIVE, edge=(0.0,), grad=lambda g, y, x: g * call_op("sign", x))
def absolute(xp: Any, x: Any) -> Any:
    r"""Elementwise absolute value, :math:`|x|`. The gradient at 0 is 0.

    Examples
    --------
    >>> pel.abs(pel.vector("x"))
    abs(x)
    """
    return xp.abs(x)


@register_function
def reciprocal(x: Any) -> Any:
    r"""Elementwise reciprocal, :math:`1 / x`. Integers are cast to `config.floatx`.

    Examples
    --------
    >>> pel.reciprocal(pel.vector("x"))
    1 / x
    """
    return true_divide(1, x)


@op(tex=r"\sqrt{{{0:_}}}", floats=True, domain=POSITIVE, edge=(1e-12, 1e12), grad=lambda g, y, x: g / (2 * y), cost=4)
def sqrt(xp: Any, x: Any) -> Any:
    r"""Elementwise square root, :math:`\sqrt{x}`.

    Examples
    --------
    >>> pel.sqrt(pel.vector("x"))
    sqrt(x)
    """
    return xp.sqrt(x)


@op(
    tex=r"\sqrt[3]{{{0:_}}}",
    floats=True,
    domain=POSITIVE,
    edge=(1e-12, -1e12),
    grad=lambda g, y, x: g / (3 * square(y)),
    cost=10,
)
def cbrt(xp: Any, x: Any) -> Any:
    r"""Elementwise cube root, :math:`\sqrt[3]{x}`, with the sign of the input.

    Examples
    --------
    >>> pel.function([], pel.cbrt(-27.0))()
    np.float32(-3.0)
    """
    return xp.cbrt(x)


def evaluate_polynomial(coefficients: Sequence[float], x: Any) -> Any:
    r"""Evaluate a polynomial with Horner's rule, :math:`c_0 + x (c_1 + x (c_2 + \ldots))`."""
    *rest, value = coefficients
    for coefficient in reversed(rest):
        value = coefficient + x * value
    return value


@op(
    tex="{0:_}",
    promotes=False,
    result=lambda settings: settings["dtype"],
    normalize=lambda x, dtype: {"dtype": as_dtype(dtype)},
    grad=lambda g, y, x, dtype: call_op("cast", g, dtype=x.dtype),
    cost=0,
)
def cast(xp: Any, x: Any, dtype: Any = None) -> Any:
    r"""Cast to another dtype (default `config.floatx`), :math:`y = x`. Casts to integers truncate.

    The cast of NaN, infinity or an out-of-range number to an integer is undefined: NumPy and XLA return different
    values. Replace them first, as in ``pel.cast(pel.clip(pel.nan_to_num(x), 0, 255), "uint8")``. ``mode="guard"``
    raises an error for NaN before the cast.

    Examples
    --------
    >>> pel.cast(pel.ivector("i"), "float64")
    cast(i, dtype=float64)
    """
    return x.astype(dtype)
