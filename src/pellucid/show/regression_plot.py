"""Prediction error plot of regression targets, and its description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import INK, PALETTE, compute_grid, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PANELS = 6
"""Maximum number of targets in the figure. The description covers all."""


def prediction_errors(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = ()) -> Figure:
    """Plot predicted over true values, one panel per target. Correct predictions are on the dashed line.

    Values have the shape (n,) or (n, targets); ``names`` are those of the targets.

    Examples
    --------
    >>> figure = prediction_errors([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('true price', 'predicted price')
    """
    x, y = to_columns(truth, predicted)
    labels = list(names) or [f"target {k}" for k in range(1, x.shape[1] + 1)]
    count = min(x.shape[1], MAX_PANELS)
    columns, rows = compute_grid(count, 3)
    figure = new_figure(4.6 if count == 1 else 3.4 * columns, 4.4 if count == 1 else 3.3 * rows)
    for k in range(count):
        axes = figure.add_subplot(rows, columns, k + 1)
        style_axes(axes, f"true {labels[k]}", f"predicted {labels[k]}")
        ends = [x[:, k].min(), x[:, k].max()]
        axes.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.scatter(x[:, k], y[:, k], s=14, color=PALETTE[0], alpha=0.55, linewidths=0)
    return figure


def describe_prediction_errors(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = ()) -> str:
    """Describe the size and the bias of prediction errors.

    Examples
    --------
    >>> print(describe_prediction_errors([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"]))
    price: true values from 1 to 3, predicted values from 1.5 to 2.5, mean absolute error 0.3333. The slope of
    predicted over true values is 0.50 instead of 1.
    """
    x, y = to_columns(truth, predicted)
    labels = list(names) or [f"target {k}" for k in range(1, x.shape[1] + 1)]
    return " ".join(describe_target(labels[k], x[:, k], y[:, k]) for k in range(x.shape[1]))


def describe_target(name: str, truth: NDArray[Any], predicted: NDArray[Any]) -> str:
    description = (
        f"{name}: true values from {truth.min():.4g} to {truth.max():.4g}, predicted values from "
        f"{predicted.min():.4g} to {predicted.max():.4g}, mean absolute error {np.abs(predicted - truth).mean():.4g}."
    )
    variation = ((truth - truth.mean()) ** 2).sum()
    if not variation:
        return description
    slope = float(((truth - truth.mean()) * (predicted - predicted.mean())).sum() / variation)
    if slope > 0.9:
        return description
    return f"{description} The slope of predicted over true values is {slope:.2f} instead of 1."


def to_columns(truth: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = (np.asarray(values, float) for values in (truth, predicted))
    if x.shape != y.shape or x.ndim not in (1, 2) or not len(x):
        raise OptionError(f"expected true and predicted values of one shape; received {x.shape} and {y.shape}")
    return x.reshape(len(x), -1), y.reshape(len(y), -1)
