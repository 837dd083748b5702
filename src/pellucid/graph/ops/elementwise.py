r"""Arithmetic and functions of every element, named as in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, brief
from pellucid.graph.expr import Constant, as_expr
from pellucid.graph.op import also, op, public
from pellucid.graph.operators import call
from pellucid.graph.printing import ADD, MULTIPLY, NEGATE, POWER, Piece
from pellucid.graph.types import as_dtype

POSITIVE = (0.2, 3.0)
NUMBERS = "iuf"


@op(tex="{0} + {1:>}", text="{0} + {1:>}", precedence=ADD, commutative=True, grad=lambda g, z, x, y: (g, g))
def add(xp: Any, x: Any, y: Any) -> Any:
    r"""Sum of every pair of elements, :math:`x + y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Of shapes that broadcast.

    Returns
    -------
    Expr
        Of the broadcast shape and the common dtype.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") + 1
    x + 1
    """
    return xp.add(x, y)


@op(tex="{0} - {1:>}", text="{0} - {1:>}", precedence=ADD, accepts=NUMBERS, grad=lambda g, z, x, y: (g, -g))
def subtract(xp: Any, x: Any, y: Any) -> Any:
    r"""Difference of every pair of elements, :math:`x - y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> 1 - pel.vector("x")
    1 - x
    """
    return xp.subtract(x, y)


def _product_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    """Write a product of arrays with a sign of its own, to tell it from the product of matrices."""
    left, right = operands
    both = getattr(left, "ndim", 0) and getattr(right, "ndim", 0)
    sign = r" \odot " if both else r" \cdot " if isinstance(right, Constant) else r" \, "
    return [(left, MULTIPLY), sign, (right, MULTIPLY)]


@op(tex=_product_tex, text="{0} * {1:>}", precedence=MULTIPLY, commutative=True, grad=lambda g, z, x, y: (g * y, g * x))
def multiply(xp: Any, x: Any, y: Any) -> Any:
    r"""Product of every pair of elements, :math:`x \, y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> 2 * pel.vector("x")
    2 * x
    """
    return xp.multiply(x, y)


@also("divide")
@op(
    tex=r"\frac{{{0:_}}}{{{1:_}}}",
    text="{0} / {1:>}",
    precedence=MULTIPLY,
    floats=True,
    domain=((-3, 3), POSITIVE),
    grad=lambda g, z, x, y: (g / y, -g * z / y),
)
def true_divide(xp: Any, x: Any, y: Any) -> Any:
    r"""Quotient of every pair of elements, :math:`x / y`; integers are divided as real numbers.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") / 2
    x / 2
    """
    return xp.true_divide(x, y)


def _power_grad(g: Any, z: Any, x: Any, y: Any) -> Any:
    one, zero = np.ones((), x.dtype), np.zeros((), x.dtype)
    safe = call("where", x > 0, x, one)
    # At y = 0 the slope is 0 wherever x is, also where x to the power of -1 is infinite.
    slope = y * x ** (y - 1) if isinstance(y, Constant) else call("where", y == 0, zero, y * x ** (y - 1))
    return g * slope, g * z * call("where", x > 0, call("log", safe), zero)


def _refuse_negative_powers(x: Any, y: Any) -> dict[str, Any]:
    integers = x.dtype.kind in "iu" and y.dtype.kind in "iu"
    if integers and isinstance(y, Constant) and (y.value < 0).any():
        raise DtypeError(
            f"{brief(x)} ** {brief(y)}: expected integers to the power of 0 or more. Received: {brief(x)}, which is "
            f"{x.dtype}; make a real number of it first: pel.cast({brief(x)}, 'float32') ** {brief(y)}"
        ).about([x])
    return {}


@also("pow")
@op(
    tex=r"{0:^}^{{{1:_}}}",
    text="{0:>} ** {1:>}",
    precedence=POWER,
    accepts=NUMBERS,
    domain=(POSITIVE, (-3, 3)),
    grad=_power_grad,
    normalize=_refuse_negative_powers,
)
def power(xp: Any, x: Any, y: Any) -> Any:
    r"""First element to the power of the second, :math:`x^y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") ** 3
    x ** 3
    """
    return xp.power(x, y)


@op(tex=r"{0:^}^2", text="{0:>} ** 2", precedence=POWER, accepts=NUMBERS, grad=lambda g, y, x: g * (2 * x))
def square(xp: Any, x: Any) -> Any:
    r"""Square of every element, :math:`x^2`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.grad(pel.square(pel.scalar("x")), pel.scalar("x"), disconnected="zero")
    0
    """
    return xp.square(x)


@op(tex="-{0:>}", text="-{0}", precedence=NEGATE, tex_precedence=ADD, accepts=NUMBERS, grad=lambda g, y, x: -g)
def negative(xp: Any, x: Any) -> Any:
    r"""Every element with its sign changed, :math:`-x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> -pel.vector("x")
    -x
    """
    return xp.negative(x)


@public
def positive(x: Any) -> Any:
    r"""Every element as it is, :math:`+x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.positive(pel.vector("x"))
    x
    """
    return as_expr(x)


@also("absolute")
@op(name="abs", tex=r"\left|{0:_}\right|", domain=POSITIVE, edge=(0.0,), grad=lambda g, y, x: g * call("sign", x))
def absolute(xp: Any, x: Any) -> Any:
    r"""Magnitude of every element, :math:`|x|`; the gradient at 0 is taken to be 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.abs(pel.vector("x"))
    abs(x)
    """
    return xp.abs(x)


@public
def reciprocal(x: Any) -> Any:
    r"""One over every element, :math:`1 / x`; integers are taken as real numbers.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.reciprocal(pel.vector("x"))
    1 / x
    """
    return true_divide(1, x)


@op(tex=r"\sqrt{{{0:_}}}", floats=True, domain=POSITIVE, edge=(1e-12, 1e12), grad=lambda g, y, x: g / (2 * y), cost=4)
def sqrt(xp: Any, x: Any) -> Any:
    r"""Square root of every element, :math:`\sqrt{x}`.

    Examples
    --------
    >>> import pellucid as pel
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
    r"""Cube root of every element, with its sign, :math:`\sqrt[3]{x}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.cbrt(-27.0))()
    np.float32(-3.0)
    """
    return xp.cbrt(x)


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    r"""Write a polynomial by Horner's rule, :math:`c_0 + x (c_1 + x (c_2 + \ldots))`."""
    *rest, value = coefficients
    for coefficient in reversed(rest):
        value = coefficient + x * value
    return value


def _cast_grad(g: Any, y: Any, x: Any, dtype: Any) -> Any:
    return call("cast", g, dtype=x.dtype)


@op(
    tex="{0:_}",
    promotes=False,
    result=lambda settings: settings["dtype"],
    normalize=lambda x, dtype: {"dtype": as_dtype(dtype)},
    grad=_cast_grad,
    cost=0,
)
def cast(xp: Any, x: Any, dtype: Any = None) -> Any:
    r"""The same numbers in another dtype, :math:`y = x`; `config.floatx` without one. Integers have no fraction.

    Which integer stands for a nan, an infinity or a number beyond the range of the dtype is not defined: NumPy and XLA
    choose different ones. Say what is meant first, as in ``pel.cast(pel.clip(pel.nan_to_num(x), 0, 255), "uint8")``;
    ``mode="guard"`` stops at a nan before it is cast.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.cast(pel.ivector("i"), "float64")
    cast(i, dtype=float64)
    """
    return x.astype(dtype)
