r"""Sums and products that grow along an axis, and recurrences, by which their gradients are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import also, op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import axes_tex
from pellucid.graph.ops.reductions import accumulated
from pellucid.graph.ops.reshape import reshaped
from pellucid.graph.printing import ATOM, Piece
from pellucid.graph.types import Type, normalize_axis


def _cumulative_axis(x: Expr, axis: Any = None) -> dict[str, Any]:
    if axis is None and x.ndim != 1:
        return {"axis": None}
    return {"axis": normalize_axis(0 if axis is None else axis, x.ndim, "a cumulative sum or product", x)}


def _cumulative_type(x: Expr, axis: int | None) -> Type:
    return Type(reshaped(x, (-1,)) if axis is None else x.shape, accumulated(x.dtype))


def _method(name: str) -> Any:
    """Write ``x.cumsum(axis=1)``, without the axis if there is one only."""

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        axis = settings.get("axis")
        shown = axis is not None and getattr(operands[0], "ndim", 0) != 1
        return [(operands[0], ATOM), f".{name}({f'axis={axis}' if shown else ''})"]

    return text


def _function(name: str) -> Any:
    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        return [
            rf"\operatorname{{{name}}}{axes_tex(operands[0], settings.get('axis'))}(",
            (operands[0], 0),
            ")",
        ]

    return tex


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x[0, 0],), {}), ((x,), {}), ((x,), {"axis": 1}), ((np.array([[True, False, True]]),), {"axis": -1})]


def _along(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return the elements in the order in which they are accumulated, and the axis along which they stand."""
    return (call("ravel", x), 0) if axis is None else (x, axis)


def _cumsum_grad(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    along = 0 if axis is None else axis
    total = call("flip", cumsum(call("flip", g, axis=along), axis=along), axis=along)
    return call("reshape_like", total, x) if axis is None else total


@also("cumulative_sum")
@op(
    tex=_function("cumsum"),
    text=_method("cumsum"),
    infer=_cumulative_type,
    normalize=_cumulative_axis,
    grad=_cumsum_grad,
    examples=_examples,
)
def cumsum(xp: Any, x: Any, axis: Any = None) -> Any:
    r"""Sums of all elements up to each along an axis, :math:`y_i = \sum_{j \le i} x_j`.

    Parameters
    ----------
    x : Expr or array
        Of any shape; booleans and small integers are summed as 64-bit integers, as NumPy does.
    axis : int, optional
        The axis to go along; all elements one after another without it.

    Returns
    -------
    Expr
        Of the shape of ``x``; of one axis without ``axis``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.cumsum([1.0, 2.0, 3.0]))()
    array([1., 3., 6.], dtype=float32)
    """
    return xp.cumsum(x, axis=axis, dtype=accumulated(x.dtype))


def _cumprod_grad(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    """Multiply what came before by what all later products pass back: no division, so that zeros do no harm."""
    factors, along = _along(x, axis)
    passed = recurrence(shift(factors, axis=along, steps=-1), g, axis=along, reverse=True)
    found = passed * shift(y, axis=along, fill=1)
    return call("reshape_like", found, x) if axis is None else found


@also("cumulative_prod")
@op(
    tex=_function("cumprod"),
    text=_method("cumprod"),
    infer=_cumulative_type,
    normalize=_cumulative_axis,
    grad=_cumprod_grad,
    examples=lambda rng: [*_examples(rng), ((np.array([2.0, 0.0, 3.0, 0.0, 0.5]),), {})],
)
def cumprod(xp: Any, x: Any, axis: Any = None) -> Any:
    r"""Products of all elements up to each along an axis, :math:`y_i = \prod_{j \le i} x_j`.

    Parameters
    ----------
    x : Expr or array
        Of any shape; booleans and small integers are multiplied as 64-bit integers, as NumPy does.
    axis : int, optional
        The axis to go along; all elements one after another without it.

    Returns
    -------
    Expr
        Of the shape of ``x``; of one axis without ``axis``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.cumprod([1.0, 2.0, 3.0]))()
    array([1., 2., 6.], dtype=float32)
    """
    return xp.cumprod(x, axis=axis, dtype=accumulated(x.dtype))


def _shift_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    return [rf"\operatorname{{shift}}_{{{settings['steps']:+d}}}(", (operands[0], 0), ")"]


def _shift_settings(x: Expr, axis: Any = 0, steps: Any = 1, fill: Any = 0) -> dict[str, Any]:
    return {"axis": normalize_axis(axis, x.ndim, "shift", x), "steps": int(steps), "fill": fill}


@op(
    tex=_shift_tex,
    infer=lambda x, axis, steps, fill: x.type,
    normalize=_shift_settings,
    grad=lambda g, y, x, axis, steps, fill: call("shift", g, axis=axis, steps=-steps),
    examples=lambda rng: [
        ((rng.normal(size=5),), {"steps": 2, "fill": 1}),
        ((rng.normal(size=(3, 4)),), {"axis": 1, "steps": -1}),
        ((rng.normal(size=(3, 4)),), {"axis": 1, "steps": 9}),
    ],
    cost=0,
    behind="cumprod",
)
def shift(xp: Any, x: Any, axis: Any = 0, steps: Any = 1, fill: Any = 0) -> Any:
    r"""Elements moved along an axis, :math:`y_i = x_{i - k}`, with one value in the places that nothing moves to.

    Parameters
    ----------
    x : Expr or array
        Of one axis or more.
    axis : int
        The axis to move along.
    steps : int
        How far, towards the end; towards the start if negative.
    fill : number
        What stands in the places left empty.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.shift([1.0, 2.0, 3.0]))()
    array([0., 1., 2.], dtype=float32)
    """
    length = x.shape[axis]
    count = min(abs(steps), length)
    empty = xp.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), fill, x.dtype)
    kept = slice(0, length - count) if steps > 0 else slice(count, length)
    part = x[(slice(None),) * axis + (kept,)]
    return xp.concatenate([empty, part] if steps > 0 else [part, empty], axis=axis)


