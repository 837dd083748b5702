r"""Permutations of axes and elements: transpose, flip, rot90 and roll."""

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
from pellucid.graph.ops.reshape import draw_tensor
from pellucid.graph.precedence import ATOM, POWER
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import Type, normalize_axes, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Axes


def _normalize_transpose(x: Expr, axes: Sequence[int] | None = None) -> OpSettings:
    if axes is None:
        return {"axes": tuple(range(x.ndim))[::-1]}
    order = tuple(normalize_axis(a, x.ndim, "transpose", x) for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"transpose: expected each of the {x.ndim} axes of {x} once. Received: axes={axes}")
    return {"axes": order}


def _get_transpose_attribute(axes: Any) -> str:
    """Return "T" if all axes are reversed, "mT" if the last two are swapped, and "" for other permutations."""
    order = list(range(len(axes or ())))
    if axes is None or list(axes) == order[::-1]:
        return "T"
    return "mT" if list(axes) == [*order[:-2], *order[:-3:-1]] else ""


def _transpose_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    axes = settings.get("axes")
    attribute = _get_transpose_attribute(axes)
    return [(operands[0], ATOM), f".{attribute}" if attribute else f".transpose{axes}"]


def _transpose_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    axes = settings.get("axes")
    show_axes = axes is not None and len(axes) > 2 and _get_transpose_attribute(axes) != "mT"
    return [(operands[0], ATOM), r"^{\top(" + ",".join(map(str, axes or ())) + ")}" if show_axes else r"^\top"]


@op(
    tex=_transpose_tex,
    tex_precedence=POWER,
    text=_transpose_text,
    infer=lambda x, axes: Type(tuple(x.shape[a] for a in axes), x.dtype),
    normalize=_normalize_transpose,
    grad=lambda g, y, x, axes: call_op("transpose", g, tuple(int(a) for a in np.argsort(axes))),
    examples=lambda rng: [((draw_tensor(rng),), {}), ((draw_tensor(rng),), {"axes": (1, 2, 0)})],
    cost=0,
    value_range=elements_of(0),
)
def transpose(xp: ArrayNamespace, x: NamespaceArray, axes: Sequence[int] | None = None) -> NamespaceArray:
    r"""Permutation of the axes, :math:`x^\top`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axes : sequence of int, optional
        New order of the axes; by default reversed.

    Returns
    -------
    Expr
        The same elements with permuted axes.

    Raises
    ------
    ShapeError
        If ``axes`` is not a permutation of the axes.

    Examples
    --------
    >>> pel.matrix("x", shape=("n", 3)).T.shape
    (3, 'n')
    """
    return xp.transpose(x, axes)


@register_function
def permute_dims(x: Operand, axes: Sequence[int]) -> Expr:
    r"""Permutation of the axes: the `transpose` of the Array API, in which ``axes`` is required.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axes : tuple of int
        Order of the axes.

    Examples
    --------
    >>> pel.permute_dims(pel.tensor3("x", shape=("n", 5, 3)), (2, 0, 1)).shape
    (3, 'n', 5)
    """
    return transpose(x, tuple(axes))


@register_function
def matrix_transpose(x: Operand) -> Expr:
    r"""Transpose of each matrix of a stack, :math:`x_{\ldots ij} \mapsto x_{\ldots ji}`, also written ``x.mT``.

    Parameters
    ----------
    x : Expr or array
        At least two axes.

    Raises
    ------
    ShapeError
        If there are fewer than two axes.

    Examples
    --------
    >>> pel.matrix_transpose(pel.tensor3("x", shape=("n", 5, 3))).shape
    ('n', 3, 5)
    """
    x = as_expr(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: expected at least two axes. Received: {format_operand(x)}")
    return swapaxes(x, -2, -1)


@register_function
def moveaxis(x: Operand, source: int | Sequence[int], destination: int | Sequence[int]) -> Expr:
    r"""Move axes to new positions. The other axes keep their order.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    source, destination : int or sequence of int
        Old and new position of each axis.

    Returns
    -------
    Expr
        The same elements with permuted axes.

    Raises
    ------
    ShapeError
        If an axis does not exist or occurs twice, or the numbers of sources and destinations differ.

    Examples
    --------
    >>> pel.moveaxis(pel.tensor3("x", shape=("n", 5, 3)), 1, 0).shape
    (5, 'n', 3)
    """
    x = as_expr(x)
    pairs = [
        [normalize_axis(a, x.ndim, "moveaxis", x) for a in ([axes] if isinstance(axes, (int, np.integer)) else axes)]
        for axes in (source, destination)
    ]
    if len(pairs[0]) != len(pairs[1]) or any(len(set(axes)) != len(axes) for axes in pairs):
        raise ShapeError(
            f"moveaxis: expected equally many sources and destinations, without duplicates. "
            f"Received: source={source}, destination={destination}"
        )
    order = [a for a in range(x.ndim) if a not in pairs[0]]
    for position, axis in sorted(zip(pairs[1], pairs[0], strict=True)):
        order.insert(position, axis)
    return transpose(x, tuple(order))


@register_function
def swapaxes(x: Operand, axis1: int, axis2: int) -> Expr:
    r"""Swap two axes.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis1, axis2 : int
        Axes that change places.

    Examples
    --------
    >>> pel.swapaxes(pel.tensor3("x", shape=("n", 5, 3)), 1, 2).shape
    ('n', 3, 5)
    """
    x = as_expr(x)
    order = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim, "swapaxes"), normalize_axis(axis2, x.ndim, "swapaxes")
    order[a], order[b] = order[b], order[a]
    return transpose(x, tuple(order))


