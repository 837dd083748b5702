"""Occlusion maps: how far a prediction drops where a part of the image is covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.show.plots.alt_text import describe_location
from pellucid.show.plots.plot_style import PLAIN, SIGNED, Canvas, draw_image, make_color_map
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


NEGLIGIBLE = 5e-4
"""Smaller changes of a score are not mentioned."""


@overload
def occlusion_map(image: Array, effects: Array, title: str = "", label: str = "drop", *, ax: None = None) -> Figure: ...
@overload
def occlusion_map(image: Array, effects: Array, title: str = "", label: str = "drop", *, ax: Axes) -> Axes: ...
def occlusion_map(
    image: Array, effects: Array, title: str = "", label: str = "drop", *, ax: Axes | None = None
) -> Figure | Axes:
    """Plot an image, and next to it how far its prediction drops where a pixel is covered.

    Parameters
    ----------
    image : array
        Shape (height, width) or (height, width, channels).
    effects : array
        Drop of the prediction, shape (height, width): positive (green) where the image supports it, and negative
        (purple) where it speaks against it.
    label : str
        Name of the effects.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> len(occlusion_map(np.zeros((4, 4)), np.eye(4), "a digit").axes)  # image, map and color bar
    3
    """
    if effects.shape != image.shape[:2]:
        raise OptionError(f"Expected an effect for each pixel. Received: {image.shape} and {effects.shape}")
    canvas = Canvas(ax, 5.6, 2.9)
    canvas.add_title(title)
    left, right = canvas.add_image_panel(1, 2, 0), canvas.add_image_panel(1, 2, 1)
    draw_image(left, image, float(image.min()), float(image.max()))
    left.set_title("image", fontsize=9, **PLAIN)
    limit = float(np.abs(effects).max()) or 1.0
    drawn = right.imshow(effects, cmap=make_color_map(*SIGNED), vmin=-limit, vmax=limit, interpolation="nearest")
    right.set_title("drop where covered", fontsize=9, **PLAIN)
    canvas.add_color_bar(drawn, [left, right], label)
    return canvas.result


def describe_occlusion(
    name: str, score: float, scores: Array, tops: Array, lefts: Array, size: int, probabilities: Array | None = None
) -> str:
    r"""Describe without which squares a score falls and rises most, with the probability then if it is given.

    Examples
    --------
    >>> scores, probabilities = np.array([[2.0, -1.4], [2.0, 2.5]]), np.array([[0.88, 0.2], [0.88, 0.92]])
    >>> text = describe_occlusion("cat", 2.0, scores, np.array([0, 2]), np.array([0, 2]), 2, probabilities)
    >>> print(text.replace(". ", ".\n"))
    4 squares of 2x2 pixels were covered in turn.
    Without rows 0 to 1, columns 2 to 3, in the upper right, cat falls most, from 2.00 to -1.40 (0.200).
    Without rows 2 to 3, columns 2 to 3, in the lower right, cat rises most, from 2.00 to 2.50 (0.920).
    """
    drops = score - scores
    sentences = [f"{drops.size} squares of {size}x{size} pixels were covered in turn."]
    for sign, verb in ((1, "falls"), (-1, "rises")):
        row, column = (int(i) for i in np.unravel_index(int((sign * drops).argmax()), drops.shape))
        if sign * drops[row, column] > NEGLIGIBLE * max(1.0, abs(score)):
            square = np.zeros(drops.shape)
            square[row, column] = 1.0
            top, left = int(tops[row]), int(lefts[column])
            place = f"rows {top} to {top + size - 1}, columns {left} to {left + size - 1}, {describe_location(square)}"
            then = "" if probabilities is None else f" ({probabilities[row, column]:.3f})"
            sentences.append(
                f"Without {place}, {name} {verb} most, from {score:.2f} to {scores[row, column]:.2f}{then}."
            )
    if len(sentences) == 1:
        sentences.append(f"None of them changes {name}.")
    return " ".join(sentences)
