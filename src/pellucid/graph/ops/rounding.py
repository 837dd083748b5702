r"""Rounding, floor division and remainders."""

from __future__ import annotations

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import NUMERIC_KINDS, POSITIVE
from pellucid.graph.precedence import ATOM, COMPARE, DIVIDE
from pellucid.graph.range_rules import increasing
from pellucid.graph.types import is_float


def _floor_divide_xla(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    quotient = xp.floor_divide(x, y)
    if is_float(quotient.dtype):
        return xp.where(quotient == 0, xp.copysign(xp.zeros((), quotient.dtype), x / y), quotient)
    # NumPy defines integer division by 0 as 0; XLA leaves it undefined.
    return xp.where(y == 0, xp.zeros((), quotient.dtype), quotient)


def _remainder_xla(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    remainder = xp.remainder(x, y)
    if not is_float(remainder.dtype):
        return remainder
    return xp.where(remainder == 0, xp.copysign(remainder, y), remainder)  # zero has the sign of the divisor, too


@op(
    tex=r"\left\lfloor \frac{{{0:_}}}{{{1:_}}} \right\rfloor",
    tex_precedence=ATOM,
    text="{0} // {1:>}",
    precedence=DIVIDE,
    accepts=NUMERIC_KINDS,
    differentiable=False,
    domain=((-3, 3), POSITIVE),
    xla=_floor_divide_xla,
)
def floor_divide(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Floor of the quotient, :math:`\lfloor x / y \rfloor`. An integer divided by 0 gives 0, as in NumPy.

    Examples
    --------
    >>> pel.function([], pel.floor_divide(7.0, 2.0))()
    np.float32(3.0)
    """
    return xp.floor_divide(x, y)


@alias("mod")
@op(
    tex=r"{0} \;\mathrm{{mod}}\; {1:>}",
    tex_precedence=COMPARE,
    text="{0} % {1:>}",
    precedence=DIVIDE,
    accepts=NUMERIC_KINDS,
    domain=((-3, 3), (3.1, 4.0)),
    xla=_remainder_xla,
    grad=lambda g, z, x, y: (g, -g * call_op("floor_divide", x, y)),
)
def remainder(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Remainder with the sign of the divisor, :math:`x - y \lfloor x / y \rfloor`.

    Examples
    --------
    >>> pel.function([], pel.remainder(-7.0, 4.0))()
    np.float32(1.0)
    """
    return xp.remainder(x, y)


@op(
    tex=r"\operatorname{{fmod}}({0:_}, {1:_})",
    accepts=NUMERIC_KINDS,
    domain=((-3, 3), (3.1, 4.0)),
    grad=lambda g, z, x, y: (g, -g * call_op("trunc", x / y)),
)
def fmod(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Remainder with the sign of the dividend, as in C, :math:`x - y \operatorname{trunc}(x / y)`.

    Examples
    --------
    >>> pel.function([], pel.fmod(-7.0, 4.0))()
    np.float32(-3.0)
    """
    return xp.fmod(x, y)


@register_function
def divmod_(x: Operand, y: Operand) -> tuple[Expr, Expr]:
    r"""Floor of the quotient and remainder, :math:`\lfloor x / y \rfloor` and :math:`x \bmod y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Shapes that broadcast.

    Examples
    --------
    >>> divmod(pel.ivector("i"), 4)
    (i // 4, i % 4)
    """
    return floor_divide(x, y), remainder(x, y)


@op(tex=r"\left\lfloor {0:_} \right\rfloor", differentiable=False, value_range=increasing(np.floor))
def floor(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Floor of every element, :math:`\lfloor x \rfloor`, the largest integer not above it.

    Examples
    --------
    >>> pel.function([], pel.floor(2.7))()
    np.float32(2.0)
    """
    return xp.floor(x)


@op(tex=r"\left\lceil {0:_} \right\rceil", differentiable=False, value_range=increasing(np.ceil))
def ceil(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Ceiling of every element, :math:`\lceil x \rceil`, the smallest integer not below it.

    Examples
    --------
    >>> pel.function([], pel.ceil(2.2))()
    np.float32(3.0)
    """
    return xp.ceil(x)


@alias("fix")
@op(tex=r"\operatorname{{trunc}}({0:_})", differentiable=False, value_range=increasing(np.trunc))
def trunc(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Integer part of every element, rounded toward 0, :math:`\operatorname{sign}(x) \lfloor |x| \rfloor`.

    Examples
    --------
    >>> pel.function([], pel.trunc([-2.7, 2.7]))()
    array([-2.,  2.], dtype=float32)
    """
    return xp.trunc(x)


@op(tex=r"\operatorname{{rint}}({0:_})", floats=True, differentiable=False, value_range=increasing(np.rint))
def rint(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Nearest integer to every element, :math:`|y - x| \le \frac{1}{2}`, as a float. Halves are rounded to even.

    Examples
    --------
    >>> pel.function([], pel.rint([0.5, 1.5, 1.7]))()
    array([0., 2., 2.], dtype=float32)
    """
    return xp.rint(x)


@alias("around")
@op(
    name="round",
    tex=r"\operatorname{{round}}({0:_})",
    accepts=NUMERIC_KINDS,
    normalize=lambda x, decimals=0: {"decimals": int(decimals)},
    differentiable=False,
)
def round_(xp: ArrayNamespace, x: NamespaceArray, decimals: int = 0) -> NamespaceArray:
    r"""Round every element to a number of decimals, :math:`\operatorname{rint}(10^d x) / 10^d`, with halves to even.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape. Integers stay integers.
    decimals : int
        Number of decimals. A negative number rounds to a power of 10.

    Returns
    -------
    Expr
        Same shape and dtype as ``x``.

    Examples
    --------
    >>> pel.function([], pel.round([1.26, 15.0], 1))()
    array([ 1.3, 15. ], dtype=float32)
    """
    if decimals >= 0 and not is_float(x.dtype):
        return x
    scale = 10.0 ** abs(decimals)
    rounded = xp.rint(x * scale) / scale if decimals >= 0 else xp.rint(x / scale) * scale
    return rounded.astype(x.dtype)
