r"""Tensor contractions: tensordot, inner and vdot, lowered to `matmul` or `einsum`."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import as_expr
from pellucid.graph.op import register_function
from pellucid.graph.ops.einsum import contract
from pellucid.graph.ops.matmul import matmul
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.types import normalize_axis


def make_index_letters(count: int) -> str:
    """Return distinct letters for einsum subscripts, starting at i."""
    if count > len(string.ascii_letters):
        raise ShapeError(f"Expected at most {len(string.ascii_letters)} axes in all. Received: {count}")
    return (string.ascii_letters[8:] + string.ascii_letters[:8])[:count]


@register_function
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    r"""Tensor contraction of two arrays over axes, :math:`\sum_{kl} a_{ijkl} b_{klm}`.

    Parameters
    ----------
    a, b : Expr or array
        Arrays.
    axes : int or pair of (int or sequence of int)
        The number of last axes of ``a`` that are contracted with the first axes of ``b``, or the axes of each.

    Returns
    -------
    Expr
        With the remaining axes of ``a``, then those of ``b``.

    Raises
    ------
    ShapeError
        If the axes do not exist, or differ in number or length.

    Examples
    --------
    >>> pel.tensordot(pel.tensor3("a", shape=("n", 3, 4)), pel.matrix("b", shape=(4, 3)), axes=((1, 2), (1, 0))).shape
    ('n',)
    """
    a, b = as_expr(a), as_expr(b)
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: expected 0 to {min(a.ndim, b.ndim)} axes to sum over. Received: axes={axes}")
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    a_axes, b_axes = (
        [normalize_axis(i, x.ndim, "tensordot", x) for i in ([s] if isinstance(s, (int, np.integer)) else s)]
        for s, x in zip(axes, (a, b), strict=True)
    )
    if len(a_axes) != len(b_axes) or len(set(a_axes)) != len(a_axes) or len(set(b_axes)) != len(b_axes):
        raise ShapeError(
            f"tensordot: expected equally many axes of both arrays, without duplicates. Received: axes={a_axes, b_axes}"
        )
    if (a_axes, b_axes) == ([a.ndim - 1], [0]) and b.ndim <= 2:
        return matmul(a, b)
    letters = make_index_letters(a.ndim + b.ndim)
    first, second = list(letters[: a.ndim]), list(letters[a.ndim :])
    for i, j in zip(a_axes, b_axes, strict=True):
        second[j] = first[i]
    output = [i for p, i in enumerate(first) if p not in a_axes] + [j for p, j in enumerate(second) if p not in b_axes]
    return contract([a, b], ["".join(first), "".join(second)], "".join(output))


@register_function
def inner(a: Any, b: Any) -> Any:
    r"""Contraction over the last axes, :math:`\sum_k a_{ik} b_{jk}`. With a scalar it is the product.

    Examples
    --------
    >>> pel.inner(pel.matrix("A", shape=(2, 3)), pel.matrix("B", shape=(4, 3))).shape
    (2, 4)
    """
    a, b = as_expr(a), as_expr(b)
    return a * b if not a.ndim or not b.ndim else tensordot(a, b, axes=(-1, -1))


@register_function
def vdot(a: Any, b: Any) -> Any:
    r"""Dot product of two flattened arrays, :math:`\sum_i a_i b_i`.

    Examples
    --------
    >>> pel.vdot(pel.vector("a"), pel.vector("b"))
    a @ b
    """
    return matmul(ravel(a), ravel(b))
