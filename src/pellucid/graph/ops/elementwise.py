r"""Elementwise arithmetic: sums, products, powers, roots, extrema and casts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import DtypeError, brief
from pellucid.graph.expr import Constant, Expr, Operand, OpSettings, as_expr
from pellucid.graph.interval import Interval
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.precedence import ADD, MULTIPLY, NEGATE, POWER
from pellucid.graph.range_rules import (
    cast_range,
    clip_range,
    elements_of,
    even,
    increasing,
    multiply_range,
    power_range,
    subtract_range,
)
from pellucid.graph.types import as_dtype

if TYPE_CHECKING:
    from pellucid.typing import DTypeLike


ArrayOrExpr = TypeVar("ArrayOrExpr", NamespaceArray, Expr)
"""Operand of a formula that values and gradients of ops share."""

POSITIVE = (0.2, 3.0)
NUMERIC_KINDS = "iuf"


@op(
    tex="{0} + {1:>}",
    text="{0} + {1:>}",
    precedence=ADD,
    commutative=True,
    grad=lambda g, z, x, y: (g, g),
    value_range=lambda node, x, y: x + y,
)
def add(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
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


@op(
    tex="{0} - {1:>}",
    text="{0} - {1:>}",
    precedence=ADD,
    accepts=NUMERIC_KINDS,
    grad=lambda g, z, x, y: (g, -g),
    value_range=subtract_range,
)
def subtract(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise difference, :math:`x - y`.

    Examples
    --------
    >>> 1 - pel.vector("x")
    1 - x
    """
    return xp.subtract(x, y)


def _product_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    """Print the product of two arrays with the Hadamard sign, to distinguish it from a matrix product."""
    left, right = operands
    both_arrays = getattr(left, "ndim", 0) and getattr(right, "ndim", 0)
    sign = r" \odot " if both_arrays else r" \cdot " if isinstance(right, Constant) else r" \, "
    return [(left, MULTIPLY), sign, (right, MULTIPLY)]


