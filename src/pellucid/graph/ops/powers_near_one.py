r"""Powers of numbers near 1, and their differences from 1."""

from __future__ import annotations

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import POSITIVE, differentiate_power
from pellucid.graph.ops.exponentials import log1p
from pellucid.graph.precedence import ADD, POWER


def _get_compound(xp: ArrayNamespace, x: NamespaceArray, n: NamespaceArray) -> NamespaceArray:
    near = xp.abs(x) < 0.5
    small = xp.where(near, x, xp.zeros_like(x))
    return xp.where(near, xp.exp(n * xp.log1p(small)), xp.power(1 + x, n))


def _compound_grad(g: Expr, z: Expr, x: Expr, n: Expr) -> tuple[Expr, Expr]:
    growth = call_op("where", x > -1, log1p(call_op("where", x > -1, x, 0)), 0)
    return g * (n * compound(x, n - 1)), g * (compound(x, n) * growth)


@op(
    tex=r"(1 + {0})^{{{1:_}}}",
    text="(1 + {0}) ** {1:>}",
    precedence=POWER,
    floats=True,
    composite=True,
    domain=((-0.9, 2.0), (-3, 3)),
    grad=_compound_grad,
    edge=(0.0, 1e-20, 0.5),
    cost=30,
    behind="power",
)
def compound(xp: ArrayNamespace, x: NamespaceArray, n: NamespaceArray) -> NamespaceArray:
    r"""Compound growth, :math:`(1 + x)^n`, without rounding of :math:`1 + x`.

    Computed as :math:`e^{n \log(1 + x)}` for small :math:`x`.

    Examples
    --------
    >>> rate = pel.scalar("rate")
    >>> pel.simplify((1 + rate) ** 1e6).eval({rate: 1e-8})
    np.float32(1.0100502)
    """
    return _get_compound(xp, x, n)


@op(
    tex=r"(1 + {0})^{{{1:_}}} - 1",
    text="(1 + {0}) ** {1:>} - 1",
    precedence=ADD,
    tex_precedence=ADD,
    floats=True,
    composite=True,
    domain=((-0.9, 2.0), (-3, 3)),
    edge=(0.0, 1e-20, -1e-3),
    grad=_compound_grad,
    cost=50,
    behind="power",
)
def compound_minus_one(xp: ArrayNamespace, x: NamespaceArray, n: NamespaceArray) -> NamespaceArray:
    r"""Compound growth minus 1, :math:`(1 + x)^n - 1`, without cancellation.

    Examples
    --------
    >>> p = pel.scalar("p")
    >>> pel.simplify(1 - (1 - p) ** 100).eval({p: 1e-10})
    np.float32(1e-08)
    """
    near = xp.abs(x) < 0.5
    exponent = n * xp.log1p(xp.where(near, x, xp.zeros_like(x)))
    near = near & (xp.abs(exponent) < 1)
    return xp.where(near, xp.expm1(xp.where(near, exponent, xp.zeros_like(exponent))), _get_compound(xp, x, n) - 1)


@op(
    tex=r"{0:^}^{{{1:_}}} - 1",
    text="{0:>} ** {1:>} - 1",
    precedence=ADD,
    tex_precedence=ADD,
    floats=True,
    composite=True,
    domain=(POSITIVE, (-3, 3)),
    grad=lambda g, z, x, y: differentiate_power(g, x**y, x, y),
    edge=(1e-20, 1.0, 2.0),
    cost=50,
    behind="power",
)
def power_minus_one(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Power minus 1, :math:`x^y - 1`, without cancellation where :math:`x` is near 1 or :math:`y` near 0.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> pel.simplify(x**y - 1).eval({x: 2.0, y: 1e-10})
    np.float32(6.931472e-11)
    """
    positive = x > 0
    exponent = y * xp.log(xp.where(positive, x, xp.ones_like(x)))
    near = positive & (xp.abs(exponent) < 1)
    return xp.where(near, xp.expm1(xp.where(near, exponent, xp.zeros_like(exponent))), xp.power(x, y) - 1)
