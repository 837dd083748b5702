r"""Conversion between flat indices and indices along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import as_expr
from pellucid.graph.op import register_function
from pellucid.graph.ops.index_spec import check_integer_indices


@register_function
def unravel_index(indices: Any, shape: Sequence[int]) -> list[Any]:
    r"""Index along each axis of elements that are numbered in row-major order.

    Examples
    --------
    >>> i = pel.iscalar("i")
    >>> pel.function([i], pel.unravel_index(i, (2, 3)))(5)
    [np.int32(1), np.int32(2)]
    """
    rest = as_expr(np.asarray(indices) if isinstance(indices, (int, list)) else indices)
    check_integer_indices(rest, "unravel_index")
    result: list[Any] = []
    for length in reversed(shape):
        result.append(rest % length)
        rest = rest // length
    return result[::-1]


@register_function
def ravel_multi_index(multi_index: Sequence[Any], dims: Sequence[int]) -> Any:
    r"""Flat index, in row-major order, of elements given by an index along each axis: for two axes
    :math:`n_2 i_1 + i_2`.

    Raises
    ------
    ShapeError
        If the numbers of indices and axes differ.

    Examples
    --------
    >>> i, j = pel.iscalar("i"), pel.iscalar("j")
    >>> pel.ravel_multi_index([i, j], (2, 3))
    i * 3 + j
    """
    if len(multi_index) != len(dims):
        raise ShapeError(
            f"ravel_multi_index: expected one index for each of {len(dims)} axes. Received: {len(multi_index)}"
        )
    result = as_expr(multi_index[0])
    for index, length in zip(multi_index[1:], dims[1:], strict=True):
        result = result * length + index
    return result
