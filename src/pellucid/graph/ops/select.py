r"""Selection of elements by conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import register_function
from pellucid.graph.operators import call_op


@register_function
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    r"""Choice that belongs to the first true condition, :math:`x_k` for the smallest :math:`k` with :math:`c_k`.

    Parameters
    ----------
    condlist : sequence of Expr or array of bool
        Conditions.
    choicelist : sequence of Expr, array or number
        One choice for each condition.
    default : Expr, array or number
        The value where no condition is true.

    Returns
    -------
    Expr
        Of the broadcast shape of all operands.

    Raises
    ------
    ShapeError
        If the numbers of conditions and choices differ.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.select([x < 0, x > 1], [0.0, 1.0], x)
    where(x < 0, 0, where(x > 1, 1, x))
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(
            f"select: expected one choice for each condition. Received: {len(condlist)} conditions and "
            f"{len(choicelist)} choices"
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = call_op("where", condition, choice, result)
    return result


@register_function
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    r"""Elements along an axis at which a constant condition is true.

    Parameters
    ----------
    condition : array or list of bool
        Of one axis, at most as long as that of ``a``. Its value must be known when the graph is built.
    a : Expr or array
        The array to select from.
    axis : int, optional
        The axis to select along; by default the array is flattened.

    Returns
    -------
    Expr
        With one element along the axis for each true condition.

    Raises
    ------
    DtypeError
        If the condition is computed in the graph.

    Examples
    --------
    >>> pel.compress([True, False, True], pel.matrix("x", shape=("n", 3)), axis=1).shape
    ('n', 2)
    """
    mask = condition.value if isinstance(condition, Constant) else condition
    if isinstance(mask, Expr):
        raise DtypeError(
            "compress: expected a condition that is known when the graph is built, because the shape of the result "
            f"depends on it. Received: {mask}. Use pel.where(condition, x, other), which keeps the shape"
        )
    return call_op("take", a, np.flatnonzero(np.asarray(mask, dtype=bool)), axis=axis)
