r"""Functions that bring elements or axes into another order."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import at
from pellucid.graph.printing import ATOM, POWER
from pellucid.graph.types import Type, normalize_axes, normalize_axis, shape_text


def _cube(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.normal(size=(2, 3, 4))


def _axes(x: Expr, axes: Any = None) -> dict[str, Any]:
    if axes is None:
        return {"axes": tuple(range(x.ndim))[::-1]}
    order = tuple(normalize_axis(a, x.ndim, "transpose", x) for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"transpose: expected each of the {x.ndim} axes of {x} once. Received: axes={axes}")
    return {"axes": order}


def _kind_of_transpose(axes: Any) -> str:
    """Tell the reversal of all axes, ``T``, and the exchange of the last two, ``mT``, from other orders."""
    order = list(range(len(axes or ())))
    if axes is None or list(axes) == order[::-1]:
        return "T"
    return "mT" if list(axes) == [*order[:-2], *order[:-3:-1]] else ""


def _transpose_text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    axes = settings.get("axes")
    kind = _kind_of_transpose(axes)
    return [(operands[0], ATOM), f".{kind}" if kind else f".transpose{axes}"]


def _transpose_tex(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    axes = settings.get("axes")
    reverses_many = axes is not None and len(axes) > 2 and _kind_of_transpose(axes) != "mT"
    return [(operands[0], ATOM), r"^{\top(" + ",".join(map(str, axes)) + ")}" if reverses_many else r"^\top"]


@op(
    tex=_transpose_tex,
    tex_precedence=POWER,
    text=_transpose_text,
    infer=lambda x, axes: Type(tuple(x.shape[a] for a in axes), x.dtype),
    normalize=_axes,
    grad=lambda g, y, x, axes: call("transpose", g, tuple(int(a) for a in np.argsort(axes))),
    examples=lambda rng: [((_cube(rng),), {}), ((_cube(rng),), {"axes": (1, 2, 0)})],
    cost=0,
)
def transpose(xp: Any, x: Any, axes: Any = None) -> Any:
    r"""The axes in another order, reversed without one, :math:`x^\top`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix("x", shape=("n", 3)).T.shape
    (3, 'n')
    """
    return xp.transpose(x, axes)


@public
def permute_dims(x: Any, axes: Sequence[int]) -> Any:
    r"""The axes in another order: `transpose` by the name of the Array API, where the order must be given.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.permute_dims(pel.tensor3("x", shape=("n", 5, 3)), (2, 0, 1)).shape
    (3, 'n', 5)
    """
    return transpose(x, tuple(axes))


@public
def matrix_transpose(x: Any) -> Any:
    r"""Each matrix of a stack transposed, :math:`x_{\ldots ij} \mapsto x_{\ldots ji}`; what ``x.mT`` writes.

    Raises
    ------
    ShapeError
        If there are fewer than two axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix_transpose(pel.tensor3("x", shape=("n", 5, 3))).shape
    ('n', 3, 5)
    """
    x = as_expr(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: expected at least two axes. Received: {x}, of shape {shape_text(x.shape)}")
    return swapaxes(x, -2, -1)


@public
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    r"""Axes moved to other places, the others in their order.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    source, destination : int or sequence of int
        Where each axis is, and where it goes.

    Returns
    -------
    Expr
        The same elements.

    Raises
    ------
    ShapeError
        If there is no such axis, one is named twice, or there are not as many destinations as sources.

    Examples
    --------
    >>> import pellucid as pel
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
            f"moveaxis: expected as many destinations as sources, each once. "
            f"Received: source={source}, destination={destination}"
        )
    order = [a for a in range(x.ndim) if a not in pairs[0]]
    for place, axis in sorted(zip(pairs[1], pairs[0], strict=True)):
        order.insert(place, axis)
    return transpose(x, tuple(order))