def _recurrence_settings(a: Expr, b: Expr, axis: Any = 0, reverse: Any = False) -> dict[str, Any]:
    return {"axis": normalize_axis(axis, b.ndim, "recurrence", b), "reverse": bool(reverse)}


def _recurrence_type(a: Expr, b: Expr, axis: int, reverse: bool) -> Type:
    if a.shape != b.shape:
        raise ShapeError(f"recurrence: expected two of one shape. Received: {a}, {a.type}, and {b}, {b.type}")
    return b.type


def _recurrence_grad(g: Any, y: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    step = -1 if reverse else 1
    passed = recurrence(shift(a, axis=axis, steps=-step), g, axis=axis, reverse=not reverse)
    return passed * shift(y, axis=axis, steps=step), passed


def _recurrence_xla(xp: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """Combine pairs of steps, each of which is again a step, in a tree of logarithmic depth."""
    from jax.lax import associative_scan

    def after(first: Any, then: Any) -> Any:
        return first[0] * then[0], first[1] * then[0] + then[1]

    return associative_scan(after, (a, b), reverse=reverse, axis=axis)[1]


@op(
    tex=r"\operatorname{{recurrence}}({0:_}, {1:_})",
    infer=_recurrence_type,
    normalize=_recurrence_settings,
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
def recurrence(xp: Any, a: Any, b: Any, axis: Any = 0, reverse: Any = False) -> Any:
    r"""A linear recurrence along an axis, :math:`y_i = a_i \, y_{i-1} + b_i`, which starts at 0.

    It is what gradients of cumulative products are made of: those of a recurrence are recurrences.

    Parameters
    ----------
    a, b : Expr or array
        What each step multiplies by and what it adds, of one shape.
    axis : int
        The axis to go along.
    reverse : bool
        Whether to go from the end to the start.

    Returns
    -------
    Expr
        Of the same shape.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.recurrence([1.0, 0.5, 0.5], [8.0, 0.0, 1.0]))()
    array([8., 4., 3.], dtype=float32)

    References
    ----------
    G. E. Blelloch, Prefix sums and their applications, CMU-CS-90-190 (1990), section 1.4.
    """
    result = np.empty_like(b)
    factors, terms, places = (np.moveaxis(array, axis, 0) for array in (a, b, result))
    state = np.zeros_like(terms[:1]).sum(axis=0)
    order = range(len(terms))
    for i in reversed(order) if reverse else order:
        state = factors[i] * state + terms[i]
        places[i] = state
    return result


@public
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    r"""Differences of neighbours along an axis, :math:`x_{i+1} - x_i`, taken ``n`` times.

    Parameters
    ----------
    x : Expr or array
        Of one axis or more; neighbouring booleans differ or do not.
    n : int
        How many times.
    axis : int
        The axis to go along.

    Returns
    -------
    Expr
        Shorter by ``n`` along the axis.

    Raises
    ------
    ValueError
        If ``n`` is negative.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.diff([1.0, 4.0, 9.0]))()
    array([3., 5.], dtype=float32)
    """
    if n < 0:
        raise OptionError(f"diff: expected how many times, 0 or more. Received: n={n}")
    x = as_expr(x)
    lead = (slice(None),) * normalize_axis(axis, x.ndim, "diff", x)
    for _ in range(n):
        later, earlier = x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))]
        x = call("not_equal" if x.dtype == np.dtype(bool) else "subtract", later, earlier)
    return x
