r"""Functions that give the same elements another shape or order."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import into_shape
from pellucid.graph.printing import ATOM, Piece
from pellucid.graph.types import Dim, Shape, Type, Unknown, as_shape, covers, normalize_axes, shape_text, unify


def _cube(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.normal(size=(2, 3, 4))


class Kept(str):
    """A dimension of a new shape that is, under its name, an axis of the old one, so that its size can be asked for."""

    __slots__ = ("axis",)
    axis: int


def kept(name: str, shape: Shape) -> Dim:
    """Return a named dimension together with the axis of this name, if there is one."""
    if name not in shape:
        return name if isinstance(name, Unknown) else str(name)
    found = Kept(name)
    found.axis = shape.index(name)
    return found


def open_dims(shape: Shape) -> list[str]:
    """List the dimensions of a new shape whose sizes only the program knows."""
    return [d for d in shape if isinstance(d, str) and not isinstance(d, Kept)]


def reshaped(x: Expr, shape: Shape) -> Shape:
    """Work out ``-1`` in a new shape; a dimension known by name is matched by its name."""
    if list(shape).count(-1) > 1:
        raise ShapeError(f"reshape: expected at most one -1. Received: shape={shape}")
    left = list(x.shape)
    for dim in shape:
        if isinstance(dim, str) and dim in left:
            left.remove(dim)
    unknown_left = [d for d in left if isinstance(d, str)]
    known = math.prod(d for d in left if isinstance(d, int))
    asked = math.prod(d for d in shape if isinstance(d, int) and d != -1)
    settled = not unknown_left and all(d in x.shape for d in shape if isinstance(d, str))
    if -1 not in shape:
        if settled and known != asked:
            raise ShapeError(
                f"reshape: {x}, of shape {shape_text(x.shape)}, has not the elements of shape {shape_text(shape)}; -1 "
                "stands for one size that is worked out"
            )
        return shape
    rest: Dim = Unknown()
    if settled and asked:
        if known % asked:
            raise ShapeError(
                f"reshape: {x}, of shape {shape_text(x.shape)}, does not divide into shape {shape_text(shape)}"
            )
        rest = known // asked
    elif len(unknown_left) == 1 and known == asked and all(d in x.shape for d in shape if isinstance(d, str)):
        rest = unknown_left[0]
    return tuple(rest if d == -1 else d for d in shape)


def _reshape_settings(x: Expr, shape: Any) -> dict[str, Any]:
    dims: Sequence[Any] = [shape] if isinstance(shape, (int, np.integer, str)) else shape
    for dim in dims:
        if not (isinstance(dim, str) or (isinstance(dim, (int, np.integer)) and dim >= -1)):
            raise ShapeError(f"reshape: expected sizes, names, and at most one -1. Received: shape={shape!r}")
    new = reshaped(x, tuple(d if isinstance(d, str) else int(d) for d in dims))
    new = tuple(kept(d, x.shape) if isinstance(d, str) else d for d in new)
    if len(open_dims(new)) > 1:
        raise ShapeError(
            f"reshape: of the sizes {shape_text(new)} at most one may be open, and {x}, of shape "
            f"{shape_text(x.shape)}, tells too few of them. Give numbers, or take the shape from "
            "another expression with pel.reshape_like"
        )
    return {"shape": new}


def _reshaped_type(x: Expr, shape: Shape) -> Type:
    return Type(tuple(x.shape[d.axis] if isinstance(d, Kept) else d for d in shape), x.dtype)


def run_time_shape(x: Any, shape: Shape) -> tuple[int, ...]:
    """Return the sizes of a new shape, of which at most one is not known before the program runs."""
    return tuple(x.shape[d.axis] if isinstance(d, Kept) else -1 if isinstance(d, str) else d for d in shape)


def _reshape_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    shape = settings.get("shape", "(...)")
    return [(operands[0], ATOM), f".reshape{shape_text(shape) if isinstance(shape, tuple) else shape}"]


@op(
    tex=into_shape(r"\operatorname{reshape}"),
    text=_reshape_text,
    infer=_reshaped_type,
    normalize=_reshape_settings,
    grad=lambda g, y, x, shape: call("reshape_like", g, x),
    examples=lambda rng: [((_cube(rng),), {"shape": (6, 4)}), ((_cube(rng),), {"shape": (-1, 2)})],
    cost=0,
)
def reshape(xp: Any, x: Any, shape: Any = ()) -> Any:
    r"""Another shape for the same elements in the same order, as :math:`y_{i n + j} = x_{ij}` for :math:`n` columns.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    shape : tuple of int and str
        The new shape; one ``-1`` stands for what is left, and a name for the axis of that name.

    Returns
    -------
    Expr
        Of the new shape.

    Raises
    ------
    ShapeError
        If the elements do not fit, or more than one size could not be known when the program runs.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.reshape(pel.tensor4("x", shape=("n", 2, 2, 3)), ("n", -1)).shape
    ('n', 12)
    """
    return xp.reshape(x, run_time_shape(x, shape))


@op(
    tex=into_shape(r"\operatorname{reshape}"),
    infer=lambda x, like: Type(like.shape, x.dtype),
    grad=lambda g, y, x, like: (call("reshape_like", g, x), None),
    examples=lambda rng: [((_cube(rng), np.zeros((6, 4))), {})],
    cost=0,
    behind="reshape",
)
def reshape_like(xp: Any, x: Any, like: Any) -> Any:
    r"""The elements of the first in the shape of the second.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.reshape_like(pel.vector("x"), pel.matrix("y", shape=("n", 2))).shape
    ('n', 2)
    """
    return xp.reshape(x, like.shape)


@public
def ravel(x: Any) -> Any:
    r"""All elements along one axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ravel(pel.matrix("x", shape=(2, 3))).shape
    (6,)
    """
    x = as_expr(x)
    return x if x.ndim == 1 else reshape(x, (-1,))


def _new_axes(x: Expr, axis: Any) -> dict[str, Any]:
    count = 1 if isinstance(axis, (int, np.integer)) else len(axis)
    return {"axis": normalize_axes(axis, x.ndim + count, "expand_dims", x)}


def _expanded(x: Expr, axis: tuple[int, ...]) -> Type:
    shape = list(x.shape)
    for a in axis:
        shape.insert(a, 1)
    return Type(tuple(shape), x.dtype)


@op(
    tex="{0:_}",
    infer=_expanded,
    normalize=_new_axes,
    grad=lambda g, y, x, axis: call("squeeze", g, axis=axis),
    examples=lambda rng: [((_cube(rng),), {"axis": 1}), ((_cube(rng),), {"axis": (0, -1)})],
    cost=0,
)
def expand_dims(xp: Any, x: Any, axis: Any = 0) -> Any:
    r"""New axes of length 1, at the places they will have, :math:`y_{i1j} = x_{ij}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.expand_dims(pel.vector("x", shape=("n",)), 1).shape
    ('n', 1)
    """
    return xp.expand_dims(x, axis)


def _squeezed_axes(x: Expr, axis: Any = None) -> dict[str, Any]:
    if axis is None:
        return {"axis": tuple(a for a, d in enumerate(x.shape) if d == 1)}
    axes = normalize_axes(axis, x.ndim, "squeeze", x)
    for a in axes:
        if unify(x.shape[a], 1) is None:
            raise ShapeError(f"squeeze: axis {a} of {x} must have length 1. Received: shape {shape_text(x.shape)}")
    return {"axis": axes}


@op(
    tex="{0:_}",
    infer=lambda x, axis: Type(tuple(d for a, d in enumerate(x.shape) if a not in axis), x.dtype),
    normalize=_squeezed_axes,
    grad=lambda g, y, x, axis: expand_dims(g, axis) if axis else g,
    examples=lambda rng: [((rng.normal(size=(1, 3, 1)),), {}), ((rng.normal(size=(1, 3, 1)),), {"axis": 0})],
    cost=0,
)
def squeeze(xp: Any, x: Any, axis: Any = None) -> Any:
    r"""Axes of length 1 taken away, :math:`y_{ij} = x_{i1j}`, all that are known to be without ``axis``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.squeeze(pel.matrix("x", shape=("n", 1))).shape
    ('n',)
    """
    return xp.squeeze(x, axis=axis)


@op(
    tex="{0:_}",
    infer=lambda x, like: _broadcast_type(x, like.shape),
    grad=lambda g, y, x, like: (reduce_axes(g, x), None),
    examples=lambda rng: [
        ((rng.normal(size=(3, 1)), np.zeros((2, 3, 4))), {}),
        ((np.array(2.0), np.zeros((2, 3))), {}),
    ],
    cost=0,
    behind="broadcast_to",
)
def broadcast_like(xp: Any, x: Any, like: Any) -> Any:
    r"""The first repeated to the shape of the second, of which only the shape is used.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.broadcast_like(1.0, pel.matrix("x", shape=("n", 3))).shape
    ('n', 3)
    """
    return xp.broadcast_to(x, like.shape)


def _broadcast_type(x: Expr, shape: Shape) -> Type:
    fits = x.ndim <= len(shape) and all(
        a == 1 or unify(a, b) is not None for a, b in zip(x.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(f"{x}, of shape {shape_text(x.shape)}, does not broadcast to shape {shape_text(shape)}")
    return Type(shape, x.dtype)


def reduce_axes(g: Any, x: Any) -> Any:
    """Sum a gradient over the axes along which ``x`` was repeated."""
    lead = g.ndim - x.ndim
    repeated = tuple(a for a in range(lead, g.ndim) if x.shape[a - lead] == 1 and g.shape[a] != 1)
    axes = (*range(lead), *repeated)
    if not axes:
        return g
    total = call("sum", g, axis=axes)
    return expand_dims(total, tuple(a - lead for a in repeated)) if repeated else total


def _target(x: Expr, shape: Any) -> dict[str, Any]:
    """Keep with each name of the target the axis of that name, which tells its size."""
    dims = as_shape(shape)
    lost = [d for d in dims if isinstance(d, str) and d not in x.shape]
    if lost:
        raise ShapeError(
            f"broadcast_to {shape_text(dims)}: {x}, of shape {shape_text(x.shape)}, does not tell the size "
            f"{shape_text((lost[0],))[1:-2]}. Take it from an expression that has it: pel.broadcast_like(x, like)"
        )
    return {"shape": tuple(kept(d, x.shape) if isinstance(d, str) else d for d in dims)}


@op(
    tex="{0:_}",
    infer=lambda x, shape: _broadcast_type(x, _reshaped_type(x, shape).shape),
    normalize=_target,
    grad=lambda g, y, x, shape: reduce_axes(g, x),
    examples=lambda rng: [((rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)})],
    cost=0,
)
def broadcast_to(xp: Any, x: Any, shape: Any = ()) -> Any:
    r"""The same elements repeated to a larger shape, :math:`y_{ij} = x_j` or :math:`y_{ij} = x_{i1}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.broadcast_to(pel.vector("x", shape=(3,)), (2, 3)).shape
    (2, 3)
    """
    return xp.broadcast_to(x, run_time_shape(x, shape))


@public
def broadcast_arrays(*args: Any) -> Any:
    r"""Several arrays, each repeated to the shape that all of them broadcast to, as a tuple.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.broadcast_arrays(pel.matrix("x", shape=("n", 1)), pel.vector("y", shape=(3,)))
    >>> x.shape, y.shape
    (('n', 3), ('n', 3))
    """
    arrays = [as_expr(a) for a in args]
    if not arrays:
        return ()
    whole = functools.reduce(lambda a, b: call("add", a, b), [call("zeros_like", a) for a in arrays])
    return tuple(a if covers(a.shape, whole.shape) else broadcast_like(a, whole) for a in arrays)


def _size_text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    axis: tuple[int, ...] = tuple(settings.get("axis") or ())
    return ["size(", (operands[0], 0), f", axis={axis[0] if len(axis) == 1 else axis})"]


@op(
    name="size",
    text=_size_text,
    infer=lambda x, axis, dtype: Type((), np.dtype(dtype)),
    normalize=lambda x, axis=None, dtype=None: {
        "axis": normalize_axes(axis, x.ndim, "size", x),
        "dtype": np.dtype("int64" if dtype is None else dtype),
    },
    differentiable=False,
    examples=lambda rng: [((_cube(rng),), {}), ((_cube(rng),), {"axis": (0, 1), "dtype": "float32"})],
    cost=0,
)
def size(xp: Any, x: Any, axis: Any = None, dtype: Any = None) -> Any:
    r"""The number of elements along axes, :math:`n_1 n_2 \cdots`, as int64 unless another dtype is asked for.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.size(pel.matrix("x", shape=("n", 3)), axis=0)
    size(x, axis=0)
    """
    return xp.asarray(math.prod(x.shape[a] for a in axis), dtype=dtype)
