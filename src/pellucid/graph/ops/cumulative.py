r"""Cumulative sums and products, differences, and the linear recurrences that express their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, JaxArray, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import function_tex, method_text, settings_tex
from pellucid.graph.ops.reductions import get_accumulator_dtype
from pellucid.graph.ops.reshape import infer_new_shape
from pellucid.graph.range_rules import product_of, sum_of
from pellucid.graph.types import Type, normalize_axis, unify_shapes
from pellucid.graph.validation import check_integer

if TYPE_CHECKING:
    from pellucid.typing import Array, Axes


def _normalize_settings(x: Expr, axis: Axes = None) -> OpSettings:
    if axis is None and x.ndim != 1:
        return {"axis": None}
    return {"axis": normalize_axis(0 if axis is None else axis, x.ndim, "a cumulative sum or product", x)}


def _infer_type(x: Expr, axis: int | None) -> Type:
    return Type(infer_new_shape(x, (-1,)) if axis is None else x.shape, get_accumulator_dtype(x.dtype))


def _examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x[0, 0],), {}), ((x,), {}), ((x,), {"axis": 1}), ((np.array([[True, False, True]]),), {"axis": -1})]


def _cumsum_grad(g: Expr, y: Expr, x: Expr, axis: int | None) -> Expr:
    along = 0 if axis is None else axis
    total = call_op("flip", cumsum(call_op("flip", g, axis=along), axis=along), axis=along)
    return call_op("reshape_like", total, x) if axis is None else total


@alias("cumulative_sum")
@op(
    tex=function_tex(r"\operatorname{cumsum}"),
    text=method_text("cumsum"),
    infer=_infer_type,
    normalize=_normalize_settings,
    grad=_cumsum_grad,
    examples=_examples,
    value_range=lambda node, x: sum_of(x, None),
)
def cumsum(xp: ArrayNamespace, x: NamespaceArray, axis: int | None = None) -> NamespaceArray:
    r"""Cumulative sum along an axis, :math:`y_i = \sum_{j \le i} x_j`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Booleans and small integers are summed as 64-bit integers, as in NumPy.
    axis : int, optional
        Axis. By default the array is flattened.

    Returns
    -------
    Expr
        Same shape as ``x``, or a vector if ``axis`` is None.

    Examples
    --------
    >>> pel.function([], pel.cumsum([1.0, 2.0, 3.0]))()
    array([1., 3., 6.], dtype=float32)
    """
    return xp.cumsum(x, axis=axis, dtype=get_accumulator_dtype(x.dtype))


def _cumprod_grad(g: Expr, y: Expr, x: Expr, axis: int | None) -> Expr:
    # Multiplying by the preceding product instead of dividing by the element keeps zeros harmless.
    factors, along = (call_op("ravel", x), 0) if axis is None else (x, axis)
    later = recurrence(shift(factors, axis=along, steps=-1), g, axis=along, reverse=True)
    gradient = later * shift(y, axis=along, fill=1)
    return call_op("reshape_like", gradient, x) if axis is None else gradient


@alias("cumulative_prod")
@op(
    tex=function_tex(r"\operatorname{cumprod}"),
    text=method_text("cumprod"),
    infer=_infer_type,
    normalize=_normalize_settings,
    grad=_cumprod_grad,
    examples=lambda rng: [*_examples(rng), ((np.array([2.0, 0.0, 3.0, 0.0, 0.5]),), {})],
    value_range=lambda node, x: product_of(x, None),
)
def cumprod(xp: ArrayNamespace, x: NamespaceArray, axis: int | None = None) -> NamespaceArray:
    r"""Cumulative product along an axis, :math:`y_i = \prod_{j \le i} x_j`. The parameters are those of `cumsum`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are multiplied; None flattens the array first.

    Examples
    --------
    >>> pel.function([], pel.cumprod([1.0, 2.0, 3.0]))()
    array([1., 2., 6.], dtype=float32)
    """
    return xp.cumprod(x, axis=axis, dtype=get_accumulator_dtype(x.dtype))


@op(
    tex=settings_tex(r"\operatorname{{shift}}_{{{steps:+d}}}"),
    infer=lambda x, axis, steps, fill: x.type,
    normalize=lambda x, axis, steps, fill: {
        "axis": normalize_axis(axis, x.ndim, "shift", x),
        "steps": int(steps),
        "fill": fill,
    },
    grad=lambda g, y, x, axis, steps, fill: call_op("shift", g, axis=axis, steps=-steps),
    examples=lambda rng: [
        ((rng.normal(size=5),), {"steps": 2, "fill": 1}),
        ((rng.normal(size=(3, 4)),), {"axis": 1, "steps": -1}),
        ((rng.normal(size=(3, 4)),), {"axis": 1, "steps": 9}),
    ],
    cost=0,
    behind="cumprod",
)
def shift(xp: ArrayNamespace, x: NamespaceArray, axis: int = 0, steps: int = 1, fill: float = 0) -> NamespaceArray:
    r"""Shift elements by ``steps`` along an axis, :math:`y_i = x_{i - k}`, and fill the vacated positions.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int
        Axis along which elements move.
    steps : int
        :math:`k`; negative numbers move elements to the front.
    fill : number
        Value of the vacated positions.

    Examples
    --------
    >>> pel.function([], pel.shift([1.0, 2.0, 3.0]))()
    array([0., 1., 2.], dtype=float32)
    """
    length = x.shape[axis]
    count = min(abs(steps), length)
    empty = xp.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), fill, x.dtype)
    kept = slice(0, length - count) if steps > 0 else slice(count, length)
    part = x[(slice(None),) * axis + (kept,)]
    return xp.concatenate([empty, part] if steps > 0 else [part, empty], axis=axis)


def _infer_recurrence(a: Expr, b: Expr, axis: int, reverse: bool) -> Type:
    shape = unify_shapes(a.shape, b.shape)
    if shape is None:
        raise ShapeError(f"recurrence: expected equal shapes. Received: {a}, {a.type}, and {b}, {b.type}")
    return Type(shape, b.dtype)


def _check_equal_shapes(a: ArrayValue, b: ArrayValue) -> None:
    """Refuse sizes that were unknown when the graph was built and differ now."""
    if a.shape != b.shape:
        raise ValueError("operands of different shapes")


def _recurrence_grad(g: Expr, y: Expr, a: Expr, b: Expr, axis: int, reverse: bool) -> tuple[Expr, Expr]:
    step = -1 if reverse else 1
    gb = recurrence(shift(a, axis=axis, steps=-step), g, axis=axis, reverse=not reverse)
    return gb * shift(y, axis=axis, steps=step), gb


def _recurrence_xla(xp: ArrayNamespace, a: JaxArray, b: JaxArray, axis: int, reverse: bool) -> JaxArray:
    from jax.lax import associative_scan

    _check_equal_shapes(a, b)

    def compose(first: tuple[JaxArray, JaxArray], second: tuple[JaxArray, JaxArray]) -> tuple[JaxArray, JaxArray]:
        return first[0] * second[0], first[1] * second[0] + second[1]

    states: JaxArray = associative_scan(compose, (a, b), reverse=reverse, axis=axis)[1]
    return states


@op(
    tex=r"\operatorname{{recurrence}}({0:_}, {1:_})",
    infer=_infer_recurrence,
    normalize=lambda a, b, axis, reverse: {
        "axis": normalize_axis(axis, b.ndim, "recurrence", b),
        "reverse": bool(reverse),
    },
    promotes=True,
    floats=True,
    xla=_recurrence_xla,
    grad=_recurrence_grad,
    examples=lambda rng: [
        ((rng.normal(size=5), rng.normal(size=5)), {}),
        ((rng.normal(size=(2, 4)), rng.normal(size=(2, 4))), {"axis": 1, "reverse": True}),
    ],
    cost=2,
    behind="cumprod",
)
def recurrence(xp: ArrayNamespace, a: Array, b: Array, axis: int = 0, reverse: bool = False) -> Array:
    r"""Linear recurrence along an axis, :math:`y_i = a_i \, y_{i-1} + b_i`, starting at 0.

    The gradients of a cumulative product are recurrences, and so are those of a recurrence.

    Parameters
    ----------
    a, b : Expr or array
        Arrays of one shape.
    axis : int
        Axis of the steps.
    reverse : bool
        Whether the recurrence starts at the last element.

    Examples
    --------
    >>> pel.function([], pel.recurrence([1.0, 0.5, 0.5], [8.0, 0.0, 1.0]))()
    array([8., 4., 3.], dtype=float32)

    References
    ----------
    G. E. Blelloch, Prefix sums and their applications, CMU-CS-90-190 (1990), section 1.4.
    """
    _check_equal_shapes(a, b)
    result = np.empty_like(b)
    factors, terms, states = (np.moveaxis(array, axis, 0) for array in (a, b, result))
    state = np.zeros_like(terms[:1]).sum(axis=0)
    order = range(len(terms))
    for i in reversed(order) if reverse else order:
        state = factors[i] * state + terms[i]
        states[i] = state
    return result


@register_function
def diff(x: Operand, n: int = 1, axis: int = -1) -> Expr:
    r"""Differences of adjacent elements along an axis, :math:`x_{i+1} - x_i`, repeated ``n`` times.

    Parameters
    ----------
    x : Expr or array
        Input with at least one axis. For booleans the difference is ``!=``.
    n : int
        Order of the differences.
    axis : int
        Axis.

    Returns
    -------
    Expr
        Shorter than ``x`` by ``n`` along the axis.

    Raises
    ------
    ValueError
        If ``n`` is not an integer of 0 or more.

    Examples
    --------
    >>> pel.function([], pel.diff([1.0, 4.0, 9.0]))()
    array([3., 5.], dtype=float32)
    """
    n = check_integer("n", n, 0, owner="diff")
    x = as_expr(x)
    lead = (slice(None),) * normalize_axis(axis, x.ndim, "diff", x)
    for _ in range(n):
        later, earlier = x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))]
        x = call_op("not_equal" if x.dtype == np.dtype(bool) else "subtract", later, earlier)
    return x
