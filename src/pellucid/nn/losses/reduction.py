r"""From one value a sample to the number that is made small: means and sums, weights, and what does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, agree, as_expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.indexing import take
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import argmax, mean, sum
from pellucid.graph.ops.reshape import broadcast_like, expand_dims, squeeze
from pellucid.graph.types import is_float, shape_text
from pellucid.nn.dtypes import to_dtype

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


def check_reduction(reduction: str | None) -> str | None:
    """Return a way to reduce, or say which there are."""
    if reduction not in REDUCTIONS:
        raise OptionError(f"Expected a reduction out of {REDUCTIONS}. Received: reduction={reduction!r}")
    return reduction


def reduce_values(
    values: Any, sample_weight: Any = None, mask: Any = None, reduction: str | None = "sum_over_batch_size"
) -> Expr:
    r"""Make one number of one value a sample, :math:`\frac{1}{n} \sum_i w_i v_i`, as Keras does.

    Parameters
    ----------
    values : Expr, shape (...)
        One value a sample, or a step.
    sample_weight : Expr, array or list, optional
        :math:`w`, of the shape of the values or of their first axes.
    mask : Expr of booleans, optional
        What counts, of the shape of the values or of their first axes; the rest has no weight, and is left out of
        :math:`n`.
    reduction : str or None
        ``"sum_over_batch_size"`` or ``"mean"``: :math:`n` is how many values there are, whatever their weights.
        ``"mean_with_sample_weight"``: :math:`n = \sum_i w_i`. ``"sum"``: :math:`n = 1`. ``"none"`` or None: the values,
        weighted.

    Returns
    -------
    Expr
        A scalar, or for ``"none"`` of the shape of the values.

    Raises
    ------
    ValueError
        For another reduction.
    ShapeError
        If the weights or the mask are of no such shape.

    Examples
    --------
    >>> v, w = pel.vector("v", shape=("n",)), pel.vector("w", shape=("n",))
    >>> pel.function([v, w], reduce_values(v, w))([1.0, 2.0], [1.0, 3.0])
    np.float32(3.5)
    >>> pel.function([v, w], reduce_values(v, w, reduction="mean_with_sample_weight"))([1.0, 2.0], [1.0, 3.0])
    np.float32(1.75)
    """
    values = as_expr(values)
    weight = None if sample_weight is None else along(sample_weight, values, "sample_weight")
    counted = None if mask is None else along(mask, values, "mask")
    if counted is not None:
        weight = counted if weight is None else weight * counted
    weighted: Expr = values if weight is None else weight * values
    if check_reduction(reduction) in ("none", None):
        return weighted
    total: Expr = sum(weighted)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        counted = weight
    result: Expr = mean(weighted) if counted is None else divide_no_nan(total, sum(counted))
    return result


def along(weight: Any, values: Expr, what: str) -> Expr:
    """Return weights of samples, or of steps, as one for each value."""
    weight = to_dtype(as_expr(weight), values.dtype)
    while weight.ndim > 1 and weight.shape[-1] == 1:
        weight = squeeze(weight, axis=-1)
    if weight.ndim > values.ndim or not agree(weight.shape, values.shape[: weight.ndim]):
        raise ShapeError(
            f"Expected {what} to have the shape of the values, one for each sample, or of their first axes. Received: "
            f"{weight} of shape {shape_text(weight.shape)}, for values of shape {shape_text(values.shape)}"
        ).about([weight, values])
    while weight.ndim < values.ndim:
        weight = expand_dims(weight, -1)
    result: Expr = weight if weight.shape == values.shape else broadcast_like(weight, values)
    return result


def class_weight(y_true: Any, weights: Mapping[int, float] | Sequence[float]) -> Expr:
    r"""Weights of samples by their classes, :math:`w_{y}`, to be given as ``sample_weight``.

    Parameters
    ----------
    y_true : Expr, shape (...) or (..., classes)
        Labels, or one-hot columns (of real numbers).
    weights : dict from int to float, or sequence of float
        The weight of each class; classes that a dict leaves out weigh 1.

    Returns
    -------
    Expr, shape (...)
        One weight a sample.

    Raises
    ------
    ValueError
        If a class is below 0, or there is none.

    Examples
    --------
    >>> y = pel.ivector("y", shape=("n",))
    >>> pel.function([y], class_weight(y, {1: 3.0, 2: 0.5}))([0, 1, 2])
    array([1. , 3. , 0.5], dtype=float32)
    """
    y_true = as_expr(y_true)
    given = dict(weights) if isinstance(weights, Mapping) else dict(enumerate(weights))
    if not given or min(given) < 0:
        raise OptionError(f"Expected the weights of classes from 0 on. Received: {weights!r}")
    classes = y_true
    if is_float(y_true.dtype):
        columns = y_true.ndim > 1 and y_true.shape[-1] != 1
        classes = argmax(y_true, axis=-1) if columns else cast(y_true, dtype=np.int32)
    # One more place, for the classes beyond those that are named.
    table = [given.get(k, 1.0) for k in range(max(given) + 1)] + [1.0] * isinstance(weights, Mapping)
    result: Expr = take(table, classes, mode="clip")
    return result


def aggregate(loss: Any, weights: Any = None, mode: str = "mean") -> Expr:
    r"""Make one number of one value a sample, as Lasagne does: their mean, sum, or weighted mean.

    Parameters
    ----------
    loss : Expr
        One value a sample.
    weights : Expr, array or list, optional
        Factors, of a shape that broadcasts against the loss.
    mode : {"mean", "sum", "normalized_sum"}
        The last divides the sum by that of the weights.

    Returns
    -------
    Expr
        A scalar.

    Raises
    ------
    ValueError
        For another mode, or ``"normalized_sum"`` without weights.

    Examples
    --------
    >>> aggregate(pel.vector("v"), mode="sum")
    v.sum()
    """
    if mode not in ("mean", "sum", "normalized_sum"):
        raise OptionError(f"Expected a mode out of ('mean', 'sum', 'normalized_sum'). Received: mode={mode!r}")
    if mode == "normalized_sum" and weights is None:
        raise OptionError("aggregate: a normalized_sum is divided by the sum of the weights. Received: weights=None")
    loss = as_expr(loss)
    factors = None if weights is None else to_dtype(as_expr(weights), loss.dtype)
    weighted = loss if factors is None else loss * factors
    if mode == "normalized_sum":
        return sum(weighted) / sum(factors)  # type: ignore[no-any-return]
    result: Expr = mean(weighted) if mode == "mean" else sum(weighted)
    return result
