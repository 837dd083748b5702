r"""Bitwise operations on integers and booleans."""

from __future__ import annotations

import functools
from typing import Any

from pellucid.graph.op import alias, op
from pellucid.graph.precedence import LOGIC

_bitwise = functools.partial(op, precedence=LOGIC, differentiable=False)


@_bitwise(tex=r"{0:>} \mathbin{{\&}} {1:>}", text="{0:>} & {1:>}", accepts="biu", commutative=True)
def bitwise_and(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise bitwise AND, :math:`x \mathbin{\&} y`. For booleans this is the logical AND.

    Parameters
    ----------
    x, y : Expr, array or number
        Integers or booleans whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Raises
    ------
    DtypeError
        If an operand is floating-point.

    Examples
    --------
    >>> pel.function([], pel.bitwise_and(np.array([6, 5]), 3))()
    array([2, 1])
    """
    return xp.bitwise_and(x, y)


@_bitwise(tex=r"{0:>} \mathbin{{|}} {1:>}", text="{0:>} | {1:>}", accepts="biu", commutative=True)
def bitwise_or(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise bitwise OR, :math:`x \mid y`. For booleans this is the logical OR.

    Examples
    --------
    >>> pel.function([], pel.bitwise_or(np.array([6, 5]), 3))()
    array([7, 7])
    """
    return xp.bitwise_or(x, y)


@_bitwise(tex=r"{0:>} \oplus {1:>}", text="{0:>} ^ {1:>}", accepts="biu", commutative=True)
def bitwise_xor(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise bitwise exclusive OR, :math:`x \oplus y`. For booleans this is the logical XOR.

    Examples
    --------
    >>> pel.function([], pel.bitwise_xor(np.array([6, 5]), 3))()
    array([5, 6])
    """
    return xp.bitwise_xor(x, y)


@alias("bitwise_not", "bitwise_invert")
@_bitwise(tex=r"{{\sim}}{0:^}", text="~{0:^}", accepts="biu")
def invert(xp: Any, x: Any) -> Any:
    r"""Elementwise bitwise NOT, :math:`-x - 1` for signed integers. For booleans this is the logical NOT.

    Examples
    --------
    >>> pel.function([], pel.invert(np.array([0, 5])))()
    array([-1, -6])
    """
    return xp.invert(x)


@alias("bitwise_left_shift")
@_bitwise(tex=r"{0:>} \ll {1:>}", text="{0:>} << {1:>}", accepts="iu")
def left_shift(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise left shift of the bits of ``x`` by ``y`` places, :math:`x \, 2^y` unless it overflows.

    Booleans raise `DtypeError`.

    Examples
    --------
    >>> pel.ivector("i") << 2
    i << 2
    """
    return xp.left_shift(x, y)


@alias("bitwise_right_shift")
@_bitwise(tex=r"{0:>} \gg {1:>}", text="{0:>} >> {1:>}", accepts="iu")
def right_shift(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise right shift of the bits of ``x`` by ``y`` places, :math:`\lfloor x / 2^y \rfloor`.

    Booleans raise `DtypeError`.

    Examples
    --------
    >>> pel.ivector("i") >> 2
    i >> 2
    """
    return xp.right_shift(x, y)
