r"""Parts of arrays: by position, by index arrays, or by both at once, as NumPy has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.index_spec import (
    ARRAY,
    WHOLE,
    Index,
    array_settings,
    check_positions,
    index_pieces,
    indexed,
    integer_indices,
    is_known,
    real_index,
    traced_index,
    written_out,
)
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import ATOM, Piece
from pellucid.graph.types import Type, broadcast_dims, normalize_axis, shape_text


def _index_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    x, *arrays = operands
    return [(x, ATOM), "[", *index_pieces(settings.get("index") or [ARRAY] * len(arrays), arrays), "]"]


def _index_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    x, *arrays = operands
    return [(x, ATOM), "_{", *index_pieces(settings.get("index") or [ARRAY] * len(arrays), arrays, r"\ast"), "}"]


def part_of(x: Any, index: Index, arrays: Sequence[Any]) -> Any:
    """Write a part of an array, whatever its index is made of."""
    return gather(x, *arrays, index=index) if arrays else slice_(x, index)


def unrepeated(g: Expr, y: Expr) -> Expr:
    """Return a gradient as it was before it was repeated to the shape of the result, where it need not be."""
    repeated = g.op is not None and g.op.name == "broadcast_like" and g.inputs[1] is y
    return g.inputs[0] if repeated else g


@op(
    name="slice",
    tex=_index_tex,
    text=_index_text,
    infer=lambda x, index: indexed(x, index),
    normalize=lambda x, index: {"index": written_out(x, index)[0]},
    grad=lambda g, y, x, index: call("set_at", call("zeros_like", x, g.dtype), unrepeated(g, y), index=index),
    examples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"index": (slice(None), slice(0, 4, 2))}),
        ((rng.normal(size=(3, 4)),), {"index": (None, -1, ...)}),
        ((rng.normal(size=(3, 4)),), {"index": slice(None, None, -1)}),
    ],
    cost=0,
    behind="getitem",
)
def slice_(xp: Any, x: Any, index: Any = ()) -> Any:
    r"""A part of an array, by integers, slices, ``None`` and ``...``; what ``x[1:, 0]`` writes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix("x")[1:, 0]
    x[1:, 0]
    """
    check_positions(x, index)
    return x[real_index(index)]


def _gathered(x: Expr, *indices: Expr, index: Index) -> Type:
    for array in indices:
        integer_indices(array, "gather")
    return indexed(x, index, indices)


def _gather_grad(g: Any, y: Any, x: Any, *indices: Any, index: Index) -> list[Any]:
    zeros = call("zeros_like", x, g.dtype)
    return [call("add_at", zeros, unrepeated(g, y), *indices, index=index), *[None] * len(indices)]


def _gather_xla(xp: Any, x: Any, *indices: Any, index: Index) -> Any:
    places = xp.asarray(x).at[traced_index(x, index, indices)]
    return places.get(mode="promise_in_bounds" if all(map(is_known, indices)) else "fill")


@op(
    tex=_index_tex,
    text=_index_text,
    infer=_gathered,
    normalize=lambda x, *indices, index: array_settings(x, indices, index),
    xla=_gather_xla,
    grad=_gather_grad,
    examples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([2, 0, 2])), {}),
        ((rng.normal(size=(4, 3)), np.array([[2], [0]], "int8"), np.array([-1, 1])), {}),
        ((rng.normal(size=(2, 3, 4)), np.array([1, 1]), np.array([0, 3])), {"index": (ARRAY, slice(1, None), ARRAY)}),
        ((rng.normal(size=(2, 3, 4)), np.array([[2, 2]])), {"index": (None, ..., ARRAY, -1)}),
    ],
    cost=0,
    behind="getitem",
)
def gather(xp: Any, x: Any, *indices: Any, index: Any = ()) -> Any:
    r"""A part of an array by index arrays, :math:`y_k = x_{i_k, j_k}`; what ``x[i, j]`` and ``x[:, i]`` write.

    Parameters
    ----------
    x : Expr or array
        Where to take from.
    *indices : Expr or array of integers
        Which, of shapes that broadcast; negative ones count from the end.
    index : tuple
        The whole index, in which ``indexing.ARRAY`` marks the places of ``indices``; the first axes without it.

    Returns
    -------
    Expr
        With the axes of the index arrays replaced by their common shape, as NumPy does.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, i = pel.matrix("x", shape=(5, 3)), pel.ivector("i", shape=("n",))
    >>> x[:, i].shape, x[i, i].shape
    ((5, 'n'), ('n',))
    >>> pel.grad(x[i].sum(), x)
    broadcast_like(0, x).at[i].add(1)
    """
    check_positions(x, index)
    return x[real_index(index, indices)]


@public
def getitem(x: Any, index: Any) -> Any:
    r"""What ``x[index]`` means: a part by integers, slices, ``None``, ``...`` and arrays of integers.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix("x")[0, ::2]
    x[0, ::2]
    """
    if isinstance(x, Pattern):
        return slice_(x, index)
    parts, arrays = written_out(x, index)
    return part_of(x, parts, arrays)


MODES = ("raise", "clip", "wrap")


def within(indices: Any, x: Any, axis: int, mode: str) -> Any:
    """Bring indices into the range of an axis, as NumPy's modes ``"clip"`` and ``"wrap"`` do.

    Raises
    ------
    ValueError
        For another mode.
    """
    if mode not in MODES:
        raise OptionError(f"Expected mode to be 'raise', 'clip' or 'wrap'. Received: mode={mode!r}")
    if mode == "raise":
        return indices
    length = call("size", x, axis=axis, dtype=indices.dtype)
    if mode == "wrap":
        return call("remainder", indices, length)
    return call("clip", indices, np.zeros((), indices.dtype), length - np.ones((), indices.dtype))


@public
def take(x: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    r"""The elements at some indices along an axis, :math:`x_{i_k}`.

    Parameters
    ----------
    x : Expr or array
        Where to take from.
    indices : Expr, array or list of integers
        Which, of any shape.
    axis : int, optional
        Along which axis; of all elements in one row without it.
    mode : {"raise", "clip", "wrap"}
        What to do with an index beyond the end: refuse it, take the nearest there is, or begin anew.

    Returns
    -------
    Expr
        With the axis replaced by the shape of the indices.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, i = pel.matrix("x", shape=(5, 3)), pel.ivector("i", shape=("n",))
    >>> pel.take(x, i, axis=0), pel.take(x, i, axis=1).shape
    (x[i], (5, 'n'))
    """
    x = as_expr(x)
    if axis is None:
        x, axis = (x if x.ndim == 1 else call("ravel", x)), 0
    axis = normalize_axis(axis, x.ndim, "take", x)
    chosen = as_expr(np.asarray(indices) if isinstance(indices, (int, list, tuple)) else indices)
    integer_indices(chosen, "take")
    return gather(x, within(chosen, x, axis, mode), index=(WHOLE,) * axis + (ARRAY,))


def _along(x: Expr, indices: Expr, axis: int) -> Type:
    integer_indices(indices, "take_along_axis")
    shape = []
    for a, (d, e) in enumerate(zip(x.shape, indices.shape, strict=False)):
        both = e if a == axis else broadcast_dims(d, e)
        if both is None or x.ndim != indices.ndim:
            raise ShapeError(
                f"take_along_axis: {x} of shape {shape_text(x.shape)} and indices {indices} of shape "
                f"{shape_text(indices.shape)} must agree in all but axis {axis}"
            )
        shape.append(both)
    return Type(tuple(shape), x.dtype)


@op(
    tex=r"{0:^}[{1:_}]",
    infer=_along,
    normalize=lambda x, indices, axis: {"axis": normalize_axis(axis, x.ndim, "take_along_axis", x)},
    grad=lambda g, y, x, indices, axis: (call("untake_along_axis", g, indices, x, axis=axis), None),
    examples=lambda rng: [
        ((rng.normal(size=(3, 4)), np.array([[1], [0], [3]])), {"axis": 1}),
        ((rng.normal(size=(3, 4)), np.array([[2, 0]])), {"axis": -1}),
        ((rng.normal(size=(1, 4)), np.array([[2, 0], [1, 1]])), {}),
    ],
    cost=0,
)
def take_along_axis(xp: Any, x: Any, indices: Any, axis: Any = -1) -> Any:
    r"""One element for each index along an axis, the other axes going together, :math:`x_{k, i_k}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> p, y = pel.matrix("p", shape=("n", 10)), pel.ivector("y", shape=("n",))
    >>> pel.take_along_axis(p, y[:, None]).shape
    ('n', 1)
    """
    return xp.take_along_axis(x, indices, axis=axis)


def _grid(xp: Any, g: Any, indices: Any, like: Any, axis: int) -> tuple[Any, ...]:
    """Return the index along each axis of where the elements of ``g`` belong."""
    places = []
    for a, n in enumerate(g.shape):
        numbers = xp.arange(n) if like.shape[a] == n else xp.zeros(n, int)
        places.append(indices if a == axis else numbers.reshape([-1 if a == b else 1 for b in range(g.ndim)]))
    return tuple(places)


def _untake_along_xla(xp: Any, g: Any, indices: Any, like: Any, axis: int) -> Any:
    return xp.zeros(like.shape, g.dtype).at[_grid(xp, g, indices, like, axis)].add(g)


@op(
    infer=lambda g, indices, like, axis: Type(like.shape, g.dtype),
    normalize=lambda g, indices, like, axis: {"axis": axis % like.ndim},
    xla=_untake_along_xla,
    grad=lambda u, y, g, indices, like, axis: (take_along_axis(u, indices, axis=axis), None, None),
    examples=lambda rng: [
        ((rng.normal(size=(3, 1)), np.array([[1], [0], [3]]), np.zeros((3, 4))), {"axis": 1}),
        ((rng.normal(size=(3, 2)), np.array([[2, 2]]), np.zeros((3, 4))), {"axis": -1}),
    ],
    cost=lambda node, size: size(node.inputs[0]),
    behind="take_along_axis",
)
def untake_along_axis(xp: Any, g: Any, indices: Any, like: Any, axis: Any = -1) -> Any:
    r"""Zeros of the shape of ``like`` with ``g`` added at one index each: the transpose of `take_along_axis`.

    Examples
    --------
    >>> import pellucid as pel
    >>> g, i = pel.matrix("g", shape=("n", 1)), pel.imatrix("i", shape=("n", 1))
    >>> pel.untake_along_axis(g, i, pel.matrix("x", shape=("n", 4)), axis=1).shape
    ('n', 4)
    """
    result = xp.zeros(like.shape, g.dtype)
    np.add.at(result, _grid(xp, g, indices, like, axis), g)
    return result
