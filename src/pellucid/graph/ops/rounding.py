r"""Whole numbers from any: floors, ceilings, remainders and signs."""

from __future__ import annotations

from typing import Any

from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.text import ATOM, COMPARE, DIVIDE

POSITIVE = (0.2, 3.0)


@op(
    tex=r"\left\lfloor \frac{{{0:_}}}{{{1:_}}} \right\rfloor",
    tex_precedence=ATOM,
    text="{0} // {1:>}",
    precedence=DIVIDE,
    differentiable=False,
    domain=((-3, 3), POSITIVE),
)
def floor_divide(xp: Any, x: Any, y: Any) -> Any:
    r"""Largest integer not above the quotient, :math:`\lfloor x / y \rfloor`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.floor_divide(7.0, 2.0))()
    np.float32(3.0)
    """
    return xp.floor_divide(x, y)


@op(
    tex=r"{0} \;\mathrm{{mod}}\; {1:>}",
    tex_precedence=COMPARE,
    text="{0} % {1:>}",
    precedence=DIVIDE,
    domain=((-3, 3), (3.1, 4.0)),
    grad=lambda g, z, x, y: (g, -g * call("floor_divide", x, y)),
)
def remainder(xp: Any, x: Any, y: Any) -> Any:
    r"""Remainder with the sign of the divisor, :math:`x - y \lfloor x / y \rfloor`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.remainder(7.0, 4.0))()
    np.float32(3.0)
    """
    return xp.remainder(x, y)


@op(tex=r"\operatorname{{sign}}({0:_})", differentiable=False, edge=(0.0,))
def sign(xp: Any, x: Any) -> Any:
    r"""Sign of every element: :math:`-1`, :math:`0` or :math:`1`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.sign(-3.0))()
    np.float32(-1.0)
    """
    return xp.sign(x)


@op(tex=r"\left\lfloor {0:_} \right\rfloor", differentiable=False)
def floor(xp: Any, x: Any) -> Any:
    r"""Largest integer not above every element, :math:`\lfloor x \rfloor`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.floor(2.7))()
    np.float32(2.0)
    """
    return xp.floor(x)


@op(tex=r"\left\lceil {0:_} \right\rceil", differentiable=False)
def ceil(xp: Any, x: Any) -> Any:
    r"""Smallest integer not below every element, :math:`\lceil x \rceil`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.ceil(2.2))()
    np.float32(3.0)
    """
    return xp.ceil(x)
