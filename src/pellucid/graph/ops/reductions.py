r"""Functions of many elements: sums, means, extremes, along axes named as in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op import also, op
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import applied, function, method, over
from pellucid.graph.printing import ATOM, BIG, Piece
from pellucid.graph.types import Type, as_float, normalize_axes, normalize_axis


def reduced(x: Expr, axis: tuple[int, ...], keepdims: bool, dtype: Any = None) -> Type:
    """Return the type of a reduction."""
    shape = [1 if a in axis else d for a, d in enumerate(x.shape) if keepdims or a not in axis]
    return Type(tuple(shape), np.dtype(dtype or x.dtype))


def canonical(x: Expr, axis: Any = None, keepdims: bool = False) -> dict[str, Any]:
    """Write the axes of a reduction as a tuple counted from the front."""
    return {"axis": normalize_axes(axis, x.ndim, "a reduction", x), "keepdims": bool(keepdims)}


def spread(g: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Give a gradient of a reduction back the axes that were reduced, of length 1, so that it broadcasts."""
    return g if keepdims or not axis or g.ndim == 0 else call("expand_dims", g, axis=axis)


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1}), ((x,), {"axis": (0, -1), "keepdims": True})]


def per_input(operations: int) -> Any:
    """Return a cost of so many operations for each element of the first input."""
    return lambda node, size: operations * size(node.inputs[0])


