r"""The bits of integers, combined and shifted; of booleans these are the logical functions."""

from __future__ import annotations

from typing import Any

from pellucid.graph.op import also, op
from pellucid.graph.printing import LOGIC

BITS, INTEGERS = "biu", "iu"


@op(
    tex=r"{0:>} \mathbin{{\&}} {1:>}",
    text="{0:>} & {1:>}",
    precedence=LOGIC,
    accepts=BITS,
    differentiable=False,
    commutative=True,
)
def bitwise_and(xp: Any, x: Any, y: Any) -> Any:
    r"""Bits that are set in both of every pair of integers, :math:`x \mathbin{\&} y`; of booleans, whether both hold.

    Parameters
    ----------
    x, y : Expr, array or number
        Integers or booleans, of shapes that broadcast.

    Returns
    -------
    Expr
        Of the broadcast shape and the common dtype.

    Raises
    ------
    DtypeError
        If an operand is of real numbers.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.bitwise_and(np.array([6, 5]), 3))()
    array([2, 1])
    """
    return xp.bitwise_and(x, y)


@op(
    tex=r"{0:>} \mathbin{{|}} {1:>}",
    text="{0:>} | {1:>}",
    precedence=LOGIC,
    accepts=BITS,
    differentiable=False,
    commutative=True,
)
def bitwise_or(xp: Any, x: Any, y: Any) -> Any:
    r"""Bits that are set in either of every pair of integers, :math:`x \mid y`; of booleans, whether either holds.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.bitwise_or(np.array([6, 5]), 3))()
    array([7, 7])
    """
    return xp.bitwise_or(x, y)


@op(
    tex=r"{0:>} \oplus {1:>}",
    text="{0:>} ^ {1:>}",
    precedence=LOGIC,
    accepts=BITS,
    differentiable=False,
    commutative=True,
)
def bitwise_xor(xp: Any, x: Any, y: Any) -> Any:
    r"""Bits that are set in one alone of every two integers, :math:`x \oplus y`; of booleans, whether one alone holds.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.bitwise_xor(np.array([6, 5]), 3))()
    array([5, 6])
    """
    return xp.bitwise_xor(x, y)


@also("bitwise_not", "bitwise_invert")
@op(tex=r"{{\sim}}{0:^}", text="~{0:^}", precedence=LOGIC, accepts=BITS, differentiable=False)
def invert(xp: Any, x: Any) -> Any:
    r"""Every bit of every integer inverted, :math:`-x - 1` for signed ones; of booleans, whether they do not hold.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.invert(np.array([0, 5])))()
    array([-1, -6])
    """
    return xp.invert(x)


@also("bitwise_left_shift")
@op(tex=r"{0:>} \ll {1:>}", text="{0:>} << {1:>}", precedence=LOGIC, accepts=INTEGERS, differentiable=False)
def left_shift(xp: Any, x: Any, y: Any) -> Any:
    r"""Bits of every integer moved up by as many places as the second says, :math:`x \, 2^y` while it fits.

    Booleans have no bits to move, and are refused.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ivector("i") << 2
    i << 2
    """
    return xp.left_shift(x, y)


@also("bitwise_right_shift")
@op(tex=r"{0:>} \gg {1:>}", text="{0:>} >> {1:>}", precedence=LOGIC, accepts=INTEGERS, differentiable=False)
def right_shift(xp: Any, x: Any, y: Any) -> Any:
    r"""Bits of every integer moved down by as many places as the second says, :math:`\lfloor x / 2^y \rfloor`.

    Booleans have no bits to move, and are refused.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ivector("i") >> 2
    i >> 2
    """
    return xp.right_shift(x, y)
