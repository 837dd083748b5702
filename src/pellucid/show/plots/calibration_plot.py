"""Reliability curve: how often predictions are right, over their probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.errors import OptionError
from pellucid.show.plots.plot_style import FAINT, INK, PALETTE, Canvas, style_axes
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@overload
def reliability_curve(
    samples: ArrayLike, probability: ArrayLike, right: ArrayLike, subject: str = "", *, ax: None = None
) -> Figure: ...
@overload
def reliability_curve(
    samples: ArrayLike, probability: ArrayLike, right: ArrayLike, subject: str = "", *, ax: Axes
) -> Axes: ...
def reliability_curve(
    samples: ArrayLike, probability: ArrayLike, right: ArrayLike, subject: str = "", *, ax: Axes | None = None
) -> Figure | Axes:
    """Plot the fraction of right predictions over their mean probability, in bins.

    Calibrated predictions are on the dashed line. The area of a marker shows the number of samples, and its bar the
    binomial standard error.

    Parameters
    ----------
    samples, probability, right : array
        For each bin: number of samples, their mean probability, and how many predictions are right.
    subject : str
        The class whose probability it is; by default the most probable one of each sample.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = reliability_curve([10, 20], [0.3, 0.8], [2, 17], "spam")
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('probability of spam', 'fraction of spam')
    """
    count, mean, fraction = to_bins(samples, probability, right)
    canvas = Canvas(ax, 4.6, 4.4)
    x_label = f"probability of {subject or 'the most probable class'}"
    axes = style_axes(canvas.add_axes(), x_label, f"fraction of {subject}" if subject else "fraction that is right")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(
        mean, fraction, np.sqrt(mean * (1 - mean) / count), color=FAINT, linestyle="none", linewidth=1.5, zorder=2
    )
    axes.plot(mean, fraction, color=PALETTE[0], linewidth=1.2, zorder=3)
    axes.scatter(mean, fraction, s=20 + 180 * count / count.max(), color=PALETTE[0], alpha=0.8, linewidths=0, zorder=4)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    return canvas.result


def describe_calibration(samples: ArrayLike, probability: ArrayLike, right: ArrayLike, subject: str = "") -> str:
    """Describe the calibration error, and the bin that contributes most to it.

    Examples
    --------
    >>> print(describe_calibration([10, 20], [0.3, 0.8], [2, 18], "spam"))
    The expected calibration error of the probability of spam is 0.100 on 30 samples. It is largest near a probability
    of 0.80, where 18 of 20 are spam.
    """
    count, mean, fraction = to_bins(samples, probability, right)
    gaps = count * np.abs(fraction - mean) / count.sum()
    worst = int(gaps.argmax())
    return (
        f"The expected calibration error of the probability of "
        f"{subject or 'the most probable class'} is {gaps.sum():.3f} on {int(count.sum()):,} "
        f"samples. It is largest near a probability of {mean[worst]:.2f}, where "
        f"{round(count[worst] * fraction[worst]):,} of {int(count[worst]):,} are {subject or 'right'}."
    )


def to_bins(samples: ArrayLike, probability: ArrayLike, right: ArrayLike) -> tuple[Array, Array, Array]:
    """Return samples, mean probability and fraction of right predictions of bins that have samples."""
    count, mean, hits = (np.asarray(values, float) for values in (samples, probability, right))
    if count.ndim != 1 or not count.shape == mean.shape == hits.shape or not (count > 0).all() or not len(count):
        raise OptionError(
            "Expected samples, probability and right for each bin, with one or more samples in a bin. Received shapes: "
            f"{count.shape}, {mean.shape} and {hits.shape}"
        )
    return count, mean, hits / count
