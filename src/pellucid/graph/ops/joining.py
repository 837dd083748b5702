r"""Arrays put together, taken apart, and given a border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.shapes import expand_dims
from pellucid.graph.types import Dim, Type, Unknown, normalize_axis, shape_text, unify


def _cube(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.normal(size=(2, 3, 4))


def joined(axis: int, parts: Sequence[Expr]) -> Type:
    """Return the type of arrays put one behind the other."""
    shape = list(parts[0].shape)
    for part in parts[1:]:
        for a, (x, y) in enumerate(zip(shape, part.shape, strict=False)):
            both = unify(x, y)
            if a != axis and both is not None:
                shape[a] = both
            elif a != axis or len(shape) != part.ndim:
                shapes = " and ".join(shape_text(p.shape) for p in parts)
                raise ShapeError(
                    f"concatenate: shapes {shapes} must agree in all but axis {axis}, and differ in axis {a}"
                )
    sizes = [p.shape[axis] for p in parts]
    total: Dim = 0
    for size in sizes:
        total = total + size if isinstance(size, int) and isinstance(total, int) else Unknown()
    shape[axis] = total if len(parts) > 1 else sizes[0]
    return Type(tuple(shape), parts[0].dtype)


def _concatenate_grad(g: Any, y: Any, *parts: Any, axis: int) -> list[Any]:
    return [part_like(g, *parts, position=position, axis=axis) for position in range(len(parts))]


@op(
    infer=lambda *parts, axis: joined(axis, parts),
    normalize=lambda *parts, axis: {"axis": normalize_axis(axis, parts[0].ndim, "concatenate")},
    promotes=True,
    grad=_concatenate_grad,
    examples=lambda rng: [
        ((_cube(rng), rng.normal(size=(2, 1, 4))), {"axis": 1}),
        ((_cube(rng), _cube(rng)), {"axis": -1}),
    ],
    cost=0,
    tex=lambda operands, settings: [r"\left[", *[p for o in operands for p in ((o, 0), r";\, ")][:-1], r"\right]"],
)
def join(xp: Any, *parts: Any, axis: Any = 0) -> Any:
    r"""Arrays put one behind the other along an axis; `concatenate` takes them in a sequence, as NumPy does.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.join(pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))).shape
    (5,)
    """
    return xp.concatenate(parts, axis=axis)


def _part_type(g: Expr, *parts: Expr, position: int, axis: int) -> Type:
    return Type(parts[position].shape, g.dtype)


def _part_grad(u: Any, y: Any, g: Any, *parts: Any, position: int, axis: int) -> list[Any]:
    zeros = [call("zeros_like", p) for p in parts]
    return [join(*[u if i == position else z for i, z in enumerate(zeros)], axis=axis), *[None] * len(parts)]


@op(
    infer=_part_type,
    promotes=False,
    grad=_part_grad,
    examples=lambda rng: [((rng.normal(size=(2, 5)), np.zeros((2, 3)), np.zeros((2, 2))), {"position": 1, "axis": 1})],
    cost=0,
)
def part_like(xp: Any, x: Any, *parts: Any, position: Any = 0, axis: Any = 0) -> Any:
    r"""The part of a concatenation that came from one of its parts, of which only the shapes are used.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))
    >>> pel.part_like(pel.vector("g", shape=(5,)), x, y, position=1).shape
    (3,)
    """
    start = int(np.sum([p.shape[axis] for p in parts[:position]], dtype=int))
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + parts[position].shape[axis])
    return x[tuple(index)]


@public
def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    r"""Arrays put one behind the other along an axis they have.

    Parameters
    ----------
    arrays : sequence of Expr or array
        Of equal shapes but for the axis.
    axis : int
        Along which.

    Returns
    -------
    Expr
        With the sum of their lengths along the axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.concatenate([pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))]).shape
    (5,)
    """
    return join(*arrays, axis=axis)


@public
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    r"""Arrays of one shape put side by side along a new axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.stack([pel.vector("x", shape=(2,)), pel.vector("y", shape=(2,))]).shape
    (2, 2)
    """
    return join(*[expand_dims(a, axis) for a in arrays], axis=axis)


def _pad_widths(x: Expr, pad_width: Any) -> dict[str, Any]:
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (x.ndim, 2))
    if (widths < 0).any():
        raise ShapeError(f"pad: expected widths of 0 or more. Received: pad_width={pad_width}")
    return {"pad_width": tuple((int(a), int(b)) for a, b in widths)}


def _wider(dim: Dim, widths: tuple[int, int]) -> Dim:
    if widths == (0, 0):
        return dim
    return dim + widths[0] + widths[1] if isinstance(dim, int) else Unknown()


@op(
    tex=r"\operatorname{{pad}}({0:_})",
    infer=lambda x, pad_width: Type(tuple(_wider(d, w) for d, w in zip(x.shape, pad_width, strict=True)), x.dtype),
    normalize=_pad_widths,
    grad=lambda g, y, x, pad_width: call("unpad", g, pad_width=pad_width),
    examples=lambda rng: [((_cube(rng),), {"pad_width": ((0, 1), (2, 0), (0, 0))})],
    cost=0,
)
def pad(xp: Any, x: Any, pad_width: Any = 0) -> Any:
    r"""Zeros put around an array, ``(before, after)`` for each axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.pad(pel.vector("x", shape=(3,)), (1, 2)).shape
    (6,)
    """
    return xp.pad(x, pad_width)


def _narrower(dim: Dim, widths: tuple[int, int]) -> Dim:
    if widths == (0, 0):
        return dim
    return dim - widths[0] - widths[1] if isinstance(dim, int) else Unknown()


@op(
    infer=lambda x, pad_width: Type(tuple(_narrower(d, w) for d, w in zip(x.shape, pad_width, strict=True)), x.dtype),
    normalize=_pad_widths,
    grad=lambda g, y, x, pad_width: pad(g, pad_width),
    examples=lambda rng: [((_cube(rng),), {"pad_width": ((0, 1), (2, 0), (0, 0))})],
    cost=0,
)
def unpad(xp: Any, x: Any, pad_width: Any = 0) -> Any:
    r"""The border of an array taken away, ``(before, after)`` for each axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.unpad(pel.vector("x", shape=(6,)), (1, 2)).shape
    (3,)
    """
    return x[tuple(slice(a, x.shape[i] - b) for i, (a, b) in enumerate(pad_width))]
