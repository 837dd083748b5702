"""Alignment of targets with predictions, for losses and metrics."""

from __future__ import annotations

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr, is_compatible_shape
from pellucid.graph.ops.permute import moveaxis
from pellucid.graph.ops.reshape import expand_dims, squeeze
from pellucid.graph.types import format_shape, is_float
from pellucid.nn.casts import to_dtype, to_float


def align_columns(y_true: Operand, y_pred: Operand, owner: str) -> tuple[Expr, Expr]:
    """Return targets and predictions with one shape ``(..., columns)`` and the float dtype of the prediction.

    One value per sample may have shape ``(n,)`` or ``(n, 1)``.

    Raises
    ------
    ShapeError
        If the shapes differ otherwise.
    """
    target, prediction = as_expr(y_true), as_expr(y_pred)
    if prediction.ndim <= 1:
        prediction = expand_dims(prediction, -1)
    if target.ndim == prediction.ndim - 1 and prediction.shape[-1] == 1:
        target = expand_dims(target, -1)
    if not is_compatible_shape(target.shape, prediction.shape):
        raise ShapeError(
            f"{owner}: expected y_true to have the shape of y_pred. Received: y_true={target} of shape "
            f"{format_shape(target.shape)} and y_pred={prediction} of shape {format_shape(prediction.shape)}"
            f"{suggest_one_hot(target, prediction)}"
        ).with_operands([target, prediction])
    prediction = to_float(prediction)
    return to_dtype(target, prediction.dtype), prediction


def align_labels(y_true: Operand, y_pred: Operand, owner: str, axis: int = -1) -> tuple[Expr, Expr]:
    """Return integer labels of shape ``(...)`` and predictions of shape ``(..., classes)``.

    Labels may also have shape ``(..., 1)``. The class axis of predictions is moved to the end.

    Raises
    ------
    DtypeError
        If the labels are not integers.
    ShapeError
        If the shapes do not match.
    """
    target, prediction = as_expr(y_true), as_expr(y_pred)
    if target.ndim == prediction.ndim and -target.ndim <= axis < target.ndim and target.shape[axis] == 1:
        target = squeeze(target, axis=axis)
    if axis != -1:
        prediction = moveaxis(prediction, axis, -1)
    if not prediction.ndim or not is_compatible_shape(target.shape, prediction.shape[:-1]):
        raise ShapeError(
            f"{owner}: expected y_pred to have one more axis than y_true, for the classes. Received: y_true={target} "
            f"of shape {format_shape(target.shape)} and y_pred={prediction} of shape {format_shape(prediction.shape)}. "
            + explain_label_axes(target, prediction)
        ).with_operands([target, prediction])
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{owner}: expected integer labels. Received: y_true={target}, which is {target.dtype}. "
            "Declare it with dtype='int32', or cast it with .astype('int32')"
        ).with_operands([target])
    return target, prediction


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
