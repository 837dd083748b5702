r"""The numbers of the places along an axis, where its length is known only when the program runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.types import Type, as_dtype, normalize_axis


def _settings(x: Expr, axis: int, dtype: Any) -> dict[str, Any]:
    return {
        "axis": normalize_axis(axis, x.ndim, "arange_like", x),
        "dtype": np.dtype("int64") if dtype is None else as_dtype(dtype),
    }


@op(
    infer=lambda x, axis, dtype: Type((x.shape[axis],), dtype),
    normalize=_settings,
    differentiable=False,
    examples=lambda rng: [((np.zeros((3, 4)),), {"axis": 1}), ((np.zeros(5),), {"axis": -1, "dtype": "uint32"})],
    behind="arange",
)
def arange_like(xp: Any, x: Any, axis: Any = 0, dtype: Any = None) -> Any:
    r"""The numbers :math:`0, 1, \ldots, n - 1` for the :math:`n` places of an array along an axis.

    Parameters
    ----------
    x : Expr
        Of which only the shape is used.
    axis : int
        Whose length counts.
    dtype : dtype, optional
        int64 without it.

    Returns
    -------
    Expr
        Of one axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> f = pel.function([x := pel.vector("x")], arange_like(x) * x)
    >>> f([1.0, 1.0, 1.0])
    array([0., 1., 2.])
    """
    return xp.arange(x.shape[axis], dtype=dtype)
