"""Checks of targets against the loss, the metrics and the last layer of a model."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import numpy as np

from pellucid.graph.errors import TrainingWarning
from pellucid.graph.expr import Expr
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.types import format_shape, is_float
from pellucid.model.compile_config import OutputConfig
from pellucid.model.errors import ModelError
from pellucid.nn import losses, metrics
from pellucid.nn.lint.graph_queries import skip_pass_through
from pellucid.nn.losses import Loss, LossFunction
from pellucid.nn.metrics import Metric, MetricFunction
from pellucid.training.data_sources.conversion import ValueRange, ValueRanges
from pellucid.typing import Array


def get_target_dtype(array: Array, output: Expr) -> np.dtype[np.generic]:
    """Return the dtype in which the loss sees the targets."""
    return output.dtype if is_float(array.dtype) else np.dtype(np.int32)


def get_loss_function(loss: Loss | LossFunction | None) -> Loss | LossFunction | None:
    """Return the function behind a loss, whatever its settings."""
    if isinstance(loss, losses.Loss):
        return type(loss).function or loss
    return loss.func if isinstance(loss, functools.partial) else loss


def takes_labels(loss: Loss | LossFunction | None) -> bool:
    """Whether the loss compares integer labels with columns of the output."""
    return RANGE_CHECKS.get(get_loss_function(loss)) is check_labels


def check_columns(array: Array, output: Expr, loss: str, name: str) -> None:
    """Refuse labels where the loss needs columns."""
    count = output.shape[-1]
    is_label = array.ndim == output.ndim - 1 or (array.ndim == output.ndim and array.shape[-1] == 1)
    if count != 1 and is_label and not is_float(array.dtype):
        raise ModelError(
            f"The loss {loss} needs targets with {count} columns, like the output of the model. Received: "
            f"{name} of shape {format_shape(array.shape)}, integer labels. One-hot encode them with "
            f"np.eye({count}, dtype='float32')[{name.split()[-1]}], or compile with "
            "loss='sparse_categorical_crossentropy', which takes labels"
        )


def check_labels(array: Array, output: Expr, loss: str, name: str, limits: ValueRange) -> None:
    """Refuse labels without a column in the output, for which a compiled program would silently take the nearest."""
    count = output.shape[-1] if output.ndim else None
    low, high = limits
    if isinstance(count, int) and not is_float(array.dtype) and not 0 <= low <= high < count:
        raise ModelError(
            f"The loss {loss} takes labels from 0 to {count - 1}, for the {count} columns of the model's output. "
            f"Received: {name} with labels from {low} to {high}"
            + (
                ". For a single sigmoid unit, use binary_crossentropy"
                if count == 1
                else "; renumber them with np.unique(y, return_inverse=True)[1]" * bool(low > 0)
            )
        )


def check_probabilities(array: Array, output: Expr, loss: str, name: str, limits: ValueRange) -> None:
    low, high = limits
    if not 0 <= low <= high <= 1:
        hint = ""
        if low == -1 and high == 1:
            hint = "; map labels -1 and 1 to 0 and 1 by (y + 1) / 2, or use the loss hinge, which takes them"
        raise ModelError(
            f"The loss {loss} takes targets in [0, 1]. Received: {name} with values from {low} to {high}{hint}"
        )


def warn_about_accuracy(config: OutputConfig, output: Expr, target: Array, name: str, ranges: ValueRanges) -> None:
    """Warn of an accuracy of numbers: it compares one column with the labels 0 and 1."""
    functions = [get_metric_function(m) for m in (*config.metrics.values(), *config.weighted_metrics.values())]
    if not output.ndim or output.shape[-1] != 1 or not {metrics.accuracy, metrics.binary_accuracy} & set(functions):
        return
    low, high = ranges.get(target)
    is_regression = get_loss_function(config.loss) in REGRESSION_LOSSES and is_float(target.dtype)
    if low < 0 or high > 1 or (is_regression and (target != np.round(target)).any()):
        warnings.warn(
            f"The metric accuracy compares a single column with the labels 0 and 1. Received: {name} with values from "
            f"{low:g} to {high:g}. For numbers, use metrics=['mae']; for labels -1 and 1, map them to "
            "0 and 1 by (y + 1) / 2",
            TrainingWarning,
            stacklevel=get_user_stacklevel(),
        )


def warn_about_unreachable_targets(
    loss: Loss | LossFunction | None, output: Expr, target: Array, name: str, ranges: ValueRanges
) -> None:
    """Warn of numbers that the activation of the last layer cannot return."""
    activation = skip_pass_through(output)
    low, high = OUTPUT_RANGES.get(activation.op.name if activation.op is not None else "", (-np.inf, np.inf))
    if get_loss_function(loss) not in REGRESSION_LOSSES or (low, high) == (-np.inf, np.inf):
        return
    margin, limits = OUTPUT_MARGIN if high == np.inf else OUTPUT_MARGIN * (high - low), ranges.get(target)
    if low - margin <= limits.low and limits.high <= high + margin:
        return
    share = ((target < low - margin) | (target > high + margin)).mean()
    if share > MAX_UNREACHABLE_SHARE:
        assert activation.op is not None
        warnings.warn(
            f"The model ends with a {activation.op.name}, whose values are from {low:g} to {high:g}, and {share:.0%} "
            f"of the targets are beyond: {name} has values from {limits.low:g} to {limits.high:g}. Leave out the "
            "activation of the last layer, or scale the targets",
            TrainingWarning,
            stacklevel=get_user_stacklevel(),
        )


def get_metric_function(metric: Metric | MetricFunction) -> Loss | LossFunction | None:
    """Return the function behind a metric."""
    return getattr(metric, "function", metric)


COLUMN_LOSSES: set[LossFunction] = {
    losses.binary_crossentropy,
    losses.categorical_crossentropy,
    losses.mean_absolute_error,
    losses.mean_squared_error,
}
"""Losses that compare columns with columns."""

OUTPUT_RANGES = {"relu": (0.0, np.inf), "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Ranges of activations that a last layer may have, by op."""

OUTPUT_MARGIN, MAX_UNREACHABLE_SHARE = 0.1, 0.1
"""Share of the range by which targets may be beyond it, and share of the targets that may be."""

REGRESSION_LOSSES: set[LossFunction] = {
    *(losses.mean_absolute_error, losses.mean_squared_error, losses.huber, losses.log_cosh),
    *(losses.mean_absolute_percentage_error, losses.mean_squared_logarithmic_error),
}
"""Losses of numbers, of which an accuracy says nothing."""

RANGE_CHECKS: dict[LossFunction | None, Callable[[Array, Expr, str, str, ValueRange], None]] = {
    losses.binary_crossentropy: check_probabilities,
    losses.categorical_crossentropy: check_probabilities,
    losses.sparse_categorical_crossentropy: check_labels,
}
"""Checks of the values of targets, by loss."""