def accumulated(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which NumPy adds and multiplies many elements: that of a word for what is smaller."""
    return np.zeros((), dtype).sum().dtype if dtype.kind in "biu" else dtype


def exact_count(x: Any, axis: tuple[int, ...]) -> Any:
    """Return the number of elements along axes, in a dtype that holds it: one of two bytes cannot hold large counts."""
    return call("size", x, axis=axis, dtype=x.dtype if x.dtype.itemsize > 2 else np.dtype("float32"))


@op(
    tex=over(r"\sum"),
    tex_precedence=BIG,
    text=method("sum"),
    infer=lambda x, axis, keepdims: reduced(x, axis, keepdims, accumulated(x.dtype)),
    normalize=canonical,
    grad=lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims),
    examples=_examples,
    cost=per_input(1),
)
def sum(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Sum over axes, :math:`\sum_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Of any shape; booleans and small integers are summed as 64-bit integers, as NumPy does.
    axis : int or tuple of int, optional
        The axes to sum over; all of them without it.
    keepdims : bool
        Whether they stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.sum(pel.matrix("x"), axis=1)
    x.sum(axis=1)
    """
    return xp.sum(x, axis=axis, keepdims=keepdims)


def _mean_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return spread(g, x, axis, keepdims) / exact_count(x, axis)


@op(
    tex=applied(r"\operatorname{mean}"),
    text=method("mean"),
    infer=lambda x, axis, keepdims: reduced(x, axis, keepdims, as_float(x.dtype)),
    normalize=canonical,
    promotes=True,
    floats=True,
    grad=_mean_grad,
    examples=_examples,
    cost=per_input(1),
)
def mean(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Arithmetic mean over axes, :math:`\frac{1}{n} \sum_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Of any shape; integers and booleans are taken as `config.floatx`.
    axis : int or tuple of int, optional
        The axes to average over; all of them without it.
    keepdims : bool
        Whether they stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.grad(pel.mean(x), x)
    broadcast_like(0.25, x)
    """
    return xp.mean(x, axis=axis, keepdims=keepdims)


def _extreme_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    best = spread(y, x, axis, keepdims)
    chosen = call("cast", call("equal", x, best), dtype=x.dtype)
    return spread(g, x, axis, keepdims) * chosen / call("sum", chosen, axis=axis, keepdims=True)


@also("amax")
@op(
    name="max",
    tex=applied(r"\max"),
    text=method("max"),
    infer=reduced,
    normalize=canonical,
    grad=_extreme_grad,
    examples=_examples,
    cost=per_input(1),
)
def max_(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Greatest element over axes, :math:`\max_i x_i`; equal ones share the gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.max(pel.matrix("x"), axis=1)
    x.max(axis=1)
    """
    return xp.max(x, axis=axis, keepdims=keepdims)


@also("amin")
@op(
    name="min",
    tex=applied(r"\min"),
    text=method("min"),
    infer=reduced,
    normalize=canonical,
    grad=_extreme_grad,
    examples=_examples,
    cost=per_input(1),
)
def min_(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Least element over axes, :math:`\min_i x_i`; equal ones share the gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.min(pel.matrix("x"), axis=1)
    x.min(axis=1)
    """
    return xp.min(x, axis=axis, keepdims=keepdims)


def _product_before(x: Any, axis: int) -> Any:
    return call("shift", call("cumprod", x, axis=axis), axis=axis, fill=1)


def _prod_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Multiply the others of each element: those before it and those after it, without a division that zeros forbid."""
    others = spread(g, x, axis, keepdims)
    for a in axis:
        after = call("flip", _product_before(call("flip", x, axis=a), a), axis=a)
        others = others * (_product_before(x, a) * after)
        x = call("prod", x, axis=a, keepdims=True)
    return others


@op(
    tex=over(r"\prod"),
    tex_precedence=BIG,
    text=method("prod"),
    infer=lambda x, axis, keepdims: reduced(x, axis, keepdims, accumulated(x.dtype)),
    normalize=canonical,
    grad=_prod_grad,
    examples=lambda rng: [
        *_examples(rng),
        ((np.array([[0.0, 2.0, -0.5], [0.0, 0.0, 3.0]]),), {"axis": 1}),
        ((np.array([[0.0, 2.0, -0.5], [1.5, 0.0, 3.0]]),), {}),
    ],
    cost=per_input(1),
)
def prod(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Product over axes, :math:`\prod_i x_i`; the gradient of an element is the product of the others.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.prod(pel.matrix("x"), axis=1)
    x.prod(axis=1)
    """
    return xp.prod(x, axis=axis, keepdims=keepdims)


def _one_axis(x: Expr, axis: Any = None, keepdims: Any = False) -> dict[str, Any]:
    one = None if axis is None else normalize_axis(axis, x.ndim, "argmax or argmin", x)
    return {"axis": one, "keepdims": bool(keepdims)}


def _index_type(x: Expr, axis: int | None, keepdims: bool) -> Type:
    return reduced(x, tuple(range(x.ndim)) if axis is None else (axis,), keepdims, np.int64)


def _axis_examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.5
    return [((x,), {}), ((x,), {"axis": 1}), ((x,), {"keepdims": True})]


def _index_method(name: str) -> Any:
    """Write ``x.argmax(axis=1)``, with the settings that are not their defaults."""

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        shown = [] if settings.get("axis") is None else [f"axis={settings['axis']}"]
        shown += ["keepdims=True"] if settings.get("keepdims") else []
        return [(operands[0], ATOM), f".{name}({', '.join(shown)})"]

    return text


@op(
    tex=applied(r"\operatorname{argmax}"),
    text=_index_method("argmax"),
    infer=_index_type,
    normalize=_one_axis,
    differentiable=False,
    examples=_axis_examples,
    cost=per_input(1),
)
def argmax(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Index of the greatest element, the first of equal ones, :math:`\operatorname{argmax}_i x_i`, as int64.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.argmax(pel.matrix("p"), axis=-1)
    p.argmax(axis=1)
    """
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@op(
    tex=applied(r"\operatorname{argmin}"),
    text=_index_method("argmin"),
    infer=_index_type,
    normalize=_one_axis,
    differentiable=False,
    examples=_axis_examples,
    cost=per_input(1),
)
def argmin(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Index of the least element, the first of equal ones, :math:`\operatorname{argmin}_i x_i`, as int64.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.argmin(pel.matrix("p"), axis=-1)
    p.argmin(axis=1)
    """
    return xp.argmin(x, axis=axis, keepdims=keepdims)


def _logsumexp_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return spread(g, x, axis, keepdims) * call("softmax", x, axis=axis)


@op(
    tex=applied(r"\operatorname{logsumexp}"),
    text=function("logsumexp"),
    infer=reduced,
    normalize=canonical,
    promotes=True,
    floats=True,
    compound=True,
    grad=_logsumexp_grad,
    examples=lambda rng: [
        *_examples(rng),
        ((np.array([1000.0, 0.0]),), {}),
        ((np.array([[-1000.0, -1000.0]]),), {"axis": 1}),
    ],
    cost=per_input(13),
)
def logsumexp(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Logarithm of a sum of exponentials, :math:`\log \sum_i e^{x_i}`, computed as
    :math:`m + \log \sum_i e^{x_i - m}` with :math:`m = \max_i x_i`, so that it neither overflows nor underflows.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int, optional
        The axes to sum over; all of them without it.
    keepdims : bool
        Whether they stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(pel.exp(x).sum()))
    logsumexp(x)

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, Accurately computing the log-sum-exp and softmax functions,
    IMA Journal of Numerical Analysis 41 (2021).
    """
    greatest = xp.max(x, axis=axis, keepdims=True)
    # An infinite score is its own logarithm of a sum, and would leave inf - inf if it were subtracted.
    greatest = xp.where(xp.abs(greatest) < np.inf, greatest, xp.zeros_like(greatest))
    total = xp.sum(xp.exp(x - greatest), axis=axis, keepdims=keepdims)
    return xp.log(total) + (greatest if keepdims else xp.squeeze(greatest, axis=axis))