@op(
    tex=_product_tex,
    text="{0} * {1:>}",
    precedence=MULTIPLY,
    commutative=True,
    grad=lambda g, z, x, y: (g * y, g * x),
    value_range=multiply_range,
)
def multiply(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
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
    value_range=lambda node, x, y: x / y,
)
def true_divide(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise quotient, :math:`x / y`. Integers are cast to `config.floatx`.

    Examples
    --------
    >>> pel.vector("x") / 2
    x / 2
    """
    return xp.true_divide(x, y)


@op(
    tex=r"\frac{{{0:_}}}{{{0} + {1:>}}}",
    text="{0:^} / ({0} + {1:>})",
    precedence=MULTIPLY,
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    grad=lambda g, z, x, y: (g * (y / (x + y)) / (x + y), -(g * z / (x + y))),
    edge=(1e-30, 1.0, 1e30),
    cost=2,
    behind="true_divide",
)
def fraction_of_sum(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Fraction of a sum, :math:`x / (x + y)`.

    The gradient :math:`y / (x + y)^2` with respect to :math:`x` does not cancel where :math:`y` is small.

    Examples
    --------
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.grad((x / (x + y)).sum(), x)
    y / (y + x) / (x + y)
    """
    return x / (x + y)


def differentiate_power(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    one, zero = np.ones((), x.dtype), np.zeros((), x.dtype)
    safe = call_op("where", x > 0, x, one)
    # At y = 0 the slope is 0 for every x, also for x = 0, where 0 ** -1 is infinite.
    slope = y * x ** (y - 1) if isinstance(y, Constant) else call_op("where", y == 0, zero, y * x ** (y - 1))
    return g * slope, g * z * call_op("where", x > 0, call_op("log", safe), zero)


def _check_integer_power(x: Expr, y: Expr) -> OpSettings:
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
    grad=differentiate_power,
    normalize=_check_integer_power,
    value_range=power_range,
)
def power(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise power, :math:`x^y`.

    Examples
    --------
    >>> pel.vector("x") ** 3
    x ** 3
    """
    return xp.power(x, y)


@op(
    tex=r"{0:^}^2",
    text="{0:>} ** 2",
    precedence=POWER,
    accepts=NUMERIC_KINDS,
    grad=lambda g, y, x: g * (2 * x),
    value_range=even(np.square),
)
def square(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise square, :math:`x^2`.

    Examples
    --------
    >>> pel.grad(pel.square(pel.scalar("x")), pel.scalar("x"), disconnected="zero")
    0
    """
    return xp.square(x)


@op(
    tex="-{0:>}",
    text="-{0}",
    precedence=NEGATE,
    tex_precedence=ADD,
    accepts=NUMERIC_KINDS,
    grad=lambda g, y, x: -g,
    value_range=lambda node, x: -x,
)
def negative(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise negation, :math:`-x`.

    Examples
    --------
    >>> -pel.vector("x")
    -x
    """
    return xp.negative(x)


@register_function
def positive(x: Operand) -> Expr:
    r"""Unary plus, :math:`+x`: the input unchanged.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.positive(pel.vector("x"))
    x
    """
    return as_expr(x)


@alias("absolute")
@op(
    name="abs",
    tex=r"\left|{0:_}\right|",
    domain=POSITIVE,
    edge=(0.0,),
    grad=lambda g, y, x: g * call_op("sign", x),
    value_range=even(np.abs),
)
def absolute(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise absolute value, :math:`|x|`. The gradient at 0 is 0.

    Examples
    --------
    >>> pel.abs(pel.vector("x"))
    abs(x)
    """
    return xp.abs(x)


@register_function
def reciprocal(x: Operand) -> Expr:
    r"""Elementwise reciprocal, :math:`1 / x`. Integers are cast to `config.floatx`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.reciprocal(pel.vector("x"))
    1 / x
    """
    return true_divide(1, x)


@op(
    tex=r"\sqrt{{{0:_}}}",
    floats=True,
    domain=POSITIVE,
    edge=(1e-12, 1e12),
    grad=lambda g, y, x: g / (2 * y),
    cost=4,
    value_range=increasing(np.sqrt, 0),
)
def sqrt(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
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
    value_range=increasing(np.cbrt),
)
def cbrt(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise cube root, :math:`\sqrt[3]{x}`, with the sign of the input.

    Examples
    --------
    >>> pel.function([], pel.cbrt(-27.0))()
    np.float32(-3.0)
    """
    return xp.cbrt(x)


def evaluate_polynomial(coefficients: Sequence[float], x: ArrayOrExpr) -> ArrayOrExpr:
    r"""Evaluate a polynomial with Horner's rule, :math:`c_0 + x (c_1 + x (c_2 + \ldots))`."""
    *rest, last = coefficients
    value: Any = last
    for coefficient in reversed(rest):
        value = coefficient + x * value
    result: ArrayOrExpr = value
    return result


@op(
    tex="{0:_}",
    promotes=False,
    result=lambda settings: settings["dtype"],
    normalize=lambda x, dtype: {"dtype": as_dtype(dtype)},
    grad=lambda g, y, x, dtype: call_op("cast", g, dtype=x.dtype),
    cost=0,
    value_range=cast_range,
)
def cast(xp: ArrayNamespace, x: NamespaceArray, dtype: DTypeLike | None = None) -> NamespaceArray:
    r"""Cast to another dtype (default `config.floatx`), :math:`y = x`. Casts to integers truncate.

    The cast of NaN, infinity or an out-of-range number to an integer is undefined: NumPy and XLA return different
    values. Replace them first, as in ``pel.cast(pel.clip(pel.nan_to_num(x), 0, 255), "uint8")``. ``mode="guard"``
    raises an error for NaN before the cast.

    Parameters
    ----------
    x : Expr, array or number
        Any shape.
    dtype : str or dtype
        Dtype of the result.

    Examples
    --------
    >>> pel.cast(pel.ivector("i"), "float64")
    cast(i, dtype=float64)
    """
    return x.astype(dtype)


def _extremum_grad(comparison: str, ignore_nan: bool = False) -> Any:
    """Route the gradient to the selected operand, and to the first of equal ones."""

    def grad(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
        first = call_op(comparison, x, y)
        if ignore_nan:
            first = first | call_op("isnan", y)
        zero = np.zeros((), z.dtype)
        return call_op("where", first, g, zero), call_op("where", first, zero, g)

    return grad


@op(
    tex=r"\max({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_extremum_grad("greater_equal"),
    value_range=lambda node, x, y: Interval(max(x.low, y.low), max(x.high, y.high)),
)
def maximum(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise maximum, :math:`\max(x, y)`. For equal elements the gradient flows to the first.

    Examples
    --------
    >>> pel.maximum(pel.vector("x"), 0)
    maximum(x, 0)
    """
    return xp.maximum(x, y)


@op(
    tex=r"\min({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_extremum_grad("less_equal"),
    value_range=lambda node, x, y: Interval(min(x.low, y.low), min(x.high, y.high)),
)
def minimum(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise minimum, :math:`\min(x, y)`. For equal elements the gradient flows to the first.

    Examples
    --------
    >>> pel.minimum(pel.vector("x"), 1)
    minimum(x, 1)
    """
    return xp.minimum(x, y)


@op(
    tex=r"\operatorname{{fmax}}({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_extremum_grad("greater_equal", ignore_nan=True),
    value_range=elements_of(),
)
def fmax(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise maximum that ignores NaN, :math:`\max(x, y)`.

    Examples
    --------
    >>> pel.function([], pel.fmax([1.0, np.nan], 0.0))()
    array([1., 0.], dtype=float32)
    """
    return xp.fmax(x, y)


@op(
    tex=r"\operatorname{{fmin}}({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_extremum_grad("less_equal", ignore_nan=True),
    value_range=elements_of(),
)
def fmin(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise minimum that ignores NaN, :math:`\min(x, y)`.

    Examples
    --------
    >>> pel.function([], pel.fmin([1.0, np.nan], 0.0))()
    array([0., 0.], dtype=float32)
    """
    return xp.fmin(x, y)


def _clip_grad(g: Expr, z: Expr, x: Expr, low: Expr, high: Expr) -> tuple[Expr, Expr, Expr]:
    zero = np.zeros((), z.dtype)
    below, above = x < low, call_op("maximum", x, low) > high
    return (
        call_op("where", below | above, zero, g),
        call_op("where", below & ~above, g, zero),
        call_op("where", above, g, zero),
    )


@op(
    name="clip",
    tex=r"\operatorname{{clip}}({0:_}, {1:_}, {2:_})",
    domain=((-3, 3), (-2.0, -1.0), (1.0, 2.0)),
    grad=_clip_grad,
    value_range=clip_range,
)
def clip_between(xp: ArrayNamespace, x: NamespaceArray, low: NamespaceArray, high: NamespaceArray) -> NamespaceArray:
    r"""Clip elements between two bounds, :math:`\min(\max(x, a), b)`; the op behind `clip`.

    Examples
    --------
    >>> pel.clip(pel.vector("x"), 0, 1)
    clip(x, 0, 1)
    """
    return xp.clip(x, low, high)


@register_function
def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Expr:
    r"""Clip elements between two bounds, :math:`\min(\max(x, a), b)`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.
    min, max : Expr, array or number, optional
        Lower and upper bound, of shapes that broadcast; None for no bound. Where ``min > max`` the result is ``max``.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Examples
    --------
    >>> pel.clip(pel.vector("x"), 0, 1)
    clip(x, 0, 1)
    >>> pel.clip(pel.vector("x"), None, 1)
    minimum(x, 1)
    """
    if min is None and max is None:
        return as_expr(x)
    if max is None:
        return maximum(x, min)
    return minimum(x, max) if min is None else clip_between(x, min, max)
