"""Still pictures of training: losses over steps, losses over settings, and bias and variance, described in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from pellucid.show.pages.input_values import format_number
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plots import bias_and_variance, learning_curves

__all__ = ["draw_bias_and_variance", "draw_losses", "draw_settings"]


def draw_losses(curves: Mapping[str, ArrayLike], every: int = 1, y_label: str = "mean cross-entropy") -> Picture:
    """Plot losses over the steps of training.

    Parameters
    ----------
    curves : mapping from str to array, shape (t,)
        Losses by name, measured at the steps 0, ``every``, 2 ``every`` and so on.
    every : int
        Number of steps between two values.
    y_label : str
        Label of the vertical axis.

    Examples
    --------
    >>> print(draw_losses({"training": [0.7, 0.3], "validation": [0.7, 0.4, 0.5]}, every=10))
    training: 0.7 at step 0, 0.3 at step 10. validation: 0.7 at step 0, 0.5 at step 20; the lowest is 0.4 at step 10.
    """
    pairs, sentences = {}, []
    for name, curve in curves.items():
        values = np.asarray(curve, dtype=float)
        steps, low = every * np.arange(len(values)), int(values.argmin())
        pairs[name] = (steps, values)
        sentence = (
            f"{name}: {format_number(values[0], 3)} at step 0, {format_number(values[-1], 3)} at step {steps[-1]}"
        )
        if low < len(values) - 1:
            sentence += f"; the lowest is {format_number(values[low], 3)} at step {steps[low]}"
        sentences.append(sentence + ".")
    return Picture(learning_curves(pairs, "step", y_label), " ".join(sentences), "losses over the steps")


def draw_settings(
    settings: Sequence[float], curves: Mapping[str, ArrayLike], x_label: str, y_label: str = "mean cross-entropy"
) -> Picture:
    """Plot a loss over the values of a setting, with logarithmic axes.

    Parameters
    ----------
    settings : sequence of float
        Values of the setting, positive.
    curves : mapping from str to array
        Losses by name, one for each value.
    x_label, y_label : str
        Labels of the axes.

    Examples
    --------
    >>> print(draw_settings([0.1, 1, 10], {"validation": [0.5, 0.2, 0.4]}, "strength"))
    validation is lowest at strength 1, where it is 0.2, and highest at strength 0.1, where it is 0.5.
    """
    x = np.asarray(settings, dtype=float)
    sentences = []
    for name, curve in curves.items():
        values = np.asarray(curve, dtype=float)
        low, high = int(values.argmin()), int(values.argmax())
        sentences.append(
            f"{name} is lowest at {x_label} {x[low]:g}, where it is {format_number(values[low], 3)}, and highest at "
            f"{x_label} {x[high]:g}, where it is {format_number(values[high], 3)}."
        )
    pairs = {name: (x, np.asarray(curve, dtype=float)) for name, curve in curves.items()}
    return Picture(learning_curves(pairs, x_label, y_label, logarithmic=True), " ".join(sentences), y_label)


def draw_bias_and_variance(strengths: Sequence[float], estimates: ArrayLike, truth: float) -> Picture:
    """Plot estimates of a probability, their squared bias and their variance over the regularization strength.

    Parameters
    ----------
    strengths : sequence of float
        Positive, shape (s,).
    estimates : array
        A row for each strength, a column for each data set: shape (s, r).
    truth : float
        The true probability.

    Examples
    --------
    >>> picture = draw_bias_and_variance([0.01, 0.1], [[0.5, 0.9], [0.2, 0.8]], 0.6)
    >>> str(picture).split(". ")[1]
    'At strength 0.1: squared bias 0.01, variance 0.09, sum 0.1.'
    """
    values = np.asarray(estimates, dtype=float)
    bias, variance = (values.mean(axis=1) - truth) ** 2, values.var(axis=1)
    reading = " ".join(
        f"At strength {s:g}: squared bias {format_number(b, 3)}, variance {format_number(v, 3)}, "
        f"sum {format_number(b + v, 3)}."
        for s, b, v in zip(strengths, bias, variance, strict=True)
    )
    figure = bias_and_variance(
        strengths, values, truth, y_label="probability of the lower moon", truth_label="true probability"
    )
    return Picture(figure, reading, "bias and variance")
