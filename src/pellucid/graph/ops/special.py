r"""The error function, the gamma function, and what is made of them; values by SciPy, named as there."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.op import op
from pellucid.graph.ops.exponentials import exp


def _erf_numpy(xp: Any, x: Any) -> Any:
    from scipy.special import erf as value

    return value(x)


def _erf_xla(xp: Any, x: Any) -> Any:
    from jax.scipy.special import erf as value

    return value(x)


@op(
    tex=r"\operatorname{{erf}}({0:_})",
    floats=True,
    edge=(0.0, 10.0),
    xla=_erf_xla,
    grad=lambda g, y, x: g * (2 / np.pi**0.5) * exp(-x * x),
    cost=20,
)
def erf(xp: Any, x: Any) -> Any:
    r"""Error function of every element, :math:`\frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} dt`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.erf(0.0))()
    np.float32(0.0)
    """
    return _erf_numpy(xp, x)
