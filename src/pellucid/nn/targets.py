"""Alignment of targets with predictions, for losses and metrics."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, as_expr, is_compatible_shape
from pellucid.graph.ops.permute import moveaxis
from pellucid.graph.ops.reshape import expand_dims, squeeze
from pellucid.graph.types import format_shape, is_float
from pellucid.nn.dtypes import to_dtype, to_float


def align_columns(y_true: Any, y_pred: Any, owner: str) -> tuple[Expr, Expr]:
    """Return targets and predictions with one shape ``(..., columns)`` and the float dtype of the prediction.

    One value per sample may have shape ``(n,)`` or ``(n, 1)``.

    Raises
    ------
    ShapeError
        If the shapes differ otherwise.
    """
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    if y_pred.ndim <= 1:
        y_pred = expand_dims(y_pred, -1)
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = expand_dims(y_true, -1)
    if not is_compatible_shape(y_true.shape, y_pred.shape):
        raise ShapeError(
            f"{owner}: expected y_true to have the shape of y_pred. Received: y_true={y_true} of shape "
            f"{format_shape(y_true.shape)} and y_pred={y_pred} of shape {format_shape(y_pred.shape)}"
            f"{suggest_one_hot(y_true, y_pred)}"
        ).with_operands([y_true, y_pred])
    y_pred = to_float(y_pred)
    return to_dtype(y_true, y_pred.dtype), y_pred


def align_labels(y_true: Any, y_pred: Any, owner: str, axis: int = -1) -> tuple[Expr, Expr]:
    """Return integer labels of shape ``(...)`` and predictions of shape ``(..., classes)``.

    Labels may also have shape ``(..., 1)``. The class axis of predictions is moved to the end.

    Raises
    ------
    DtypeError
        If the labels are not integers.
    ShapeError
        If the shapes do not match.
    """
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    if y_true.ndim == y_pred.ndim and -y_true.ndim <= axis < y_true.ndim and y_true.shape[axis] == 1:
        y_true = squeeze(y_true, axis=axis)
    if axis != -1:
        y_pred = moveaxis(y_pred, axis, -1)
    if not y_pred.ndim or not is_compatible_shape(y_true.shape, y_pred.shape[:-1]):
        raise ShapeError(
            f"{owner}: expected y_pred to have one more axis than y_true, for the classes. Received: y_true={y_true} "
            f"of shape {format_shape(y_true.shape)} and y_pred={y_pred} of shape {format_shape(y_pred.shape)}. "
            + explain_label_axes(y_true, y_pred)
        ).with_operands([y_true, y_pred])
    if y_true.dtype.kind not in "iu":
        raise DtypeError(
            f"{owner}: expected integer labels. Received: y_true={y_true}, which is {y_true.dtype}. "
            "Declare it with dtype='int32', or cast it with .astype('int32')"
        ).with_operands([y_true])
    return y_true, y_pred


def suggest_one_hot(y_true: Expr, y_pred: Expr) -> str:
    """Return a hint on one-hot encoding if the targets look like integer labels, else an empty string."""
    if is_float(y_true.dtype) or not is_compatible_shape(y_true.shape, y_pred.shape[:-1]):
        return ""
    return (
        f". Convert integer labels with pel.one_hot({y_true}, {y_pred.shape[-1]}), "
        "or use sparse_categorical_crossentropy or sparse_categorical_accuracy"
    )


def explain_label_axes(y_true: Expr, y_pred: Expr) -> str:
    """Return why labels may not fit predictions: swapped, one-hot, or predictions with too many axes."""
    if y_true.ndim == y_pred.ndim + 1:
        return "The arguments are (y_true, y_pred), in this order"
    if y_true.ndim == 1 and y_pred.ndim > 2:
        return "nn.Flatten() before the last layer, or a global pooling, gives one row per sample"
    return "For one-hot labels use categorical_crossentropy or categorical_accuracy"