@public
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    r"""Two axes exchanged.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.swapaxes(pel.tensor3("x", shape=("n", 5, 3)), 1, 2).shape
    ('n', 3, 5)
    """
    x = as_expr(x)
    order = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim, "swapaxes"), normalize_axis(axis2, x.ndim, "swapaxes")
    order[a], order[b] = order[b], order[a]
    return transpose(x, tuple(order))


def _flipped(x: Expr, axis: Any = None) -> dict[str, Any]:
    return {"axis": normalize_axes(axis, x.ndim, "flip", x)}


@op(
    tex=at(r"\operatorname{flip}"),
    infer=lambda x, axis: x.type,
    normalize=_flipped,
    grad=lambda g, y, x, axis: call("flip", g, axis),
    examples=lambda rng: [((_cube(rng),), {}), ((_cube(rng),), {"axis": 1})],
    cost=0,
)
def flip(xp: Any, x: Any, axis: Any = None) -> Any:
    r"""The elements in reverse order along axes, :math:`y_i = x_{n - 1 - i}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.flip(pel.vector("x"))
    flip(x, axis=0)
    """
    return xp.flip(x, axis=axis)


@public
def flipud(x: Any) -> Any:
    r"""The elements in reverse order along the first axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.flipud(pel.matrix("x"))
    flip(x, axis=0)
    """
    return flip(x, 0)


@public
def fliplr(x: Any) -> Any:
    r"""The elements in reverse order along the second axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.fliplr(pel.matrix("x"))
    flip(x, axis=1)
    """
    return flip(x, 1)


@public
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    r"""A quarter turn in a plane, from the first of two axes towards the second, ``k`` times.

    Examples
    --------
    >>> import pellucid as pel
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


def _rolled(x: Expr, shift: Any, axis: Any = None) -> dict[str, Any]:
    """Pair shifts with axes as NumPy does, and add up what is asked of one axis."""
    try:
        shifts = [operator.index(s) for s in (shift if isinstance(shift, (tuple, list)) else [shift])]
    except TypeError:
        raise ShapeError(
            f"roll of {x}: expected an integer shift, or one for each axis. Received: shift={shift!r}. "
            "For a shift that is computed, use pel.take with indices (i - shift) % n"
        ) from None
    if axis is None:
        return {"shift": (sum(shifts),), "axis": None}
    axes = [normalize_axis(a, x.ndim, "roll", x) for a in (axis if isinstance(axis, (tuple, list)) else [axis])]
    if len(shifts) != len(axes) and 1 not in (len(shifts), len(axes)):
        raise ShapeError(f"roll of {x}: expected a shift for each axis. Received: shift={shift}, axis={axis}")
    count = max(len(shifts), len(axes))
    total: dict[int, int] = {}
    for s, a in zip(shifts * (count // len(shifts)), axes * (count // len(axes)), strict=True):
        total[a] = total.get(a, 0) + s
    return {"shift": tuple(total[a] for a in sorted(total)), "axis": tuple(sorted(total))}


@op(
    tex=at(r"\operatorname{roll}", "shift"),
    infer=lambda x, shift, axis: x.type,
    normalize=_rolled,
    grad=lambda g, y, x, shift, axis: call("roll", g, tuple(-s for s in shift), axis),
    examples=lambda rng: [
        ((_cube(rng),), {"shift": 5}),
        ((_cube(rng),), {"shift": -1, "axis": 1}),
        ((_cube(rng),), {"shift": (1, 2), "axis": (0, -1)}),
    ],
    cost=0,
)
def roll(xp: Any, x: Any, shift: Any = 0, axis: Any = None) -> Any:
    r"""Elements moved on along axes, those that fall off the end put in front,
    :math:`y_i = x_{(i - s) \bmod n}`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    shift : int or tuple of int
        By how many places; backwards where negative.
    axis : int or tuple of int, optional
        Along which; without it, in the order in which all elements lie.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.roll(pel.vector("x"), 1, axis=0)
    roll(x, axis=0, shift=1)
    """
    return xp.roll(x, shift if axis is not None else shift[0], axis=axis)
