r"""Reductions along axes: sum, mean, product, extrema and their indices, and the transpose of broadcasting."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.interval import Interval
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import alias, op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import big_operator_tex, function_tex, method_text
from pellucid.graph.precedence import BIG
from pellucid.graph.range_rules import count_reduced, elements_of, fixed, product_of, sum_of, sum_range
from pellucid.graph.types import DType, Type, as_float, format_shape, normalize_axes, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Axes


def infer_reduced_type(x: Expr, axis: tuple[int, ...], keepdims: bool, dtype: Any = None) -> Type:
    shape = [1 if a in axis else d for a, d in enumerate(x.shape) if keepdims or a not in axis]
    return Type(tuple(shape), np.dtype(dtype or x.dtype))


def normalize_reduction(x: Expr, axis: Axes = None, keepdims: bool = False) -> OpSettings:
    return {"axis": normalize_axes(axis, x.ndim, "a reduction", x), "keepdims": bool(keepdims)}


def restore_axes(g: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr:
    """Insert the reduced axes with length 1, so that the result of a reduction broadcasts to its input."""
    return g if keepdims or not axis or g.ndim == 0 else call_op("expand_dims", g, axis=axis)


def draw_reduction_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1}), ((x,), {"axis": (0, -1), "keepdims": True})]


def cost_per_input(operations: int) -> Any:
    """Cost of a number of operations per element of the first input."""
    return lambda node, size: operations * size(node.inputs[0])


def get_accumulator_dtype(dtype: DType) -> DType:
    """Return the dtype of NumPy's sums and products: small integers are accumulated in 64 bits."""
    return np.zeros((), dtype).sum().dtype if dtype.kind in "biu" else dtype


def count_elements(x: Expr, axis: tuple[int, ...]) -> Expr:
    """Return the number of elements along axes, in float32 for 16-bit floats, which cannot represent large counts."""
    return call_op("size", x, axis=axis, dtype=x.dtype if x.dtype.itemsize > 2 else np.dtype("float32"))


_reduction = functools.partial(
    op,
    infer=infer_reduced_type,
    normalize=normalize_reduction,
    examples=draw_reduction_examples,
    cost=cost_per_input(1),
)


@_reduction(
    tex=big_operator_tex(r"\sum"),
    tex_precedence=BIG,
    text=method_text("sum"),
    infer=lambda x, axis, keepdims: infer_reduced_type(x, axis, keepdims, get_accumulator_dtype(x.dtype)),
    grad=lambda g, y, x, axis, keepdims: restore_axes(g, x, axis, keepdims),
    value_range=sum_range,
)
def sum(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False) -> NamespaceArray:
    r"""Sum of the elements along axes, :math:`\sum_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Booleans and small integers are summed as 64-bit integers, as in NumPy.
    axis : int or tuple of int, optional
        Axes to sum over (default all).
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Examples
    --------
    >>> pel.sum(pel.matrix("x"), axis=1)
    x.sum(axis=1)
    """
    return xp.sum(x, axis=axis, keepdims=keepdims)


@_reduction(
    tex=function_tex(r"\operatorname{mean}"),
    text=method_text("mean"),
    infer=lambda x, axis, keepdims: infer_reduced_type(x, axis, keepdims, as_float(x.dtype)),
    promotes=True,
    floats=True,
    grad=lambda g, y, x, axis, keepdims: restore_axes(g, x, axis, keepdims) / count_elements(x, axis),
    value_range=elements_of(0),
)
def mean(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False) -> NamespaceArray:
    r"""Arithmetic mean of the elements along axes, :math:`\frac{1}{n} \sum_i x_i`.

    Integers and booleans are cast to `config.floatx`. The parameters are those of `sum`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.grad(pel.mean(x), x)
    broadcast_like(0.25, x)
    """
    return xp.mean(x, axis=axis, keepdims=keepdims)


