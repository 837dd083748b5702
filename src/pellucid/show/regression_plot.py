"""The picture of numbers that were predicted against those that are true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import INK, PALETTE, grid, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS = 6
"""So many targets are drawn; the reading is about all."""


def predicted_against_true(truth: ArrayLike, said: ArrayLike, names: Sequence[str] = ()) -> Figure:
    """Draw each prediction over what is true; on the line both are the same.

    Parameters
    ----------
    truth, said
        Shape (n,) or (n, targets).
    names
        Of the targets.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a target.

    Examples
    --------
    >>> figure = predicted_against_true([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('price, true', 'price, predicted')
    """
    true, found = columns(truth, said)
    known = list(names) or [f"target {k}" for k in range(1, true.shape[1] + 1)]
    count = min(true.shape[1], MOST_PANELS)
    across, rows = grid(count, 3)
    figure = new_figure(4.6 if count == 1 else 3.4 * across, 4.4 if count == 1 else 3.3 * rows)
    for place in range(count):
        axes = plain_axes(
            figure.add_subplot(rows, across, place + 1), f"{known[place]}, true", f"{known[place]}, predicted"
        )
        ends = [true[:, place].min(), true[:, place].max()]
        axes.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.scatter(true[:, place], found[:, place], s=14, color=PALETTE[0], alpha=0.55, linewidths=0)
    return figure


def read_predicted(truth: ArrayLike, said: ArrayLike, names: Sequence[str] = ()) -> str:
    """Say how far predictions are from what is true, and to which side.

    Examples
    --------
    >>> print(read_predicted([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"]))
    price: from 1 to 3, and predicted from 1.5 to 2.5; on average 0.3333 away. High values are predicted too low and
    low ones too high: the slope of predictions over the truth is 0.50.
    """
    true, found = columns(truth, said)
    known = list(names) or [f"target {k}" for k in range(1, true.shape[1] + 1)]
    return " ".join(one(known[k], true[:, k], found[:, k]) for k in range(true.shape[1]))


def one(name: str, true: NDArray[Any], found: NDArray[Any]) -> str:
    """Say it of one target."""
    told = (
        f"{name}: from {true.min():.4g} to {true.max():.4g}, and predicted from {found.min():.4g} to "
        f"{found.max():.4g}; on average {np.abs(found - true).mean():.4g} away."
    )
    spread = ((true - true.mean()) ** 2).sum()
    if not spread:
        return told
    slope = float(((true - true.mean()) * (found - found.mean())).sum() / spread)
    if slope > 0.9:
        return told
    tilted = "High values are predicted too low and low ones too high: the slope of predictions over the truth is"
    return f"{told} {tilted} {slope:.2f}."


def columns(truth: ArrayLike, said: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as columns of floats."""
    true, found = (np.asarray(values, float) for values in (truth, said))
    if true.shape != found.shape or true.ndim not in (1, 2) or not len(true):
        raise OptionError(f"expected as many predictions as truths; received shapes {true.shape} and {found.shape}")
    return true.reshape(len(true), -1), found.reshape(len(found), -1)
