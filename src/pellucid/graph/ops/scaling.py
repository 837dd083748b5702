r"""Powers of two, by which numbers are scaled without rounding."""

from __future__ import annotations

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, JaxArray, NamespaceArray
from pellucid.graph.op_decorator import op


def _power_of_two_xla(xp: ArrayNamespace, x: JaxArray) -> NamespaceArray:
    from jax import lax

    info = xp.finfo(x.dtype)
    integer = xp.dtype(f"int{info.bits}")
    mask = np.asarray(np.inf, x.dtype).view(integer)  # the bits of the exponent
    bits = lax.bitcast_convert_type(x, integer) & mask
    return xp.where((bits == 0) | (bits == mask), xp.ones_like(x), lax.bitcast_convert_type(bits, x.dtype))


@op(
    tex=r"2^{{\lfloor \log_2 |{0}| \rfloor}}",
    floats=True,
    edge=(0.0, 1e30, 1e-30),
    differentiable=False,
    xla=_power_of_two_xla,
    cost=3,
    behind="floor",
)
def power_of_two(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Largest power of two that is not larger than :math:`|x|`; 1 for 0, infinities and NaN. The gradient is 0.

    Examples
    --------
    >>> from pellucid.graph.ops.scaling import power_of_two
    >>> power_of_two(pel.constant([5.0, -0.3, 0.0])).eval()
    array([4.  , 0.25, 1.  ], dtype=float32)
    """
    exponent = xp.frexp(x)[1]
    regular = xp.isfinite(x) & (xp.abs(x) >= xp.finfo(x.dtype).tiny)
    return xp.where(regular, xp.ldexp(xp.ones_like(x), xp.where(regular, exponent - 1, 0)), xp.ones_like(x))
