"""What is wanted held against what is predicted, for losses and metrics alike."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, agree, as_expr
from pellucid.graph.ops.permute import moveaxis
from pellucid.graph.ops.reshape import expand_dims, squeeze
from pellucid.graph.types import is_float, shape_text
from pellucid.nn.dtypes import as_real, to_dtype


def columns(y_true: Any, y_pred: Any, who: str) -> tuple[Expr, Expr]:
    """Return both in one shape ``(..., columns)`` and one dtype of real numbers, that of the prediction.

    One value a sample may be written ``(n,)`` or ``(n, 1)``.

    Raises
    ------
    ShapeError
        If the shapes differ otherwise; integer labels are told how to become columns.
    """
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    if y_pred.ndim <= 1:
        y_pred = expand_dims(y_pred, -1)
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = expand_dims(y_true, -1)
    if not agree(y_true.shape, y_pred.shape):
        raise ShapeError(
            f"{who}: expected y_true to have the shape of y_pred. Received: y_true={y_true} of shape "
            f"{shape_text(y_true.shape)} and y_pred={y_pred} of shape {shape_text(y_pred.shape)}"
            f"{_how_to_encode(y_true, y_pred)}"
        ).about([y_true, y_pred])
    y_pred = as_real(y_pred)
    return to_dtype(y_true, y_pred.dtype), y_pred


def labels(y_true: Any, y_pred: Any, who: str, axis: int = -1) -> tuple[Expr, Expr]:
    """Return integer labels of shape ``(...)`` and predictions of shape ``(..., classes)``.

    Labels may also be written ``(..., 1)``. Predictions whose classes lie along another axis are given so that they
    lie along the last.

    Raises
    ------
    DtypeError
        If the labels are no integers.
    ShapeError
        If the shapes do not belong together.
    """
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    if y_true.ndim == y_pred.ndim and -y_true.ndim <= axis < y_true.ndim and y_true.shape[axis] == 1:
        y_true = squeeze(y_true, axis=axis)
    if axis != -1:
        y_pred = moveaxis(y_pred, axis, -1)
    if not y_pred.ndim or not agree(y_true.shape, y_pred.shape[:-1]):
        raise ShapeError(
            f"{who}: expected y_pred to have one more axis than y_true, for the classes. Received: y_true={y_true} of "
            f"shape {shape_text(y_true.shape)} and y_pred={y_pred} of shape {shape_text(y_pred.shape)}; "
            "for one-hot columns use categorical_crossentropy or categorical_accuracy"
        ).about([y_true, y_pred])
    if y_true.dtype.kind not in "iu":
        raise DtypeError(
            f"{who}: expected integer labels. Received: y_true={y_true}, which is {y_true.dtype}; "
            "declare it with dtype='int32', or cast it with .astype('int32')"
        ).about([y_true])
    return y_true, y_pred


def _how_to_encode(y_true: Expr, y_pred: Expr) -> str:
    """Say how labels become columns, where that is what is missing."""
    if is_float(y_true.dtype) or not agree(y_true.shape, y_pred.shape[:-1]):
        return ""
    return (
        f"; integer labels become columns by pel.one_hot({y_true}, {y_pred.shape[-1]}), "
        "or use sparse_categorical_crossentropy or sparse_categorical_accuracy"
    )
