r"""Signs and step functions."""

from __future__ import annotations

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import NUMERIC_KINDS, POSITIVE
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.range_rules import increasing


def _sign_xla(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    return xp.where(x == 0, xp.zeros_like(x), xp.sign(x))  # NumPy's sign of -0 is 0


@op(
    tex=r"\operatorname{{sign}}({0:_})",
    accepts=NUMERIC_KINDS,
    xla=_sign_xla,
    differentiable=False,
    edge=(0.0,),
    value_range=increasing(np.sign),
)
def sign(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Sign of every element: :math:`-1`, :math:`0` or :math:`1`.

    Examples
    --------
    >>> pel.function([], pel.sign(-3.0))()
    np.float32(-1.0)
    """
    return xp.sign(x)


@op(tex=r"\operatorname{{signbit}}({0:_})", floats=True, result=np.dtype(bool), differentiable=False)
def signbit(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Whether the sign bit of every element is set, as it is for negative numbers and :math:`-0`.

    Examples
    --------
    >>> pel.function([], pel.signbit([-0.0, 0.0]))()
    array([ True, False])
    """
    return xp.signbit(x)


@op(
    tex=r"\left|{0:_}\right| \operatorname{{sign}}({1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    domain=(POSITIVE, POSITIVE),
    edge=(0.0,),
    grad=lambda g, z, x, y: (g * call_op("sign", x) * call_op("copysign", np.ones((), y.dtype), y), None),
    value_range=lambda node, x, y: x.absolute().union(-x.absolute()),
)
def copysign(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Magnitude of the first with the sign of the second operand, :math:`|x| \operatorname{sign}(y)`. The sign of
    :math:`-0` counts as negative.

    Examples
    --------
    >>> pel.function([], pel.copysign([1.0, -2.0], [-3.0, -0.0]))()
    array([-1., -2.], dtype=float32)
    """
    return xp.copysign(x, y)


@op(
    tex=r"\operatorname{{H}}({0:_}, {1:_})",
    floats=True,
    edge=(0.0,),
    grad=lambda g, z, x, y: (None, call_op("where", call_op("equal", x, 0), g, np.zeros((), z.dtype))),
)
def heaviside(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Heaviside step function, 0 where :math:`x < 0`, 1 where :math:`x > 0`, and the second operand at 0.

    Examples
    --------
    >>> pel.function([], pel.heaviside([-2.0, 0.0, 2.0], 0.5))()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return xp.heaviside(x, y)
