r"""Arrays with their elements, or the whole of them, several times over."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import at
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.printing import Piece
from pellucid.graph.types import Dim, Type, Unknown, normalize_axis, shape_text


def times(dim: Dim, count: int) -> Dim:
    """Return the length of something so many times over."""
    return dim * count if isinstance(dim, int) else dim if count == 1 else Unknown()


def _part(dim: Dim, count: int) -> Dim:
    """Return the length of what was so many times over."""
    return dim // count if isinstance(dim, int) else dim if count == 1 else Unknown()


def _along(shape: tuple[Dim, ...], axis: int, dim: Dim) -> tuple[Dim, ...]:
    return (*shape[:axis], dim, *shape[axis + 1 :])


def _repeat_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    return ["repeat(", (operands[0], 0), f", {settings.get('repeats')}, axis={settings.get('axis')})"]


@op(
    tex=at(r"\operatorname{repeat}", "repeats"),
    text=_repeat_text,
    infer=lambda x, repeats, axis: Type(_along(x.shape, axis, times(x.shape[axis], repeats)), x.dtype),
    normalize=lambda x, repeats, axis: {"repeats": int(repeats), "axis": normalize_axis(axis, x.ndim, "repeat", x)},
    grad=lambda g, y, x, repeats, axis: call("sum_repeated", g, repeats, axis),
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"repeats": 2}),
        ((rng.normal(size=(2, 3)),), {"repeats": 3, "axis": 1}),
    ],
    cost=0,
    behind="repeat",
)
def repeat_each(xp: Any, x: Any, repeats: Any = 1, axis: Any = 0) -> Any:
    r"""Each element equally often along an axis; `repeat` takes a number for each, too.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.repeat_each(pel.matrix("x", shape=("n", 3)), 2, axis=1).shape
    ('n', 6)
    """
    return xp.repeat(x, repeats, axis=axis)


@op(
    infer=lambda x, repeats, axis: Type(_along(x.shape, axis, _part(x.shape[axis], repeats)), x.dtype),
    normalize=lambda x, repeats, axis: {"repeats": int(repeats), "axis": normalize_axis(axis, x.ndim, "repeat", x)},
    grad=lambda g, y, x, repeats, axis: repeat_each(g, repeats, axis),
    examples=lambda rng: [((rng.normal(size=(2, 6)),), {"repeats": 3, "axis": 1})],
    behind="repeat",
)
def sum_repeated(xp: Any, x: Any, repeats: Any = 1, axis: Any = 0) -> Any:
    r"""Sums of so many neighbours along an axis: the transpose of `repeat_each`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.sum_repeated(pel.vector("x", shape=(6,)), 3).shape
    (2,)
    """
    groups = (*x.shape[:axis], x.shape[axis] // repeats, repeats, *x.shape[axis + 1 :])
    return xp.sum(xp.reshape(x, groups), axis=axis + 1)


@public
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    r"""Each element several times over, in its place: :math:`a, a, b, b` of :math:`a, b`.

    Parameters
    ----------
    a : Expr or array
        Of any shape.
    repeats : int or sequence of int
        How often; a sequence has a number for each element along the axis, whose length must then be known.
    axis : int, optional
        Along which; without it the array is flattened first.

    Returns
    -------
    Expr
        As long along the axis as all repeats together.

    Raises
    ------
    ShapeError
        If there are not as many repeats as elements, one is negative, or they are expressions.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.repeat(pel.vector("x", shape=(2,)), [2, 3]).shape
    (5,)
    """
    x = as_expr(a)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim, "repeat", x)
    counts = None if isinstance(repeats, Expr) else np.asarray(repeats)
    if counts is None or counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts < 0).any():
        raise ShapeError(f"repeat of {x}: expected an integer of 0 or more, or several. Received: repeats={repeats!r}")
    if counts.size == 1:
        return repeat_each(x, counts.item(), axis)
    if x.shape[axis] != len(counts):
        raise ShapeError(
            f"repeat: {x}, of shape {shape_text(x.shape)}, needs a number for each element along axis {axis}. "
            f"Received: {len(counts)} repeats"
        )
    return call("take", x, np.repeat(np.arange(len(counts)), counts), axis=axis)


def _reps(x: Expr, reps: Any) -> dict[str, Any]:
    try:
        counts = [operator.index(r) for r in (reps if isinstance(reps, (tuple, list, np.ndarray)) else [reps])]
    except TypeError:
        counts = [-1]
    if min(counts, default=1) < 0:
        raise ShapeError(f"tile of {x}: expected integers of 0 or more. Received: reps={reps!r}")
    return {"reps": (*[1] * (x.ndim - len(counts)), *counts)}


def _tiled(x: Expr, reps: tuple[int, ...]) -> Type:
    shape = (*[1] * (len(reps) - x.ndim), *x.shape)
    return Type(tuple(times(d, r) for d, r in zip(shape, reps, strict=True)), x.dtype)


def _tile_grad(g: Any, y: Any, x: Any, reps: tuple[int, ...]) -> Any:
    total = call("sum_tiles", g, reps)
    lead = tuple(range(len(reps) - x.ndim))
    return call("squeeze", total, axis=lead) if lead else total


@op(
    tex=at(r"\operatorname{tile}", "reps"),
    infer=_tiled,
    normalize=_reps,
    grad=_tile_grad,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"reps": 2}),
        ((rng.normal(size=(2, 3)),), {"reps": (2, 1, 3)}),
    ],
    cost=0,
)
def tile(xp: Any, x: Any, reps: Any = 1) -> Any:
    r"""The whole array several times over along its axes: :math:`a, b, a, b` of :math:`a, b`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    reps : int or tuple of int
        How often along the last axes; new axes come in front where there are more numbers than axes.

    Returns
    -------
    Expr
        So many times as long along each axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.tile(pel.matrix("x", shape=("n", 3)), 2).shape
    ('n', 6)
    """
    return xp.tile(x, reps)


@op(
    infer=lambda x, reps: Type(tuple(_part(d, r) for d, r in zip(x.shape, reps, strict=True)), x.dtype),
    normalize=_reps,
    grad=lambda g, y, x, reps: tile(g, reps),
    examples=lambda rng: [((rng.normal(size=(4, 3)),), {"reps": (2, 3)})],
    behind="tile",
)
def sum_tiles(xp: Any, x: Any, reps: Any = 1) -> Any:
    r"""The sum of all the tiles of an array: the transpose of `tile`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.sum_tiles(pel.vector("x", shape=(6,)), 3).shape
    (2,)
    """
    groups = [part for d, r in zip(x.shape, reps, strict=True) for part in (r, d // r)]
    return xp.sum(xp.reshape(x, groups), axis=tuple(range(0, len(groups), 2)))