def _normalize_extreme(x: Expr, axis: Axes = None, keepdims: bool = False, initial: Any = None) -> OpSettings:
    settings = normalize_reduction(x, axis, keepdims)
    if initial is None:
        return settings
    if np.ndim(initial) or not np.can_cast(np.asarray(initial).dtype, x.dtype, "same_kind"):
        raise UseError(f"expected initial to be a number of dtype {x.dtype}. Received: {initial!r}")
    return {**settings, "initial": x.dtype.type(initial).item()}


def _extreme_grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool, initial: Any = None) -> Expr:
    extremum = restore_axes(y, x, axis, keepdims)
    is_extremum = call_op("cast", call_op("equal", x, extremum), dtype=x.dtype)
    count = call_op("sum", is_extremum, axis=axis, keepdims=True)
    count = count if initial is None else call_op("maximum", count, 1)  # it is 0 if the result is the initial value
    return restore_axes(g, x, axis, keepdims) * is_extremum / count


def _extreme_range(node: Expr, x: Interval) -> Interval:
    initial = node.settings.get("initial")
    return x if initial is None else x.union(Interval(initial, initial))


_extreme = functools.partial(
    _reduction,
    infer=lambda x, axis, keepdims, initial=None: infer_reduced_type(x, axis, keepdims),
    normalize=_normalize_extreme,
    grad=_extreme_grad,
    value_range=_extreme_range,
    examples=lambda rng: [*(e := draw_reduction_examples(rng)), (e[0][0], {"axis": (0, 2), "initial": 1.25})],
)


@alias("amax")
@_extreme(name="max", tex=function_tex(r"\max", "initial"), text=method_text("max"))
def max_(
    xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False, initial: float | None = None
) -> NamespaceArray:
    r"""Maximum of the elements along axes, :math:`\max_i x_i`. Equal maxima share the gradient equally.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.
    initial : number, optional
        Another element, such as the maximum of no elements. By default, data without elements raise `ShapeError`.

    Examples
    --------
    >>> pel.max(pel.matrix("x"), axis=1)
    x.max(axis=1)
    """
    return xp.max(x, axis=axis, keepdims=keepdims, initial=initial)


@alias("amin")
@_extreme(name="min", tex=function_tex(r"\min", "initial"), text=method_text("min"))
def min_(
    xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False, initial: float | None = None
) -> NamespaceArray:
    r"""Minimum of the elements along axes, :math:`\min_i x_i`. Equal minima share the gradient equally.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.
    initial : number, optional
        Another element, such as the minimum of no elements. By default, data without elements raise `ShapeError`.

    Examples
    --------
    >>> pel.min(pel.matrix("x"), axis=1)
    x.min(axis=1)
    """
    return xp.min(x, axis=axis, keepdims=keepdims, initial=initial)


def _exclusive_cumprod(x: Expr, axis: int) -> Expr:
    return call_op("shift", call_op("cumprod", x, axis=axis), axis=axis, fill=1)


def _prod_grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr:
    """Multiply the products before and after each element. Dividing the product by the element fails for 0."""
    gradient = restore_axes(g, x, axis, keepdims)
    for a in axis:
        after = call_op("flip", _exclusive_cumprod(call_op("flip", x, axis=a), a), axis=a)
        gradient = gradient * (_exclusive_cumprod(x, a) * after)
        x = call_op("prod", x, axis=a, keepdims=True)
    return gradient


@_reduction(
    tex=big_operator_tex(r"\prod"),
    tex_precedence=BIG,
    text=method_text("prod"),
    infer=lambda x, axis, keepdims: infer_reduced_type(x, axis, keepdims, get_accumulator_dtype(x.dtype)),
    grad=_prod_grad,
    examples=lambda rng: [
        *draw_reduction_examples(rng),
        ((np.array([[0.0, 2.0, -0.5], [0.0, 0.0, 3.0]]),), {"axis": 1}),
        ((np.array([[0.0, 2.0, -0.5], [1.5, 0.0, 3.0]]),), {}),
    ],
    value_range=lambda node, x: product_of(x, count_reduced(node)),
)
def prod(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False) -> NamespaceArray:
    r"""Product of the elements along axes, :math:`\prod_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.prod(pel.matrix("x"), axis=1)
    x.prod(axis=1)
    """
    return xp.prod(x, axis=axis, keepdims=keepdims)


