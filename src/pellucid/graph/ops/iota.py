r"""Index ranges along an axis whose length is known only at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.types import Type, as_dtype, normalize_axis


def _normalize_settings(x: Expr, axis: int, dtype: Any) -> dict[str, Any]:
    return {
        "axis": normalize_axis(axis, x.ndim, "arange_like", x),
        "dtype": np.dtype("int64") if dtype is None else as_dtype(dtype),
    }


@op(
    infer=lambda x, axis, dtype: Type((x.shape[axis],), dtype),
    normalize=_normalize_settings,
    differentiable=False,
    examples=lambda rng: [((np.zeros((3, 4)),), {"axis": 1}), ((np.zeros(5),), {"axis": -1, "dtype": "uint32"})],
    behind="arange",
)
def arange_like(xp: Any, x: Any, axis: Any = 0, dtype: Any = None) -> Any:
    r"""Indices :math:`0, 1, \ldots, n - 1` along an axis of length :math:`n` of an array.

    Examples
    --------
    >>> f = pel.function([x := pel.vector("x")], arange_like(x) * x)
    >>> f([1.0, 1.0, 1.0])
    array([0., 1., 2.])
    """
    return xp.arange(x.shape[axis], dtype=dtype)
