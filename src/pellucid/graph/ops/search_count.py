r"""Elements chosen, counted and numbered: by conditions, by where they belong in a sorted row, by their integers."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, OptionError, ShapeError
from pellucid.graph.expr import Constant, Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.index_spec import integer_indices
from pellucid.graph.types import Type, as_dtype, shape_text


def _hot(indices: Expr, num_classes: int, dtype: Any) -> Type:
    integer_indices(indices, "one_hot")
    return Type((*indices.shape, num_classes), dtype)


def _hot_text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    dtype = settings.get("dtype")
    plain = dtype is None or dtype == as_dtype(None)
    return ["one_hot(", (operands[0], 0), f", {settings.get('num_classes')}{'' if plain else f', dtype={dtype}'})"]


@op(
    tex=r"\operatorname{{onehot}}({0:_})",
    text=_hot_text,
    infer=_hot,
    normalize=lambda x, num_classes, dtype=None: {"num_classes": operator.index(num_classes), "dtype": as_dtype(dtype)},
    differentiable=False,
    examples=lambda rng: [((np.array([[2, 0], [1, 1]]),), {"num_classes": 4})],
)
def one_hot(xp: Any, x: Any, num_classes: Any = None, dtype: Any = None) -> Any:
    r"""Integers as unit vectors along a new last axis, :math:`t_{k} = [x = k]`.

    Parameters
    ----------
    x : Expr or array of integers
        From 0 to ``num_classes - 1``; any other becomes a row of zeros.
    num_classes : int
        The length of the new axis.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        With one more axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.one_hot(pel.ivector("y", shape=("n",)), 10).shape
    ('n', 10)
    """
    return (xp.expand_dims(x, -1) == xp.arange(num_classes, dtype=x.dtype)).astype(dtype)


@public
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    r"""The choice of the first condition that holds, :math:`x_k` for the least :math:`k` with :math:`c_k`.

    Parameters
    ----------
    condlist : sequence of Expr or array of bool
        Conditions.
    choicelist : sequence of Expr, array or number
        What each of them chooses.
    default : Expr, array or number
        What is taken where none holds.

    Returns
    -------
    Expr
        Of the broadcast shape of all.

    Raises
    ------
    ShapeError
        If there are not as many choices as conditions.

    Examples
    --------
    >>> import pellucid as pel
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
        result = call("where", condition, choice, result)
    return result


@public
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    r"""The elements along an axis where a condition holds that is known while the graph is built.

    Parameters
    ----------
    condition : array or list of bool
        Of one axis, at most as long as that of ``a``.
    a : Expr or array
        What to take from.
    axis : int, optional
        Along which axis; of all elements in one row without it.

    Returns
    -------
    Expr
        With as many elements along the axis as the condition holds.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.compress([True, False, True], pel.matrix("x", shape=("n", 3)), axis=1).shape
    ('n', 2)
    """
    known = condition.value if isinstance(condition, Constant) else condition
    if isinstance(known, Expr):
        raise DtypeError(
            "compress needs a condition that is known while the graph is built, because the size of the result "
            f"depends on it. Received: {known}. Use pel.where(condition, x, other), which keeps the size"
        )
    places = np.flatnonzero(np.asarray(known, dtype=bool))
    return call("take", a, places, axis=axis)


SIDES = ("left", "right")


def _search_settings(a: Expr, v: Expr, side: str) -> dict[str, Any]:
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: expected a sorted row first. Received: {a}, of shape {shape_text(a.shape)}")
    if isinstance(a, Constant) and not bool(np.all(a.value[:-1] <= a.value[1:])):
        raise ShapeError(f"searchsorted: expected numbers in ascending order. Received: {a}")
    if side not in SIDES:
        raise OptionError(f"Expected side to be 'left' or 'right'. Received: side={side!r}")
    return {"side": side}


