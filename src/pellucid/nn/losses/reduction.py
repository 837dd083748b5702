r"""Reduction of per-sample losses to a scalar, with sample weights and masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr, is_compatible_shape
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.indexing import take
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import argmax, mean, sum
from pellucid.graph.ops.reshape import broadcast_like, expand_dims, squeeze
from pellucid.graph.types import format_shape, is_float
from pellucid.nn.casts import to_dtype

__all__ = ["aggregate", "class_weight", "reduce_values"]

Reduction = Literal["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"]
"""Reduction of the losses of samples to a scalar; see `reduce_values`."""

REDUCTIONS = (*get_args(Reduction), None)

Aggregation = Literal["mean", "sum", "normalized_sum"]


def check_reduction(reduction: Reduction | None) -> Reduction | None:
    if reduction not in REDUCTIONS:
        raise OptionError(f"Expected reduction to be one of {REDUCTIONS}. Received: reduction={reduction!r}")
    return reduction


def reduce_values(
    values: Operand,
    sample_weight: Operand | None = None,
    mask: Operand | None = None,
    reduction: Reduction | None = "sum_over_batch_size",
) -> Expr:
    r"""Reduce per-sample values to a scalar, :math:`\frac{1}{n} \sum_i w_i v_i`, as in Keras.

    Parameters
    ----------
    values : Expr, shape (...)
        One value per sample or time step.
    sample_weight : Expr, array or list, optional
        Weights :math:`w`, of the shape of the values or of their leading axes.
    mask : Expr of booleans, optional
        False for values that the sum and :math:`n` exclude; of the shape of the values or of their leading axes.
    reduction : str or None
        ``"sum_over_batch_size"`` or ``"mean"``: :math:`n` is the number of values, whatever their weights.
        ``"mean_with_sample_weight"``: :math:`n = \sum_i w_i`. ``"sum"``: :math:`n = 1`. ``"none"`` or None: the
        weighted values.

    Returns
    -------
    Expr
        A scalar, or for ``"none"`` the shape of the values.

    Raises
    ------
    ValueError
        If the reduction is unknown.
    ShapeError
        If the shape of the weights or the mask does not match.

    Examples
    --------
    >>> v, w = pel.vector("v", shape=("n",)), pel.vector("w", shape=("n",))
    >>> pel.function([v, w], reduce_values(v, w))([1.0, 2.0], [1.0, 3.0])
    np.float32(3.5)
    >>> pel.function([v, w], reduce_values(v, w, reduction="mean_with_sample_weight"))([1.0, 2.0], [1.0, 3.0])
    np.float32(1.75)
    """
    values = as_expr(values)
    weight = None if sample_weight is None else broadcast_weights(sample_weight, values, "sample_weight")
    mask_weight = None if mask is None else broadcast_weights(mask, values, "mask")
    if mask_weight is not None:
        weight = mask_weight if weight is None else weight * mask_weight
    weighted: Expr = values if weight is None else weight * values
    if check_reduction(reduction) in ("none", None):
        return weighted
    total: Expr = sum(weighted)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        mask_weight = weight
    result: Expr = mean(weighted) if mask_weight is None else divide_no_nan(total, sum(mask_weight))
    return result


def broadcast_weights(weight: Operand, values: Expr, what: str) -> Expr:
    """Broadcast weights of samples or time steps to the values."""
    factors = to_dtype(as_expr(weight), values.dtype)
    while factors.ndim > 1 and factors.shape[-1] == 1:
        factors = squeeze(factors, axis=-1)
    if factors.ndim > values.ndim or not is_compatible_shape(factors.shape, values.shape[: factors.ndim]):
        raise ShapeError(
            f"Expected {what} to have the shape of the values or of their leading axes. Received: "
            f"{factors} of shape {format_shape(factors.shape)}, for values of shape {format_shape(values.shape)}"
        ).with_operands([factors, values])
    while factors.ndim < values.ndim:
        factors = expand_dims(factors, -1)
    result: Expr = factors if factors.shape == values.shape else broadcast_like(factors, values)
    return result


def class_weight(y_true: Operand, weights: Mapping[int, float] | Sequence[float]) -> Expr:
    r"""Sample weights from class weights, :math:`w_{y}`, to pass as ``sample_weight``.

    Parameters
    ----------
    y_true : Expr, shape (...) or (..., classes)
        Integer labels or one-hot floats.
    weights : dict from int to float, or sequence of float
        Weight of each class. Classes missing in a dict have weight 1.

    Returns
    -------
    Expr, shape (...)
        Weight of each sample.

    Raises
    ------
    ValueError
        If a class is negative, or the weights are empty.

    Examples
    --------
    >>> y = pel.ivector("y", shape=("n",))
    >>> pel.function([y], class_weight(y, {1: 3.0, 2: 0.5}))([0, 1, 2])
    array([1. , 3. , 0.5], dtype=float32)
    """
    y_true = as_expr(y_true)
    given = dict(weights) if isinstance(weights, Mapping) else dict(enumerate(weights))
    if not given or min(given) < 0:
        raise OptionError(f"Expected weights of non-negative classes. Received: {weights!r}")
    classes = y_true
    if is_float(y_true.dtype):
        columns = y_true.ndim > 1 and y_true.shape[-1] != 1
        classes = argmax(y_true, axis=-1) if columns else cast(y_true, dtype=np.int32)
    # A dict names some classes only: one more entry serves all larger labels.
    table = [given.get(k, 1.0) for k in range(max(given) + 1)] + [1.0] * isinstance(weights, Mapping)
    result: Expr = take(table, classes, mode="clip")
    return result


def aggregate(loss: Operand, weights: Operand | None = None, mode: Aggregation = "mean") -> Expr:
    r"""Reduce per-sample values to their mean, sum or weighted mean, as in Lasagne.

    Parameters
    ----------
    loss : Expr
        Loss of each sample.
    weights : Expr, array or list, optional
        Factors that broadcast to the loss.
    mode : {"mean", "sum", "normalized_sum"}
        ``"normalized_sum"`` divides the sum by the sum of the weights.

    Returns
    -------
    Expr
        A scalar.

    Raises
    ------
    ValueError
        If the mode is unknown, or ``"normalized_sum"`` is used without weights.

    Examples
    --------
    >>> aggregate(pel.vector("v"), mode="sum")
    v.sum()
    """
    if mode not in get_args(Aggregation):
        raise OptionError(f"Expected mode to be one of {get_args(Aggregation)}. Received: mode={mode!r}")
    if mode == "normalized_sum" and weights is None:
        raise OptionError("aggregate: mode='normalized_sum' needs weights. Received: weights=None")
    loss = as_expr(loss)
    factors = None if weights is None else to_dtype(as_expr(weights), loss.dtype)
    weighted = loss if factors is None else loss * factors
    if mode == "normalized_sum":
        return sum(weighted) / sum(factors)
    result: Expr = mean(weighted) if mode == "mean" else sum(weighted)
    return result
