r"""Repeat, tile and their transposes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand, function_tex
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.ops.symbolic_sizes import as_sizes, make_template
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import Dim, NamedDim, Type, divide_dim, multiply_dims, multiply_sizes, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Array, Axes


def _replace_dim(shape: tuple[Dim, ...], axis: int, dim: Dim) -> tuple[Dim, ...]:
    return (*shape[:axis], dim, *shape[axis + 1 :])


def _normalize_repeat(x: Expr, repeats: int, axis: Axes) -> OpSettings:
    return {"repeats": int(repeats), "axis": normalize_axis(axis, x.ndim, "repeat", x)}


def _repeat_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    return ["repeat(", (operands[0], 0), f", {settings.get('repeats')}, axis={settings.get('axis')})"]


@op(
    tex=function_tex(r"\operatorname{repeat}", "repeats"),
    text=_repeat_text,
    infer=lambda x, repeats, axis: Type(_replace_dim(x.shape, axis, multiply_dims(x.shape[axis], repeats)), x.dtype),
    normalize=_normalize_repeat,
    grad=lambda g, y, x, repeats, axis: call_op("sum_repeated", g, repeats, axis),
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"repeats": 2}),
        ((rng.normal(size=(2, 3)),), {"repeats": 3, "axis": 1}),
    ],
    cost=0,
    behind="repeat",
    value_range=elements_of(0),
)
def repeat_each(xp: ArrayNamespace, x: NamespaceArray, repeats: int = 1, axis: int = 0) -> NamespaceArray:
    r"""Repeat each element a fixed number of times along an axis. `repeat` also takes a number for each element.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    repeats : int
        Number of copies of each element.
    axis : int
        Axis along which elements are repeated.

    Examples
    --------
    >>> pel.repeat_each(pel.matrix("x", shape=("n", 3)), 2, axis=1).shape
    ('n', 6)
    """
    return xp.repeat(x, repeats, axis=axis)


@op(
    infer=lambda x, repeats, axis: Type(_replace_dim(x.shape, axis, divide_dim(x.shape[axis], repeats)), x.dtype),
    normalize=_normalize_repeat,
    grad=lambda g, y, x, repeats, axis: repeat_each(g, repeats, axis),
    examples=lambda rng: [((rng.normal(size=(2, 6)),), {"repeats": 3, "axis": 1})],
    behind="repeat",
)
def sum_repeated(xp: ArrayNamespace, x: NamespaceArray, repeats: int = 1, axis: int = 0) -> NamespaceArray:
    r"""Sum of each group of ``repeats`` neighbors along an axis: the transpose of `repeat_each`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    repeats : int
        Size of the groups.
    axis : int
        Axis of the groups.

    Examples
    --------
    >>> pel.sum_repeated(pel.vector("x", shape=(6,)), 3).shape
    (2,)
    """
    groups = (*x.shape[:axis], x.shape[axis] // repeats, repeats, *x.shape[axis + 1 :])
    return xp.sum(xp.reshape(x, groups), axis=axis + 1)


@register_function
def repeat(a: Operand, repeats: Dim | Sequence[int] | Array, axis: int | None = None) -> Expr:
    r"""Repeat each element along an axis: :math:`a, a, b, b` from :math:`a, b`.

    Parameters
    ----------
    a : Expr or array
        Input of any shape.
    repeats : int or sequence of int
        Number of repetitions, for all elements or for each element along the axis. A sequence requires a known
        length of the axis. One number may be the size of an expression, such as ``x.shape[0]``.
    axis : int, optional
        Axis to repeat along; by default the array is flattened first.

    Returns
    -------
    Expr
        The length of the axis is the sum of the repeats.

    Raises
    ------
    ShapeError
        If the numbers of repeats and elements differ, a repeat is negative, or the repeats are an expression.

    Examples
    --------
    >>> pel.repeat(pel.vector("x", shape=(2,)), [2, 3]).shape
    (5,)
    """
    x = as_expr(a)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim, "repeat", x)
    given: Any = repeats
    given = repeats = as_sizes(given) if isinstance(given, Expr) and not given.ndim else given
    if isinstance(repeats, NamedDim):
        before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
        copies = call_op("expand_dims", x, axis=axis + 1)
        copies = call_op("broadcast_like", copies, make_template((*before, length, repeats, *after), x))
        return call_op("reshape_like", copies, make_template((*before, multiply_sizes(length, repeats), *after), x))
    counts = None if isinstance(given, Expr) else np.asarray(given)
    if counts is None or counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts < 0).any():
        raise ShapeError(f"repeat of {x}: expected integers of 0 or more. Received: repeats={repeats!r}")
    if counts.size == 1:
        return repeat_each(x, counts.item(), axis)
    if x.shape[axis] != len(counts):
        raise ShapeError(
            f"repeat: expected one number for each element along axis {axis} of {format_operand(x)}. Received: "
            f"{len(counts)} numbers"
        )
    return call_op("take", x, np.repeat(np.arange(len(counts)), counts), axis=axis)


def _normalize_tile(x: Expr, reps: int | Sequence[int]) -> OpSettings:
    try:
        counts = [operator.index(r) for r in (reps if isinstance(reps, (Sequence, np.ndarray)) else [reps])]
    except TypeError:
        counts = [-1]
    if min(counts, default=1) < 0:
        raise ShapeError(f"tile of {x}: expected integers of 0 or more. Received: reps={reps!r}")
    return {"reps": (*[1] * (x.ndim - len(counts)), *counts)}


def tile_symbolically(x: Expr, reps: Dim | Sequence[Dim]) -> Expr | None:
    """Return tiles if their number is the size of an expression, otherwise None."""
    reps = as_sizes(reps)
    counts: list[Any] = list(reps) if isinstance(reps, (list, tuple)) else [reps]
    if not any(isinstance(count, NamedDim) for count in counts):
        return None
    counts = [*[1] * (x.ndim - len(counts)), *counts]
    shape = (*[1] * (len(counts) - x.ndim), *x.shape)
    pairs = list(zip(counts, shape, strict=True))
    copies = call_op("reshape", x, shape)
    copies = call_op("expand_dims", copies, axis=tuple(2 * axis for axis in range(len(shape))))
    copies = call_op("broadcast_like", copies, make_template([d for pair in pairs for d in pair], x))
    return call_op("reshape_like", copies, make_template([multiply_sizes(*pair) for pair in pairs], x))


def _infer_tile(x: Expr, reps: tuple[int, ...]) -> Type:
    shape = (*[1] * (len(reps) - x.ndim), *x.shape)
    return Type(tuple(multiply_dims(d, r) for d, r in zip(shape, reps, strict=True)), x.dtype)


def _tile_grad(g: Expr, y: Expr, x: Expr, reps: tuple[int, ...]) -> Expr:
    total = call_op("sum_tiles", g, reps)
    new_axes = tuple(range(len(reps) - x.ndim))
    return call_op("squeeze", total, axis=new_axes) if new_axes else total


@op(
    tex=function_tex(r"\operatorname{tile}", "reps"),
    infer=_infer_tile,
    normalize=_normalize_tile,
    symbolic=tile_symbolically,
    grad=_tile_grad,
    examples=lambda rng: [((rng.normal(size=(2, 3)),), {"reps": 2}), ((rng.normal(size=(2, 3)),), {"reps": (2, 1, 3)})],
    cost=0,
    value_range=elements_of(0),
)
def tile(xp: ArrayNamespace, x: NamespaceArray, reps: int | Sequence[int] = 1) -> NamespaceArray:
    r"""Repeat the whole array along its axes: :math:`a, b, a, b` from :math:`a, b`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    reps : int or tuple of int
        Number of repetitions along the last axes; numbers may be sizes of expressions, such as ``x.shape[0]``. For
        more numbers than axes, axes are added in front.

    Returns
    -------
    Expr
        The length of each axis is multiplied by its number of repetitions.

    Raises
    ------
    ShapeError
        If a number of repetitions is not an integer of 0 or more.

    Examples
    --------
    >>> pel.tile(pel.matrix("x", shape=("n", 3)), 2).shape
    ('n', 6)
    """
    return xp.tile(x, reps)


@op(
    infer=lambda x, reps: Type(tuple(divide_dim(d, r) for d, r in zip(x.shape, reps, strict=True)), x.dtype),
    normalize=_normalize_tile,
    grad=lambda g, y, x, reps: tile(g, reps),
    examples=lambda rng: [((rng.normal(size=(4, 3)),), {"reps": (2, 3)})],
    behind="tile",
)
def sum_tiles(xp: ArrayNamespace, x: NamespaceArray, reps: Any = 1) -> NamespaceArray:
    r"""Sum of the tiles of an array: the transpose of `tile`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    reps : int or tuple of int
        Number of tiles along each axis.

    Examples
    --------
    >>> pel.sum_tiles(pel.vector("x", shape=(6,)), 3).shape
    (2,)
    """
    groups = [part for d, r in zip(x.shape, reps, strict=True) for part in (r, d // r)]
    return xp.sum(xp.reshape(x, groups), axis=tuple(range(0, len(groups), 2)))
