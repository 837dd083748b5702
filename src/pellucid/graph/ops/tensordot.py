r"""Sums of products over chosen axes, as NumPy names them; most are a matrix product, the others an `einsum`."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import as_expr
from pellucid.graph.op import public
from pellucid.graph.ops.einsum import contract
from pellucid.graph.ops.matmul import matmul
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.types import normalize_axis


def letters(count: int) -> str:
    """Return so many indices, from i on."""
    if count > len(string.ascii_letters):
        raise ShapeError(f"Expected at most {len(string.ascii_letters)} axes in all. Received: {count}")
    return (string.ascii_letters[8:] + string.ascii_letters[:8])[:count]


@public
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    r"""Sum of products over chosen axes of two arrays, :math:`\sum_{kl} a_{ijkl} b_{klm}`.

    Parameters
    ----------
    a, b : Expr or array
        Arrays.
    axes : int or pair of (int or sequence of int)
        How many last axes of ``a`` meet the first axes of ``b``; or which axes of each.

    Returns
    -------
    Expr
        The axes of ``a`` that are left, then those of ``b``.

    Raises
    ------
    ShapeError
        If the axes do not exist, are not as many, or differ in length.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.tensordot(pel.tensor3("a", shape=("n", 3, 4)), pel.matrix("b", shape=(4, 3)), axes=((1, 2), (1, 0))).shape
    ('n',)
    """
    a, b = as_expr(a), as_expr(b)
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: expected 0 to {min(a.ndim, b.ndim)} axes to sum over. Received: axes={axes}")
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    of_a, of_b = (
        [normalize_axis(i, x.ndim, "tensordot", x) for i in ([s] if isinstance(s, (int, np.integer)) else s)]
        for s, x in zip(axes, (a, b), strict=True)
    )
    if len(of_a) != len(of_b) or len(set(of_a)) != len(of_a) or len(set(of_b)) != len(of_b):
        raise ShapeError(f"tensordot: expected as many axes of each, each once. Received: axes={(of_a, of_b)}")
    if (of_a, of_b) == ([a.ndim - 1], [0]) and b.ndim <= 2:
        return matmul(a, b)
    names = letters(a.ndim + b.ndim)
    first, second = list(names[: a.ndim]), list(names[a.ndim :])
    for i, j in zip(of_a, of_b, strict=True):
        second[j] = first[i]
    output = [i for p, i in enumerate(first) if p not in of_a] + [j for p, j in enumerate(second) if p not in of_b]
    return contract([a, b], ["".join(first), "".join(second)], "".join(output))


@public
def inner(a: Any, b: Any) -> Any:
    r"""Sum of products over the last axes, :math:`\sum_k a_{ik} b_{jk}`; with a number, the product.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.inner(pel.matrix("A", shape=(2, 3)), pel.matrix("B", shape=(4, 3))).shape
    (2, 4)
    """
    a, b = as_expr(a), as_expr(b)
    return a * b if not a.ndim or not b.ndim else tensordot(a, b, axes=(-1, -1))


@public
def vdot(a: Any, b: Any) -> Any:
    r"""Sum of the products of all elements, :math:`\sum_i a_i b_i`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vdot(pel.vector("a"), pel.vector("b"))
    a @ b
    """
    return matmul(ravel(a), ravel(b))
