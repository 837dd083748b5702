r"""Sorting, searching and counting. Sorting is stable, and NaN is larger than every number."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Constant, Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand, settings_tex
from pellucid.graph.ops.index_spec import as_indices
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.range_rules import elements_of, fixed
from pellucid.graph.types import Shape, Type, multiply_dims, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Axes


def _normalize_settings(x: Expr, axis: Axes, descending: bool, stable: bool = True) -> OpSettings:
    # Sorting is always stable, so that ``stable`` is not a setting of the op.
    return {
        "axis": None if axis is None else normalize_axis(axis, x.ndim, "sorting", x),
        "descending": bool(descending),
    }


def _infer_shape(x: Expr, axis: int | None) -> Shape:
    if axis is not None or x.ndim == 1:
        return x.shape
    return (multiply_dims(*x.shape),)


def _count_comparisons(node: Expr, size: Any) -> Any:
    axis = node.settings["axis"]
    length = size(node.inputs[0]) if axis is None else size(node.inputs[0], axis)
    return size(node.inputs[0]) * math.log2(2 + length)


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [
        ((x,), {}),
        ((x,), {"axis": None}),
        ((x,), {"axis": 1, "descending": True}),
        ((rng.integers(0, 3, (3, 5)),), {"descending": True}),
        ((rng.random((2, 4)) > 0.5,), {"axis": 0}),
    ]


def _flatten_for_none(x: NamespaceArray, axis: int | None) -> tuple[NamespaceArray, int]:
    return (x.reshape(-1), 0) if axis is None else (x, axis)


@op(
    tex=r"\operatorname{{argsort}}({0:_})",
    infer=lambda x, axis, descending: Type(_infer_shape(x, axis), np.dtype("int64")),
    normalize=_normalize_settings,
    differentiable=False,
    examples=_draw_examples,
    cost=_count_comparisons,
    value_range=fixed(0, 2**31 - 1),
)
def argsort(
    xp: ArrayNamespace, x: NamespaceArray, axis: int | None = -1, descending: bool = False, stable: bool = True
) -> NamespaceArray:
    r"""Indices that sort an array, :math:`x_{i_1} \le x_{i_2} \le \dots`, as int64. The parameters are those of `sort`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are sorted; None flattens the array first.
    descending : bool
        Whether the largest elements come first.
    stable : bool
        Whether equal elements keep their order.

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


def _sort_grad(g: Expr, y: Expr, x: Expr, axis: int | None, descending: bool) -> Expr:
    order = argsort(x, axis=axis, descending=descending)
    if axis is not None:
        return call_op("take_along_axis_gradient", g, order, x, axis=axis)
    flat = call_op("take_along_axis_gradient", g, order, call_op("ravel", x), axis=0)
    return call_op("reshape_like", flat, x)


@op(
    tex=r"\operatorname{{sort}}({0:_})",
    infer=lambda x, axis, descending: Type(_infer_shape(x, axis), x.dtype),
    normalize=_normalize_settings,
    grad=_sort_grad,
    examples=_draw_examples,
    cost=_count_comparisons,
    value_range=elements_of(0),
)
def sort(
    xp: ArrayNamespace, x: NamespaceArray, axis: int | None = -1, descending: bool = False, stable: bool = True
) -> NamespaceArray:
    r"""Sort the elements along an axis, :math:`x_{(1)} \le x_{(2)} \le \dots`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int, optional
        Axis to sort along; ``None`` sorts the flattened array.
    descending : bool
        Whether the largest elements, and NaN, come first.
    stable : bool
        Accepted for compatibility with NumPy. Equal elements keep their order in either case.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.sort(x, descending=True))([2, 3, 1])
    array([3., 2., 1.], dtype=float32)
    """
    x, axis = _flatten_for_none(x, axis)
    return xp.flip(xp.sort(x, axis=axis), axis=axis) if descending else xp.sort(x, axis=axis)


def _normalize_top_k(x: Expr, k: int, axis: int) -> OpSettings:
    axis, count = normalize_axis(axis, x.ndim, "top_k", x), operator.index(k)
    length = x.shape[axis]
    if count < 0 or (isinstance(length, int) and count > length):
        raise ShapeError(f"top_k: expected k from 0 to {length}, the length of axis {axis} of {x}. Received: k={k}")
    return {"k": count, "axis": axis}


@op(
    tex=settings_tex(r"\operatorname{{argtop}}_{{{k}}}"),
    infer=lambda x, k, axis: Type((*x.shape[:axis], k, *x.shape[axis + 1 :]), np.dtype("int64")),
    normalize=_normalize_top_k,
    differentiable=False,
    examples=lambda rng: [((rng.normal(size=(3, 5)),), {"k": 2}), ((rng.integers(0, 3, (5, 2)),), {"k": 3, "axis": 0})],
    cost=_count_comparisons,
    behind="top_k",
)
def argtop_k(xp: ArrayNamespace, x: NamespaceArray, k: int = 1, axis: int = -1) -> ArrayValue:
    r"""Indices of the ``k`` largest elements along an axis, in descending order, as int64.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    k : int
        Number of elements.
    axis : int
        Axis along which elements are compared.

    Examples
    --------
    >>> pel.argtop_k(pel.matrix("x", shape=("n", 10)), 3).shape
    ('n', 3)
    """
    order = cast(NamespaceArray, argsort.op.value(xp, x, axis=axis, descending=True))
    return order[(slice(None),) * axis + (slice(k),)]


