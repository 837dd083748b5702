r"""Indexing: slices, index arrays, take, take_along_axis and flat indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, JaxArray, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, IndexKey, Operand, OpSettings, as_expr
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.index_spec import (
    ARRAY,
    FULL_SLICE,
    Index,
    Slice,
    as_indices,
    check_integer_bounds,
    check_integer_indices,
    count_axes,
    format_index,
    infer_indexed,
    is_constant,
    normalize_array_index,
    normalize_index,
    parse_index,
    to_jax_index,
    to_numpy_index,
)
from pellucid.graph.ops.symbolic_sizes import as_sizes, take_slice
from pellucid.graph.pattern import Pattern
from pellucid.graph.precedence import ATOM
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import NamedDim, Type, broadcast_dim, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Array


def _index_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    x, *arrays = operands
    return [(x, ATOM), "[", *format_index(settings.get("index") or [ARRAY] * len(arrays), arrays), "]"]


def _index_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    x, *arrays = operands
    return [(x, ATOM), "_{", *format_index(settings.get("index") or [ARRAY] * len(arrays), arrays, r"\ast"), "}"]


def index_array(x: Operand, index: Index, arrays: Sequence[Expr]) -> Expr:
    """Index an array with a normalized index."""
    return gather(x, *arrays, index=index) if arrays else slice_(x, index)


def strip_broadcast(g: Expr, y: Expr) -> Expr:
    """Return a gradient without a `broadcast_like` to the shape of ``y``, which a scatter does not need."""
    is_broadcast = g.op is not None and g.op.name == "broadcast_like" and g.inputs[1] is y
    return g.inputs[0] if is_broadcast else g


@op(
    name="slice",
    tex=_index_tex,
    text=_index_text,
    infer=lambda x, index: infer_indexed(x, index),
    normalize=lambda x, index: {"index": normalize_index(x, index)[0]},
    grad=lambda g, y, x, index: call_op(
        "set_at", call_op("zeros_like", x, g.dtype), strip_broadcast(g, y), index=index
    ),
    examples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"index": (slice(None), slice(0, 4, 2))}),
        ((rng.normal(size=(3, 4)),), {"index": (None, -1, ...)}),
        ((rng.normal(size=(3, 4)),), {"index": slice(None, None, -1)}),
    ],
    cost=0,
    behind="getitem",
    value_range=elements_of(0),
)
def slice_(xp: ArrayNamespace, x: NamespaceArray, index: Index = ()) -> NamespaceArray:
    r"""Index an array with integers, slices, ``None`` and ``...``; the op of ``x[1:, 0]``.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    index : tuple
        Index of each axis: integers, slices, ``None`` and ``...``.

    Examples
    --------
    >>> pel.matrix("x")[1:, 0]
    x[1:, 0]
    """
    check_integer_bounds(x, index)
    return x[to_numpy_index(index)]


def _normalize_gather(x: Expr, *indices: Expr, index: Index, in_bounds: bool = False) -> OpSettings:
    settings = normalize_array_index(x, indices, index)
    return {**settings, "in_bounds": True} if in_bounds else settings


def _infer_gather(x: Expr, *indices: Expr, index: Index, in_bounds: bool = False) -> Type:
    for array in indices:
        check_integer_indices(array, "gather")
    return infer_indexed(x, index, indices)


def _gather_grad(g: Expr, y: Expr, x: Expr, *indices: Expr, index: Index, in_bounds: bool = False) -> list[Expr | None]:
    zeros = call_op("zeros_like", x, g.dtype)
    return [call_op("add_at", zeros, strip_broadcast(g, y), *indices, index=index), *[None] * len(indices)]


def _gather_xla(xp: ArrayNamespace, x: JaxArray, *indices: JaxArray, index: Index, in_bounds: bool = False) -> JaxArray:
    import jax.numpy as jnp

    elements = jnp.asarray(x).at[to_jax_index(x, index, indices)]
    is_safe = in_bounds or all(map(is_constant, indices))
    return elements.get(mode="promise_in_bounds" if is_safe else "fill", wrap_negative_indices=not in_bounds)


@op(
    tex=_index_tex,
    text=_index_text,
    infer=_infer_gather,
    normalize=_normalize_gather,
    xla=_gather_xla,
    grad=_gather_grad,
    examples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([2, 0, 2])), {}),
        ((rng.normal(size=(4, 3)), np.array([[2], [0]], "int8"), np.array([-1, 1])), {}),
        ((rng.normal(size=(2, 3, 4)), np.array([1, 1]), np.array([0, 3])), {"index": (ARRAY, slice(1, None), ARRAY)}),
        ((rng.normal(size=(2, 3, 4)), np.array([[2, 2]])), {"index": (None, ..., ARRAY, -1)}),
        ((rng.normal(size=(4, 3)), np.array([3, 0, 3])), {"index": (ARRAY,), "in_bounds": True}),
    ],
    cost=0,
    behind="getitem",
    value_range=elements_of(0),
)
def gather(
    xp: ArrayNamespace, x: NamespaceArray, *indices: NamespaceArray, index: Index = (), in_bounds: bool = False
) -> NamespaceArray:
    r"""Index an array with index arrays, :math:`y_k = x_{i_k, j_k}`; the op of ``x[i, j]`` and ``x[:, i]``.

    ``index`` is the complete index, in which ``index_spec.ARRAY`` marks the positions of ``indices`` (default: the
    leading axes).

    Parameters
    ----------
    x : Expr or array
        Any shape.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.
    in_bounds : bool
        Promise that no index is negative or out of bounds, so that compiled programs need not check them. If one is,
        the result is undefined.

    Examples
    --------
    >>> x, i = pel.matrix("x", shape=(5, 3)), pel.ivector("i", shape=("n",))
    >>> x[:, i].shape, x[i, i].shape
    ((5, 'n'), ('n',))
    >>> pel.grad(x[i].sum(), x)
    broadcast_like(0, x).at[i].add(1)
    """
    check_integer_bounds(x, index)
    return x[to_numpy_index(index, indices)]


@register_function
def getitem(x: Operand | Pattern, index: IndexKey) -> Expr:
    r"""Index an array with integers, slices, ``None``, ``...``, integer arrays and constant masks: ``x[index]``.

    The result is that of NumPy. A mask must be constant, because it determines the size of the result. Bounds of slices
    may be sizes of expressions and formulas of them, such as ``x[: x.shape[0] // 2]``.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    index : int, slice, None, ..., array, or tuple of these
        Index of each axis.

    Examples
    --------
    >>> pel.matrix("x")[0, ::2]
    x[0, ::2]
    """
    if isinstance(x, Pattern):
        return slice_(x, index)
    e, index = take_symbolic_slices(as_expr(x), index)
    if isinstance(index, tuple) and not index:
        return e
    parts, arrays, is_separated = parse_index(e, index)
    found = index_array(e, parts, arrays)
    if not is_separated:
        return found
    count = found.ndim - sum(not (part is ARRAY or isinstance(part, int)) for part in parts)
    start = parts.index(next(part for part in parts if part is ARRAY or isinstance(part, int)))
    return call_op("moveaxis", found, tuple(range(start, start + count)), tuple(range(count)))


def take_symbolic_slices(x: Expr, index: IndexKey) -> tuple[Expr, Any]:
    """Take the slices of an index whose bounds are sizes of expressions; return the result and the other parts."""
    parts: list[Any] = list(index) if isinstance(index, tuple) and not isinstance(index, Slice) else [index]
    if any(isinstance(v, Expr) for part in parts if isinstance(part, slice) for v in list_bounds(part)):
        parts = [slice(*as_sizes(list_bounds(part))) if isinstance(part, slice) else part for part in parts]
        index = tuple(parts)
    if not any(isinstance(v, NamedDim) for part in parts for v in list_bounds(part)):
        return x, index
    parts = [as_expr(part) if isinstance(part, NamedDim) else part for part in parts]
    covered = sum(count_axes(part) for part in parts)
    axis = 0
    for position, part in enumerate(parts):
        if any(isinstance(v, NamedDim) for v in list_bounds(part)):
            x = take_slice(x, axis, part.start, part.stop, part.step)
            parts[position] = slice(None)
        axis += x.ndim - covered if part is Ellipsis else count_axes(part)
    is_done = all(isinstance(part, slice) and part == slice(None) for part in parts)
    return x, () if is_done else tuple(parts)


def list_bounds(part: Any) -> Sequence[Any]:
    """Return what determines one part of an index."""
    return (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)


OUT_OF_BOUNDS_MODES = ("raise", "clip", "wrap")


def bring_into_range(indices: Expr, x: Expr, axis: int, mode: str) -> Any:
    if mode not in OUT_OF_BOUNDS_MODES:
        raise OptionError(f"Expected mode to be 'raise', 'clip' or 'wrap'. Received: mode={mode!r}")
    if mode == "raise":
        return indices
    length = call_op("size", x, axis=axis, dtype=indices.dtype)
    if mode == "wrap":
        return call_op("remainder", indices, length)
    return call_op("clip", indices, np.zeros((), indices.dtype), length - np.ones((), indices.dtype))


@register_function
def take(
    x: Operand, indices: Operand, axis: int | None = None, mode: Literal["raise", "clip", "wrap"] = "raise"
) -> Expr:
    r"""Take elements at indices along an axis, :math:`x_{i_k}`.

    Parameters
    ----------
    x : Expr or array
        Array to index.
    indices : Expr, array or list of int
        Indices of any shape.
    axis : int, optional
        Axis. By default the array is flattened.
    mode : {"raise", "clip", "wrap"}
        Treatment of out-of-bounds indices: raise an error, clip to the valid range or wrap around.

    Returns
    -------
    Expr
        Array in which the shape of the indices replaces the axis.

    Examples
    --------
    >>> x, i = pel.matrix("x", shape=(5, 3)), pel.ivector("i", shape=("n",))
    >>> pel.take(x, i, axis=0), pel.take(x, i, axis=1).shape
    (x[i], (5, 'n'))
    """
    x = as_expr(x)
    if axis is None:
        x, axis = (x if x.ndim == 1 else call_op("ravel", x)), 0
    axis = normalize_axis(axis, x.ndim, "take", x)
    indices = as_indices(indices, "take")
    return gather(x, bring_into_range(indices, x, axis, mode), index=(FULL_SLICE,) * axis + (ARRAY,))


def _infer_take_along_axis(x: Expr, indices: Expr, axis: int) -> Type:
    check_integer_indices(indices, "take_along_axis")
    shape = []
    for a, (d, e) in enumerate(zip(x.shape, indices.shape, strict=False)):
        both = e if a == axis else broadcast_dim(d, e)
        if both is None or x.ndim != indices.ndim:
            raise ShapeError(
                f"take_along_axis: {format_operand(x)}, and indices {format_operand(indices)}, must agree in all axes "
                f"except axis {axis}"
            )
        shape.append(both)
    return Type(tuple(shape), x.dtype)


@op(
    tex=r"{0:^}[{1:_}]",
    infer=_infer_take_along_axis,
    normalize=lambda x, indices, axis: {"axis": normalize_axis(axis, x.ndim, "take_along_axis", x)},
    grad=lambda g, y, x, indices, axis: (call_op("take_along_axis_gradient", g, indices, x, axis=axis), None),
    examples=lambda rng: [
        ((rng.normal(size=(3, 4)), np.array([[1], [0], [3]])), {"axis": 1}),
        ((rng.normal(size=(3, 4)), np.array([[2, 0]])), {"axis": -1}),
        ((rng.normal(size=(1, 4)), np.array([[2, 0], [1, 1]])), {}),
    ],
    cost=0,
    value_range=elements_of(0),
)
def take_along_axis(xp: ArrayNamespace, x: NamespaceArray, indices: NamespaceArray, axis: int = -1) -> NamespaceArray:
    r"""Take elements at indices along an axis, paired with the positions along the other axes, :math:`x_{k, i_k}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    indices : Expr or array
        Integers, with as many axes as ``x``; other axes broadcast.
    axis : int
        Axis of ``x`` that is indexed.

    Examples
    --------
    >>> p, y = pel.matrix("p", shape=("n", 10)), pel.ivector("y", shape=("n",))
    >>> pel.take_along_axis(p, y[:, None]).shape
    ('n', 1)
    """
    return xp.take_along_axis(x, indices, axis=axis)


def _make_index_grid(
    xp: ArrayNamespace, g: ArrayValue, indices: ArrayValue, like: ArrayValue, axis: int
) -> tuple[Any, ...]:
    """Return, for each axis, the index of the element that each element of ``g`` is added to."""
    grid: list[ArrayValue] = []
    for a, n in enumerate(g.shape):
        positions = xp.arange(n) if like.shape[a] == n else xp.zeros(n, int)
        grid.append(indices if a == axis else positions.reshape([-1 if a == b else 1 for b in range(g.ndim)]))
    return tuple(grid)


def _take_along_axis_gradient_xla(
    xp: ArrayNamespace, g: JaxArray, indices: JaxArray, like: JaxArray, axis: int
) -> JaxArray:
    import jax.numpy as jnp

    return jnp.zeros(like.shape, g.dtype).at[_make_index_grid(xp, g, indices, like, axis)].add(g)


@op(
    infer=lambda g, indices, like, axis: Type(like.shape, g.dtype),
    normalize=lambda g, indices, like, axis: {"axis": axis % like.ndim},
    xla=_take_along_axis_gradient_xla,
    grad=lambda u, y, g, indices, like, axis: (take_along_axis(u, indices, axis=axis), None, None),
    examples=lambda rng: [
        ((rng.normal(size=(3, 1)), np.array([[1], [0], [3]]), np.zeros((3, 4))), {"axis": 1}),
        ((rng.normal(size=(3, 2)), np.array([[2, 2]]), np.zeros((3, 4))), {"axis": -1}),
    ],
    cost=lambda node, size: size(node.inputs[0]),
    behind="take_along_axis",
)
def take_along_axis_gradient(xp: ArrayNamespace, g: Array, indices: Array, like: Array, axis: int = -1) -> Array:
    r"""Gradient of `take_along_axis`: zeros of the shape of ``like`` with ``g`` added at the indices.

    Parameters
    ----------
    g : Expr or array
        Gradient with respect to the result of `take_along_axis`.
    indices : Expr or array
        Integer indices.
    like : Expr or array
        Only its shape is used.
    axis : int
        Axis that was indexed.

    Examples
    --------
    >>> g, i = pel.matrix("g", shape=("n", 1)), pel.imatrix("i", shape=("n", 1))
    >>> pel.take_along_axis_gradient(g, i, pel.matrix("x", shape=("n", 4)), axis=1).shape
    ('n', 4)
    """
    result = np.zeros(like.shape, g.dtype)
    np.add.at(result, _make_index_grid(xp, g, indices, like, axis), g)
    return result


@register_function
def unravel_index(indices: Operand, shape: Sequence[int]) -> list[Expr]:
    r"""Index along each axis of elements that are numbered in row-major order.

    Parameters
    ----------
    indices : Expr or array
        Integers, any shape.
    shape : tuple of int
        Lengths of the axes.

    Examples
    --------
    >>> i = pel.iscalar("i")
    >>> pel.function([i], pel.unravel_index(i, (2, 3)))(5)
    [np.int32(1), np.int32(2)]
    """
    rest = as_indices(indices, "unravel_index")
    result: list[Expr] = []
    for length in reversed(shape):
        result.append(rest % length)
        rest = rest // length
    return result[::-1]


@register_function
def ravel_multi_index(multi_index: Sequence[Operand], dims: Sequence[int]) -> Expr:
    r"""Flat index, in row-major order, of elements given by an index along each axis: for two axes
    :math:`n_2 i_1 + i_2`.

    Parameters
    ----------
    multi_index : sequence of Expr or array
        Integer indices for each axis, of shapes that broadcast.
    dims : tuple of int
        Lengths of the axes.

    Raises
    ------
    ShapeError
        If the numbers of indices and axes differ.

    Examples
    --------
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