@op(
    tex=function_tex(r"\operatorname{flip}"),
    infer=lambda x, axis: x.type,
    normalize=lambda x, axis=None: {"axis": normalize_axes(axis, x.ndim, "flip", x)},
    grad=lambda g, y, x, axis: call_op("flip", g, axis),
    examples=lambda rng: [((draw_tensor(rng),), {}), ((draw_tensor(rng),), {"axis": 1})],
    cost=0,
    value_range=elements_of(0),
)
def flip(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None) -> NamespaceArray:
    r"""Reverse the order of the elements along axes (by default all), :math:`y_i = x_{n - 1 - i}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes along which the order changes; all by default.

    Examples
    --------
    >>> pel.flip(pel.vector("x"))
    flip(x, axis=0)
    """
    return xp.flip(x, axis=axis)


@register_function
def flipud(x: Operand) -> Expr:
    r"""Reverse the order of the elements along the first axis.

    Parameters
    ----------
    x : Expr or array
        At least one axis.

    Examples
    --------
    >>> pel.flipud(pel.matrix("x"))
    flip(x, axis=0)
    """
    return flip(x, 0)


@register_function
def fliplr(x: Operand) -> Expr:
    r"""Reverse the order of the elements along the second axis.

    Parameters
    ----------
    x : Expr or array
        At least two axes.

    Examples
    --------
    >>> pel.fliplr(pel.matrix("x"))
    flip(x, axis=1)
    """
    return flip(x, 1)


@register_function
def rot90(x: Operand, k: int = 1, axes: Sequence[int] = (0, 1)) -> Expr:
    r"""Rotate by ``k`` times 90 degrees in the plane of two axes, from the first axis toward the second.

    Parameters
    ----------
    x : Expr or array
        At least two axes.
    k : int
        Number of quarter turns.
    axes : pair of int
        The plane.

    Examples
    --------
    >>> pel.rot90(pel.matrix("x", shape=(2, 3))).shape
    (3, 2)
    """
    x = as_expr(x)
    if len(axes) != 2 or len(normalize_axes(axes, x.ndim, "rot90", x)) != 2:
        raise ShapeError(f"rot90: expected two axes. Received: axes={axes}")
    first, second = axes
    turns = {
        0: lambda: x,
        1: lambda: swapaxes(flip(x, second), first, second),
        2: lambda: flip(x, (first, second)),
        3: lambda: flip(swapaxes(x, first, second), second),
    }
    return turns[operator.index(k) % 4]()


def _normalize_roll(x: Expr, shift: int | Sequence[int], axis: Axes = None) -> OpSettings:
    """Broadcast shifts and axes as NumPy does, and add the shifts of a repeated axis."""
    try:
        shifts = [operator.index(s) for s in (shift if isinstance(shift, Sequence) else [shift])]
    except TypeError:
        raise ShapeError(
            f"roll of {x}: expected an integer shift, or one for each axis. Received: shift={shift!r}. "
            "For a shift that is computed in the graph, use pel.take with indices (i - shift) % n"
        ) from None
    if axis is None:
        return {"shift": (sum(shifts),), "axis": None}
    axes = [normalize_axis(a, x.ndim, "roll", x) for a in (axis if isinstance(axis, (tuple, list)) else [axis])]
    if not shifts or not axes or (len(shifts) != len(axes) and 1 not in (len(shifts), len(axes))):
        raise ShapeError(f"roll of {x}: expected a shift for each axis. Received: shift={shift}, axis={axis}")
    count = max(len(shifts), len(axes))
    total: dict[int, int] = {}
    for s, a in zip(shifts * (count // len(shifts)), axes * (count // len(axes)), strict=True):
        total[a] = total.get(a, 0) + s
    return {"shift": tuple(total[a] for a in sorted(total)), "axis": tuple(sorted(total))}


@op(
    tex=function_tex(r"\operatorname{roll}", "shift"),
    infer=lambda x, shift, axis: x.type,
    normalize=_normalize_roll,
    grad=lambda g, y, x, shift, axis: call_op("roll", g, tuple(-s for s in shift), axis),
    examples=lambda rng: [
        ((draw_tensor(rng),), {"shift": 5}),
        ((draw_tensor(rng),), {"shift": -1, "axis": 1}),
        ((draw_tensor(rng),), {"shift": (1, 2), "axis": (0, -1)}),
    ],
    cost=0,
    value_range=elements_of(0),
)
def roll(xp: ArrayNamespace, x: NamespaceArray, shift: int | Sequence[int] = 0, axis: Axes = None) -> NamespaceArray:
    r"""Shift the elements along axes, with wrap-around, :math:`y_i = x_{(i - s) \bmod n}`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    shift : int or tuple of int
        Number of positions; negative shifts move elements backwards.
    axis : int or tuple of int, optional
        Axes to shift along; by default the flattened array is shifted.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.roll(pel.vector("x"), 1, axis=0)
    roll(x, axis=0, shift=1)
    """
    shifts = shift if isinstance(shift, Sequence) else (shift,)
    return xp.roll(x, shifts if axis is not None else shifts[0], axis=axis)