@register_function
def top_k(x: Operand, k: int, axis: int = -1) -> list[Expr]:
    r"""The ``k`` largest elements along an axis, in descending order, and their indices.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    k : int
        Number of elements, at most the length of the axis.
    axis : int
        Axis to search along.

    Returns
    -------
    values, indices : Expr
        Arrays with ``k`` elements along the axis. Of equal elements the first come first. The indices are int64.

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


def _normalize_search(a: Expr, v: Expr, side: str) -> OpSettings:
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: expected a sorted vector as first operand. Received: {format_operand(a)}")
    if isinstance(a, Constant) and not bool(np.all(a.value[:-1] <= a.value[1:])):
        raise ShapeError(f"searchsorted: expected numbers in ascending order. Received: {a}")
    if side not in ("left", "right"):
        raise OptionError(f"searchsorted: expected side to be 'left' or 'right'. Received: side={side!r}")
    return {"side": side}


@op(
    promotes=True,
    infer=lambda a, v, side: Type(v.shape, np.dtype("int64")),
    normalize=_normalize_search,
    differentiable=False,
    examples=lambda rng: [
        ((np.array([-0.5, 0.0, 0.0, 1.0]), np.array([[0.0, -1.0], [0.3, 2.0]])), {}),
        ((np.array([-0.5, 0.0, 0.0, 1.0]), np.array([0.0, np.inf])), {"side": "right"}),
    ],
    cost=lambda node, size: size(node) * math.log2(2 + size(node.inputs[0])),
)
def searchsorted(
    xp: ArrayNamespace, a: NamespaceArray, v: NamespaceArray, side: Literal["left", "right"] = "left"
) -> NamespaceArray:
    r"""Indices at which values would be inserted into a sorted vector: the :math:`i` with
    :math:`a_{i-1} < v \le a_i`, or :math:`a_{i-1} \le v < a_i` for ``side="right"``.

    Parameters
    ----------
    a : Expr or array of one axis
        Numbers in ascending order.
    v : Expr or array
        Numbers of any shape.
    side : {"left", "right"}
        Whether the index is before or after equal elements.

    Returns
    -------
    Expr of int64
        Same shape as ``v``, with values from 0 to the length of ``a``.

    Raises
    ------
    ShapeError
        If ``a`` is not a vector, or a constant that is not sorted.
    ValueError
        If ``side`` is anything else.

    Examples
    --------
    >>> v = pel.vector("v")
    >>> pel.function([v], pel.searchsorted(np.array([1.0, 2.0], "float32"), v))([0.5, 2.0, 3.0])
    array([0, 1, 2])
    """
    return xp.searchsorted(a, v, side=side).astype("int64")


@register_function
def digitize(x: Operand, bins: Operand, right: bool = False) -> Expr:
    r"""Index of the bin that contains each element, :math:`b_{i-1} \le x < b_i`, for ascending bin edges.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    bins : Expr or array
        Vector of ascending edges.
    right : bool
        Whether bins contain their upper edge instead of their lower one.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.digitize(x, np.array([0.0, 1.0], "float32")))([-1.0, 0.0, 5.0])
    array([0, 1, 2])
    """
    return searchsorted(bins, x, side="left" if right else "right")


@register_function
def bincount(x: Operand, weights: Operand | None = None, length: int | None = None) -> Expr:
    r"""Number of occurrences of each integer, or the sum of its weights, :math:`y_k = \sum_{j : x_j = k} w_j`.

    Parameters
    ----------
    x : Expr or array of integers
        Vector of numbers from 0 to ``length - 1``.
    weights : Expr or array, optional
        Weights of the same shape (default ones).
    length : int
        Number of bins. It is required, because the shape must be known when the graph is built.

    Returns
    -------
    Expr, shape (length,)
        Has the dtype of the weights, or int64.

    Raises
    ------
    ShapeError
        If ``length`` is missing or ``x`` does not have one axis.

    Examples
    --------
    >>> y = pel.ivector("y")
    >>> pel.function([y], pel.bincount(y, length=4))([0, 2, 2])
    array([1, 0, 2, 0])
    """
    numbers = as_indices(x, "bincount")
    if length is None:
        raise ShapeError(
            f"bincount of {numbers}: expected the number of bins, as in pel.bincount(y, length=10), because the shape "
            "of the result must be known when the graph is built"
        )
    if numbers.ndim != 1:
        raise ShapeError(f"bincount: expected one axis. Received: {format_operand(numbers)}")
    amounts = as_expr(np.ones((), "int64") if weights is None else weights)
    counts: Expr = call_op("zeros", operator.index(length), amounts.dtype).at[numbers].add(amounts)
    return counts