@op(
    promotes=True,
    infer=lambda a, v, side: Type(v.shape, np.dtype("int64")),
    normalize=_search_settings,
    differentiable=False,
    examples=lambda rng: [
        ((np.array([-0.5, 0.0, 0.0, 1.0]), np.array([[0.0, -1.0], [0.3, 2.0]])), {}),
        ((np.array([-0.5, 0.0, 0.0, 1.0]), np.array([0.0, np.inf])), {"side": "right"}),
    ],
    cost=lambda node, size: size(node) * math.log2(2 + size(node.inputs[0])),
)
def searchsorted(xp: Any, a: Any, v: Any, side: Any = "left") -> Any:
    r"""Where numbers belong in a sorted row, as int64: the :math:`i` with :math:`a_{i-1} < v \le a_i`, or
    :math:`a_{i-1} \le v < a_i` for ``side="right"``.

    Parameters
    ----------
    a : Expr or array of one axis
        Numbers in ascending order.
    v : Expr or array
        Numbers of any shape.
    side : {"left", "right"}
        Whether before or behind equal ones.

    Returns
    -------
    Expr
        Of the shape of ``v``, from 0 to the length of ``a``.

    Examples
    --------
    >>> import pellucid as pel
    >>> v = pel.vector("v")
    >>> pel.function([v], pel.searchsorted(np.array([1.0, 2.0], "float32"), v))([0.5, 2.0, 3.0])
    array([0, 1, 2])
    """
    return xp.searchsorted(a, v, side=side).astype("int64")


@public
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    r"""The number of the bin that each element is in, :math:`b_{i-1} \le x < b_i`, for ascending edges.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.digitize(x, np.array([0.0, 1.0], "float32")))([-1.0, 0.0, 5.0])
    array([0, 1, 2])
    """
    return searchsorted(bins, x, side="left" if right else "right")


@public
def bincount(x: Any, weights: Any = None, length: int | None = None) -> Any:
    r"""How often each integer occurs, or the sum of its weights, :math:`y_k = \sum_{j : x_j = k} w_j`.

    Parameters
    ----------
    x : Expr or array of integers
        Of one axis, from 0 to ``length - 1``.
    weights : Expr or array, optional
        Of the same shape; ones without it.
    length : int
        How many integers are counted. NumPy finds it in the data; here sizes are known before there are data.

    Returns
    -------
    Expr
        Of shape ``(length,)``, of the dtype of the weights, or int64.

    Examples
    --------
    >>> import pellucid as pel
    >>> y = pel.ivector("y")
    >>> pel.function([y], pel.bincount(y, length=4))([0, 2, 2])
    array([1, 0, 2, 0])
    """
    numbers = as_expr(np.asarray(x) if isinstance(x, list) else x)
    integer_indices(numbers, "bincount")
    if length is None:
        raise ShapeError(
            f"bincount of {numbers} needs to be told how many integers to count, as in pel.bincount(y, length=10), "
            "because its size must be known before there are data"
        )
    if numbers.ndim != 1:
        raise ShapeError(f"bincount: expected one axis. Received: {numbers}, of shape {shape_text(numbers.shape)}")
    amounts = as_expr(np.ones((), "int64") if weights is None else weights)
    return call("zeros", operator.index(length), amounts.dtype).at[numbers].add(amounts)


@public
def unravel_index(indices: Any, shape: Sequence[int]) -> list[Any]:
    r"""The index along each axis of elements that are numbered row by row.

    Examples
    --------
    >>> import pellucid as pel
    >>> i = pel.iscalar("i")
    >>> pel.function([i], pel.unravel_index(i, (2, 3)))(5)
    [np.int32(1), np.int32(2)]
    """
    left = as_expr(np.asarray(indices) if isinstance(indices, (int, list)) else indices)
    integer_indices(left, "unravel_index")
    result: list[Any] = []
    for length in reversed(shape):
        result.append(left % length)
        left = left // length
    return result[::-1]


@public
def ravel_multi_index(multi_index: Sequence[Any], dims: Sequence[int]) -> Any:
    r"""The number of elements, counted row by row, from their index along each axis: for two axes
    :math:`n_2 i_1 + i_2`.

    Examples
    --------
    >>> import pellucid as pel
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
