r"""Arrays in order. Not a number counts as greater than everything, equal ones stay in the order in which they are."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.printing import Piece
from pellucid.graph.types import Shape, Type, Unknown, normalize_axis


def _settings(x: Expr, axis: Any, descending: Any, stable: Any = True) -> dict[str, Any]:
    """Write the axis out; an order that is always stable needs no word about it."""
    return {
        "axis": None if axis is None else normalize_axis(axis, x.ndim, "sorting", x),
        "descending": bool(descending),
    }


def _shape(x: Expr, axis: int | None) -> Shape:
    if axis is not None or x.ndim == 1:
        return x.shape
    return (math.prod(x.shape) if all(isinstance(d, int) for d in x.shape) else Unknown(),)


def _comparisons(node: Expr, size: Any) -> Any:
    axis = node.settings["axis"]
    along = size(node.inputs[0]) if axis is None else size(node.inputs[0], axis)
    return size(node.inputs[0]) * math.log2(2 + along)


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [
        ((x,), {}),
        ((x,), {"axis": None}),
        ((x,), {"axis": 1, "descending": True}),
        ((rng.integers(0, 3, (3, 5)),), {"descending": True}),
        ((rng.random((2, 4)) > 0.5,), {"axis": 0}),
    ]


def _row(x: Any, axis: int | None) -> tuple[Any, int]:
    return (x.reshape(-1), 0) if axis is None else (x, axis)


@op(
    tex=r"\operatorname{{argsort}}({0:_})",
    infer=lambda x, axis, descending: Type(_shape(x, axis), np.dtype("int64")),
    normalize=_settings,
    differentiable=False,
    examples=_examples,
    cost=_comparisons,
)
def argsort(xp: Any, x: Any, axis: Any = -1, descending: Any = False, stable: Any = True) -> Any:
    r"""The indices that sort an array, :math:`x_{i_1} \le x_{i_2} \le \dots`, as int64.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int, optional
        Along which axis; ``None`` for all elements in one row.
    descending : bool
        Whether the greatest come first, and with them what is not a number.
    stable : bool
        Equal ones stay in their order in either case.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.function([x], [pel.argsort(x), pel.argsort(x, descending=True)])([2, 1, 2])
    [array([1, 0, 2]), array([0, 2, 1])]
    """
    x, along = _row(x, axis)
    if not descending:
        return xp.argsort(x, axis=along, stable=True).astype("int64")
    # The greatest first is the reverse of the order of the reversed array, in which equal ones are reversed too.
    backwards = xp.argsort(xp.flip(x, axis=along), axis=along, stable=True)
    return (x.shape[along] - 1 - xp.flip(backwards, axis=along)).astype("int64")


def _sort_grad(g: Any, y: Any, x: Any, axis: int | None, descending: bool) -> Any:
    order = argsort(x, axis=axis, descending=descending)
    if axis is not None:
        return call("untake_along_axis", g, order, x, axis=axis)
    row = call("untake_along_axis", g, order, call("ravel", x), axis=0)
    return call("reshape_like", row, x)


@op(
    tex=r"\operatorname{{sort}}({0:_})",
    infer=lambda x, axis, descending: Type(_shape(x, axis), x.dtype),
    normalize=_settings,
    grad=_sort_grad,
    examples=_examples,
    cost=_comparisons,
)
def sort(xp: Any, x: Any, axis: Any = -1, descending: Any = False, stable: Any = True) -> Any:
    r"""The elements in ascending order along an axis, :math:`x_{(1)} \le x_{(2)} \le \dots`; each has the gradient of
    the place it goes to.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int, optional
        Along which axis; ``None`` for all elements in one row.
    descending : bool
        Whether the greatest come first, and with them what is not a number.
    stable : bool
        Equal ones stay in their order in either case, which decides where their gradients go.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.sort(x, descending=True))([2, 3, 1])
    array([3., 2., 1.], dtype=float32)
    """
    x, along = _row(x, axis)
    return xp.flip(xp.sort(x, axis=along), axis=along) if descending else xp.sort(x, axis=along)


def _top_settings(x: Expr, k: Any, axis: Any) -> dict[str, Any]:
    axis, count = normalize_axis(axis, x.ndim, "top_k", x), operator.index(k)
    length = x.shape[axis]
    if count < 0 or (isinstance(length, int) and count > length):
        raise ShapeError(f"top_k: expected k from 0 to {length}, the length of axis {axis} of {x}. Received: k={k}")
    return {"k": count, "axis": axis}


def _top_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    return [rf"\operatorname{{argtop}}_{{{settings['k']}}}(", (operands[0], 0), ")"]


@op(
    tex=_top_tex,
    infer=lambda x, k, axis: Type((*x.shape[:axis], k, *x.shape[axis + 1 :]), np.dtype("int64")),
    normalize=_top_settings,
    differentiable=False,
    examples=lambda rng: [((rng.normal(size=(3, 5)),), {"k": 2}), ((rng.integers(0, 3, (5, 2)),), {"k": 3, "axis": 0})],
    cost=lambda node, size: _comparisons(node, size),
    behind="top_k",
)
def argtop_k(xp: Any, x: Any, k: Any = 1, axis: Any = -1) -> Any:
    r"""The indices of the ``k`` greatest elements along an axis, the greatest first, of equal ones the first, as int64.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.argtop_k(pel.matrix("x", shape=("n", 10)), 3).shape
    ('n', 3)
    """
    order = argsort.op.value(xp, x, axis=axis, descending=True)
    return order[(slice(None),) * axis + (slice(k),)]


@public
def top_k(x: Any, k: int, axis: int = -1) -> list[Any]:
    r"""The ``k`` greatest elements along an axis, the greatest first, and their indices.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    k : int
        How many, at most the length of the axis.
    axis : int
        Along which axis.

    Returns
    -------
    values, indices : Expr
        With ``k`` elements along the axis; of equal ones the first come first, and the indices are int64.

    Raises
    ------
    ShapeError
        If the axis is not that long.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.top_k(x, 2))([1.0, 3.0, 3.0])
    [array([3., 3.], dtype=float32), array([1, 2])]
    """
    x = as_expr(x)
    indices = argtop_k(x, k=k, axis=axis)
    return [take_along_axis(x, indices, axis=axis), indices]