def _normalize_argmax(x: Expr, axis: Axes = None, keepdims: bool = False) -> OpSettings:
    axis = None if axis is None else normalize_axis(axis, x.ndim, "argmax or argmin", x)
    return {"axis": axis, "keepdims": bool(keepdims)}


def _infer_argmax(x: Expr, axis: int | None, keepdims: bool) -> Type:
    return infer_reduced_type(x, tuple(range(x.ndim)) if axis is None else (axis,), keepdims, np.int64)


def _draw_argmax_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1}), ((x,), {"keepdims": True})]


_index_op = functools.partial(
    op,
    infer=_infer_argmax,
    normalize=_normalize_argmax,
    differentiable=False,
    examples=_draw_argmax_examples,
    cost=cost_per_input(1),
)


@_index_op(tex=function_tex(r"\operatorname{argmax}"), text=method_text("argmax"), value_range=fixed(0, 2**31 - 1))
def argmax(xp: ArrayNamespace, x: NamespaceArray, axis: int | None = None, keepdims: bool = False) -> NamespaceArray:
    r"""Index of the first maximum along an axis, :math:`\operatorname{argmax}_i x_i`, as int64.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are compared; None flattens the array first.
    keepdims : bool
        Whether the axis stays, with length 1.

    Examples
    --------
    >>> pel.argmax(pel.matrix("p"), axis=-1)
    p.argmax(axis=1)
    """
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@_index_op(tex=function_tex(r"\operatorname{argmin}"), text=method_text("argmin"), value_range=fixed(0, 2**31 - 1))
def argmin(xp: ArrayNamespace, x: NamespaceArray, axis: int | None = None, keepdims: bool = False) -> NamespaceArray:
    r"""Index of the first minimum along an axis, :math:`\operatorname{argmin}_i x_i`, as int64.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are compared; None flattens the array first.
    keepdims : bool
        Whether the axis stays, with length 1.

    Examples
    --------
    >>> pel.argmin(pel.matrix("p"), axis=-1)
    p.argmin(axis=1)
    """
    return xp.argmin(x, axis=axis, keepdims=keepdims)


def _infer_sum_like(x: Expr, like: Expr) -> Type:
    if like.ndim > x.ndim:
        raise ShapeError(
            f"sum_like: expected {x} to have at least the axes of {like}. Received: shapes {format_shape(x.shape)} and "
            f"{format_shape(like.shape)}"
        )
    return Type(like.shape, x.dtype)


@op(
    infer=_infer_sum_like,
    grad=lambda g, y, x, like: (call_op("broadcast_like", g, x), None),
    examples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)), np.zeros((3, 1))), {}),
        ((rng.normal(size=(2, 3)), np.zeros((2, 3))), {}),
    ],
    cost=lambda node, size: size(node.inputs[0]),
    behind="broadcast_to",
    value_range=lambda node, x, like: sum_of(x, None),
)
def sum_like(xp: ArrayNamespace, x: NamespaceArray, like: NamespaceArray) -> NamespaceArray:
    r"""Sum an array over the axes along which another is broadcast to it: the transpose of `broadcast_like`, for sizes
    that are only known at run time.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    like : Expr or array
        Shape that broadcasts to that of ``x``; only it is used.

    Examples
    --------
    >>> pel.sum_like(pel.matrix("x", shape=("n", 3)), pel.vector("b", shape=(3,))).shape
    (3,)
    """
    new_count = x.ndim - like.ndim
    repeated = [a for a in range(new_count, x.ndim) if like.shape[a - new_count] == 1 != x.shape[a]]
    return xp.sum(x, axis=(*range(new_count), *repeated), dtype=x.dtype).reshape(like.shape)
