r"""Sorting and top-k selection. Sorting is stable, and NaN is larger than every number."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.precedence import TemplatePiece
from pellucid.graph.types import Shape, Type, Unknown, normalize_axis


def _normalize_settings(x: Expr, axis: Any, descending: Any, stable: Any = True) -> dict[str, Any]:
    # Sorting is always stable, so that ``stable`` is not a setting of the op.
    return {
        "axis": None if axis is None else normalize_axis(axis, x.ndim, "sorting", x),
        "descending": bool(descending),
    }


def _infer_shape(x: Expr, axis: int | None) -> Shape:
    if axis is not None or x.ndim == 1:
        return x.shape
    return (math.prod(x.shape) if all(isinstance(d, int) for d in x.shape) else Unknown(),)


def _count_comparisons(node: Expr, size: Any) -> Any:
    axis = node.settings["axis"]
    length = size(node.inputs[0]) if axis is None else size(node.inputs[0], axis)
    return size(node.inputs[0]) * math.log2(2 + length)


def _draw_examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [
        ((x,), {}),
        ((x,), {"axis": None}),
        ((x,), {"axis": 1, "descending": True}),
        ((rng.integers(0, 3, (3, 5)),), {"descending": True}),
        ((rng.random((2, 4)) > 0.5,), {"axis": 0}),
    ]


def _flatten_for_none(x: Any, axis: int | None) -> tuple[Any, int]:
    return (x.reshape(-1), 0) if axis is None else (x, axis)


@op(
    tex=r"\operatorname{{argsort}}({0:_})",
    infer=lambda x, axis, descending: Type(_infer_shape(x, axis), np.dtype("int64")),
    normalize=_normalize_settings,
    differentiable=False,
    examples=_draw_examples,
    cost=_count_comparisons,
)
def argsort(xp: Any, x: Any, axis: Any = -1, descending: Any = False, stable: Any = True) -> Any:
    r"""Indices that sort an array, :math:`x_{i_1} \le x_{i_2} \le \dots`, as int64.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int, optional
        The axis to sort along; ``None`` sorts the flattened array.
    descending : bool
        Whether the largest elements, and NaN, come first.
    stable : bool
        Accepted for compatibility with NumPy. Equal elements keep their order in either case.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], [pel.argsort(x), pel.argsort(x, descending=True)])([2, 1, 2])
    [array([1, 0, 2]), array([0, 2, 1])]
    """
    x, axis = _flatten_for_none(x, axis)
    if not descending:
        return xp.argsort(x, axis=axis, stable=True).astype("int64")
    # Sort the reversed array and reverse the result: reversing twice keeps the order of equal elements.
    backwards = xp.argsort(xp.flip(x, axis=axis), axis=axis, stable=True)
    return (x.shape[axis] - 1 - xp.flip(backwards, axis=axis)).astype("int64")


def _sort_grad(g: Any, y: Any, x: Any, axis: int | None, descending: bool) -> Any:
    order = argsort(x, axis=axis, descending=descending)
    if axis is not None:
        return call_op("untake_along_axis", g, order, x, axis=axis)
    flat = call_op("untake_along_axis", g, order, call_op("ravel", x), axis=0)
    return call_op("reshape_like", flat, x)


@op(
    tex=r"\operatorname{{sort}}({0:_})",
    infer=lambda x, axis, descending: Type(_infer_shape(x, axis), x.dtype),
    normalize=_normalize_settings,
    grad=_sort_grad,
    examples=_draw_examples,
    cost=_count_comparisons,
)
def sort(xp: Any, x: Any, axis: Any = -1, descending: Any = False, stable: Any = True) -> Any:
    r"""Sort the elements along an axis, :math:`x_{(1)} \le x_{(2)} \le \dots`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int, optional
        The axis to sort along; ``None`` sorts the flattened array.
    descending : bool
        Whether the largest elements, and NaN, come first.
    stable : bool
        Accepted for compatibility with NumPy. Equal elements keep their order in either case.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.sort(x, descending=True))([2, 3, 1])
    array([3., 2., 1.], dtype=float32)
    """
    x, axis = _flatten_for_none(x, axis)
    return xp.flip(xp.sort(x, axis=axis), axis=axis) if descending else xp.sort(x, axis=axis)


def _top_k_tex(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    return [rf"\operatorname{{argtop}}_{{{settings['k']}}}(", (operands[0], 0), ")"]


def _normalize_top_k(x: Expr, k: Any, axis: Any) -> dict[str, Any]:
    axis, count = normalize_axis(axis, x.ndim, "top_k", x), operator.index(k)
    length = x.shape[axis]
    if count < 0 or (isinstance(length, int) and count > length):
        raise ShapeError(f"top_k: expected k from 0 to {length}, the length of axis {axis} of {x}. Received: k={k}")
    return {"k": count, "axis": axis}


@op(
    tex=_top_k_tex,
    infer=lambda x, k, axis: Type((*x.shape[:axis], k, *x.shape[axis + 1 :]), np.dtype("int64")),
    normalize=_normalize_top_k,
    differentiable=False,
    examples=lambda rng: [((rng.normal(size=(3, 5)),), {"k": 2}), ((rng.integers(0, 3, (5, 2)),), {"k": 3, "axis": 0})],
    cost=_count_comparisons,
    behind="top_k",
)
def argtop_k(xp: Any, x: Any, k: Any = 1, axis: Any = -1) -> Any:
    r"""Indices of the ``k`` largest elements along an axis, in descending order, as int64.

    Examples
    --------
    >>> pel.argtop_k(pel.matrix("x", shape=("n", 10)), 3).shape
    ('n', 3)
    """
    order = argsort.op.value(xp, x, axis=axis, descending=True)
    return order[(slice(None),) * axis + (slice(k),)]


@register_function
def top_k(x: Any, k: int, axis: int = -1) -> list[Any]:
    r"""The ``k`` largest elements along an axis, in descending order, and their indices.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    k : int
        The number of elements, at most the length of the axis.
    axis : int
        The axis to search along.

    Returns
    -------
    values, indices : Expr
        With ``k`` elements along the axis. Of equal elements the first come first. The indices are int64.

    Raises
    ------
    ShapeError
        If ``k`` is larger than the length of the axis.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.top_k(x, 2))([1.0, 3.0, 3.0])
    [array([3., 3.], dtype=float32), array([1, 2])]
    """
    x = as_expr(x)
    indices = argtop_k(x, k=k, axis=axis)
    return [take_along_axis(x, indices, axis=axis), indices]
