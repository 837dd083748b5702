r"""Reshape, expand_dims, squeeze, broadcasting, shape and size."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand, shape_function_tex
from pellucid.graph.ops.symbolic_sizes import as_sizes, get_template_shape, has_known_axes, has_values, make_template
from pellucid.graph.precedence import ATOM
from pellucid.graph.range_rules import elements_of, fixed
from pellucid.graph.types import (
    Dim,
    NamedDim,
    Shape,
    Type,
    as_shape,
    combine_dims,
    covers,
    divide_dim,
    format_shape,
    multiply_dims,
    multiply_sizes,
    normalize_axes,
    unify,
)

if TYPE_CHECKING:
    from pellucid.typing import Array, Axes, DTypeLike


def draw_tensor(rng: np.random.Generator) -> Array:
    return rng.normal(size=(2, 3, 4))


class AxisDim(str):
    """Named dimension of a new shape that is an axis of the input, which gives its size at run time."""

    __slots__ = ("axis",)
    axis: int


def to_axis_dim(name: str, shape: Shape) -> Dim:
    """Return an `AxisDim` if the input has an axis of this name, otherwise the name."""
    if name not in shape:
        return name if isinstance(name, NamedDim) else str(name)
    dim = AxisDim(name)
    dim.axis = shape.index(name)
    return dim


def get_unresolved_dims(shape: Shape) -> list[str]:
    """Return the dimensions of a new shape that no axis of the input gives."""
    return [d for d in shape if isinstance(d, str) and not isinstance(d, AxisDim)]


def infer_new_shape(x: Expr, shape: Shape) -> Shape:
    """Infer ``-1`` in a new shape. Named dimensions are matched with the axes of the same names."""
    if list(shape).count(-1) > 1:
        raise ShapeError(f"reshape: expected at most one -1. Received: shape={shape}")
    unmatched = list(x.shape)
    for dim in shape:
        if isinstance(dim, str) and dim in unmatched:
            unmatched.remove(dim)
    unmatched_names = [d for d in unmatched if isinstance(d, str)]
    old_size = math.prod(d for d in unmatched if isinstance(d, int))
    new_size = math.prod(d for d in shape if isinstance(d, int) and d != -1)
    all_matched = all(d in x.shape for d in shape if isinstance(d, str))
    comparable = all_matched and not unmatched_names
    if -1 not in shape:
        if comparable and old_size != new_size:
            raise ShapeError(
                f"reshape: {format_operand(x)}, does not have the number of elements of shape {format_shape(shape)}. "
                "Write -1 for one size that is to be inferred"
            )
        return shape
    inferred: Dim = divide_dim(multiply_dims(*x.shape), multiply_dims(*(d for d in shape if d != -1)))
    if comparable and new_size:
        if old_size % new_size:
            raise ShapeError(f"reshape: {format_operand(x)}, does not divide into shape {format_shape(shape)}")
        inferred = old_size // new_size
    elif len(unmatched_names) == 1 and old_size == new_size and all_matched:
        inferred = unmatched_names[0]
    return tuple(inferred if d == -1 else d for d in shape)


def _normalize_reshape(x: Expr, shape: int | str | Sequence[int | str]) -> OpSettings:
    sizes: Any = as_sizes(shape)
    dims: Sequence[Any] = [sizes] if isinstance(sizes, (int, np.integer, str)) else sizes
    for dim in dims:
        if not (isinstance(dim, str) or (isinstance(dim, (int, np.integer)) and dim >= -1)):
            raise ShapeError(f"reshape: expected sizes, names, and at most one -1. Received: shape={shape!r}")
    new = infer_new_shape(x, tuple(d if isinstance(d, str) else int(d) for d in dims))
    new = tuple(to_axis_dim(d, x.shape) if isinstance(d, str) else d for d in new)
    if len(get_unresolved_dims(new)) > 1:
        raise ShapeError(
            f"reshape: at most one size of {format_shape(new)} may be unknown, and the shape of {x}, "
            f"{format_shape(x.shape)}, gives too few of them. Pass numbers, or take the shape from another expression "
            "with pel.reshape_like"
        )
    return {"shape": new}


def reshape_symbolically(x: Expr, shape: Dim | Sequence[Dim]) -> Expr | None:
    """Return an array of a shape with several sizes that its own axes do not have; None for one such size at most."""
    shape = as_sizes(shape)
    dims = [shape] if isinstance(shape, (int, np.integer, str)) else list(shape)
    count = sum(isinstance(d, str) and d not in x.shape for d in dims) + dims.count(-1)
    if not has_known_axes(dims) or (count < 2 and not has_values(d for d in dims if d not in x.shape)):
        return None
    if dims.count(-1) == 1:
        known = multiply_sizes(*(d for d in dims if d != -1))
        dims[dims.index(-1)] = combine_dims(operator.floordiv, multiply_sizes(*x.shape), known)
    return call_op("reshape_like", x, make_template(dims, x))


def _reshape_like_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    shape = get_template_shape(operands[1])
    sizes: list[TemplatePiece] = [(operands[1], ATOM), ".shape"] if shape is None else [shape[1:-1].rstrip(",")]
    return [(operands[0], ATOM), ".reshape(", *sizes, ")"]


def _broadcast_like_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    shape = get_template_shape(operands[1])
    if shape is None:
        return ["broadcast_like(", (operands[0], 0), ", ", (operands[1], 0), ")"]
    return ["broadcast_to(", (operands[0], 0), f", {shape})"]


def broadcast_symbolically(x: Expr, shape: Dim | Sequence[Dim]) -> Expr | None:
    """Return an array broadcast to a shape with sizes of other expressions; None if there are none."""
    dims = as_shape(as_sizes(shape))
    if not has_known_axes(dims) or all(d in x.shape for d in dims if isinstance(d, str)):
        return None
    return call_op("broadcast_like", x, make_template(dims, x))


def _infer_reshape(x: Expr, shape: Shape) -> Type:
    return Type(tuple(x.shape[d.axis] if isinstance(d, AxisDim) else d for d in shape), x.dtype)


def get_runtime_shape(x: Any, shape: Any) -> tuple[int, ...]:
    """Return a new shape as integers, with -1 for a size that no axis of the input gives."""
    return tuple(x.shape[d.axis] if isinstance(d, AxisDim) else -1 if isinstance(d, str) else d for d in shape)


def _reshape_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    shape = settings.get("shape", "(...)")
    return [(operands[0], ATOM), f".reshape{format_shape(shape) if isinstance(shape, tuple) else shape}"]


@op(
    tex=shape_function_tex(r"\operatorname{reshape}"),
    text=_reshape_text,
    infer=_infer_reshape,
    normalize=_normalize_reshape,
    symbolic=reshape_symbolically,
    grad=lambda g, y, x, shape: call_op("reshape_like", g, x),
    examples=lambda rng: [((draw_tensor(rng),), {"shape": (6, 4)}), ((draw_tensor(rng),), {"shape": (-1, 2)})],
    cost=0,
    value_range=elements_of(0),
)
def reshape(xp: ArrayNamespace, x: NamespaceArray, shape: int | str | Sequence[int | str] = ()) -> NamespaceArray:
    r"""Change the shape and keep the order of the elements, as in :math:`y_{i n + j} = x_{ij}` for :math:`n` columns.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    shape : tuple of int and str
        New shape. One size may be ``-1``, which is inferred. A name is the size of the axis of that name. Formulas of
        sizes are allowed, such as ``x.shape[0] // 2``.

    Returns
    -------
    Expr
        Array of the new shape.

    Raises
    ------
    ShapeError
        If the numbers of elements differ, or more than one size is unknown when the program runs.

    Examples
    --------
    >>> pel.reshape(pel.tensor4("x", shape=("n", 2, 2, 3)), ("n", -1)).shape
    ('n', 12)
    >>> x = pel.vector("x", shape=("n",))
    >>> pel.reshape(x, (x.shape[0] // 2, 2)).shape
    ('n//2', 2)
    """
    return xp.reshape(x, get_runtime_shape(x, shape))


@op(
    tex=shape_function_tex(r"\operatorname{reshape}"),
    text=_reshape_like_text,
    infer=lambda x, like: Type(like.shape, x.dtype),
    grad=lambda g, y, x, like: (call_op("reshape_like", g, x), None),
    examples=lambda rng: [((draw_tensor(rng), np.zeros((6, 4))), {})],
    cost=0,
    behind="reshape",
    value_range=elements_of(0),
)
def reshape_like(xp: ArrayNamespace, x: NamespaceArray, like: NamespaceArray) -> NamespaceArray:
    r"""Reshape an array to the shape of another.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    like : Expr or array
        Array with as many elements; only its shape is used.

    Examples
    --------
    >>> pel.reshape_like(pel.vector("x"), pel.matrix("y", shape=("n", 2))).shape
    ('n', 2)
    """
    return xp.reshape(x, like.shape)


@register_function
def ravel(x: Operand) -> Expr:
    r"""Flatten an array to one axis.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.ravel(pel.matrix("x", shape=(2, 3))).shape
    (6,)
    """
    x = as_expr(x)
    return x if x.ndim == 1 else reshape(x, (-1,))


def _normalize_expand_dims(x: Expr, axis: int | Sequence[int]) -> OpSettings:
    count = 1 if isinstance(axis, (int, np.integer)) else len(axis)
    return {"axis": normalize_axes(axis, x.ndim + count, "expand_dims", x)}


def _infer_expand_dims(x: Expr, axis: tuple[int, ...]) -> Type:
    shape = list(x.shape)
    for a in axis:
        shape.insert(a, 1)
    return Type(tuple(shape), x.dtype)


@op(
    tex="{0:_}",
    infer=_infer_expand_dims,
    normalize=_normalize_expand_dims,
    grad=lambda g, y, x, axis: call_op("squeeze", g, axis=axis),
    examples=lambda rng: [((draw_tensor(rng),), {"axis": 1}), ((draw_tensor(rng),), {"axis": (0, -1)})],
    cost=0,
    value_range=elements_of(0),
)
def expand_dims(xp: ArrayNamespace, x: NamespaceArray, axis: int | Sequence[int] = 0) -> NamespaceArray:
    r"""Insert axes of length 1 at the given positions of the new shape, :math:`y_{i1j} = x_{ij}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or tuple of int
        Positions of the new axes.

    Examples
    --------
    >>> pel.expand_dims(pel.vector("x", shape=("n",)), 1).shape
    ('n', 1)
    """
    return xp.expand_dims(x, axis)


def _normalize_squeeze(x: Expr, axis: Axes = None) -> OpSettings:
    if axis is None:
        return {"axis": tuple(a for a, d in enumerate(x.shape) if d == 1)}
    axes = normalize_axes(axis, x.ndim, "squeeze", x)
    for a in axes:
        if unify(x.shape[a], 1) is None:
            raise ShapeError(f"squeeze: axis {a} of {x} must have length 1. Received: shape {format_shape(x.shape)}")
    return {"axis": axes}


@op(
    tex="{0:_}",
    infer=lambda x, axis: Type(tuple(d for a, d in enumerate(x.shape) if a not in axis), x.dtype),
    normalize=_normalize_squeeze,
    grad=lambda g, y, x, axis: expand_dims(g, axis) if axis else g,
    examples=lambda rng: [((rng.normal(size=(1, 3, 1)),), {}), ((rng.normal(size=(1, 3, 1)),), {"axis": 0})],
    cost=0,
    value_range=elements_of(0),
)
def squeeze(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None) -> NamespaceArray:
    r"""Remove axes of length 1, by default all axes known to have length 1, :math:`y_{ij} = x_{i1j}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes of length 1.

    Examples
    --------
    >>> pel.squeeze(pel.matrix("x", shape=("n", 1))).shape
    ('n',)
    """
    return xp.squeeze(x, axis=axis)


@op(
    tex="{0:_}",
    text=_broadcast_like_text,
    infer=lambda x, like: _infer_broadcast(x, like.shape),
    grad=lambda g, y, x, like: (sum_broadcast_axes(g, x), None),
    examples=lambda rng: [
        ((rng.normal(size=(3, 1)), np.zeros((2, 3, 4))), {}),
        ((np.array(2.0), np.zeros((2, 3))), {}),
    ],
    cost=0,
    behind="broadcast_to",
    value_range=elements_of(0),
)
def broadcast_like(xp: ArrayNamespace, x: NamespaceArray, like: NamespaceArray) -> NamespaceArray:
    r"""Broadcast an array to the shape of another.

    Parameters
    ----------
    x : Expr or array
        Shape that broadcasts to that of ``like``.
    like : Expr or array
        Only its shape is used.

    Examples
    --------
    >>> pel.broadcast_like(1.0, pel.matrix("x", shape=("n", 3))).shape
    ('n', 3)
    """
    return xp.broadcast_to(x, like.shape)


def _infer_broadcast(x: Expr, shape: Shape) -> Type:
    fits = x.ndim <= len(shape) and all(
        a == 1 or unify(a, b) is not None for a, b in zip(x.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(f"{format_operand(x)}, does not broadcast to shape {format_shape(shape)}")
    return Type(shape, x.dtype)


def sum_broadcast_axes(g: Expr, x: Expr) -> Expr:
    """Sum a gradient over the axes along which ``x`` was broadcast."""
    new_count = g.ndim - x.ndim
    repeated = tuple(a for a in range(new_count, g.ndim) if x.shape[a - new_count] == 1 and g.shape[a] != 1)
    axes = (*range(new_count), *repeated)
    if not axes:
        return g
    total = call_op("sum", g, axis=axes)
    return expand_dims(total, tuple(a - new_count for a in repeated)) if repeated else total


def _normalize_broadcast_to(x: Expr, shape: int | str | Sequence[int | str]) -> OpSettings:
    dims = as_shape(as_sizes(shape))
    missing = [d for d in dims if isinstance(d, str) and d not in x.shape]
    if missing:
        raise ShapeError(
            f"broadcast_to {format_shape(dims)}: {format_operand(x)}, has no axis {format_shape((missing[0],))[1:-2]}. "
            "Take the shape from an expression: pel.broadcast_like(x, like)"
        )
    return {"shape": tuple(to_axis_dim(d, x.shape) if isinstance(d, str) else d for d in dims)}


@op(
    tex="{0:_}",
    infer=lambda x, shape: _infer_broadcast(x, _infer_reshape(x, shape).shape),
    normalize=_normalize_broadcast_to,
    symbolic=broadcast_symbolically,
    grad=lambda g, y, x, shape: sum_broadcast_axes(g, x),
    examples=lambda rng: [((rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)})],
    cost=0,
    value_range=elements_of(0),
)
def broadcast_to(xp: ArrayNamespace, x: NamespaceArray, shape: int | str | Sequence[int | str] = ()) -> NamespaceArray:
    r"""Broadcast an array to a shape, :math:`y_{ij} = x_j` or :math:`y_{ij} = x_{i1}`.

    Parameters
    ----------
    x : Expr or array
        A shape that broadcasts to ``shape``.
    shape : int or tuple of int or Expr
        Shape of the result.

    Examples
    --------
    >>> pel.broadcast_to(pel.vector("x", shape=(3,)), (2, 3)).shape
    (2, 3)
    """
    return xp.broadcast_to(x, get_runtime_shape(x, shape))


@register_function
def broadcast_arrays(*args: Operand) -> tuple[Expr, ...]:
    r"""Broadcast arrays to their common shape, as a tuple.

    Parameters
    ----------
    *args : Expr or array
        Shapes that broadcast with one another.

    Examples
    --------
    >>> x, y = pel.broadcast_arrays(pel.matrix("x", shape=("n", 1)), pel.vector("y", shape=(3,)))
    >>> x.shape, y.shape
    (('n', 3), ('n', 3))
    """
    arrays = [as_expr(a) for a in args]
    if not arrays:
        return ()
    like = functools.reduce(lambda a, b: call_op("add", a, b), [call_op("zeros_like", a) for a in arrays])
    return tuple(a if covers(a.shape, like.shape) else broadcast_like(a, like) for a in arrays)


def _size_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
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
    examples=lambda rng: [((draw_tensor(rng),), {}), ((draw_tensor(rng),), {"axis": (0, 1), "dtype": "float32"})],
    cost=0,
    value_range=fixed(1, 2**31 - 1),
)
def size(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, dtype: DTypeLike | None = None) -> NamespaceArray:
    r"""Number of elements along axes, :math:`n_1 n_2 \cdots`, as int64 by default.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes whose lengths are multiplied; all by default.
    dtype : str or dtype, optional
        An integer dtype.

    Examples
    --------
    >>> pel.size(pel.matrix("x", shape=("n", 3)), axis=0)
    size(x, axis=0)
    """
    return xp.asarray(math.prod(x.shape[a] for a in cast("tuple[int, ...]", axis)), dtype=dtype)


@register_function
def shape(x: Operand) -> tuple[int | str, ...]:
    r"""Shape of an expression when the graph is built: a tuple of sizes and names. See `size` for run-time sizes.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.shape(pel.matrix("x", shape=("n", 3)))
    ('n', 3)
    """
    return as_expr(x).shape


@register_function
def ndim(x: Operand) -> int:
    r"""Number of axes.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.ndim(pel.matrix("x"))
    2
    """
    return as_expr(x).ndim
