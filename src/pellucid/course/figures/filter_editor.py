"""A kernel to edit, over a handwritten digit."""

from __future__ import annotations

import numpy as np

from pellucid.live.interactive_figure import Figure
from pellucid.live.views.convolution import convolution

KERNELS: dict[str, list[list[float]]] = {
    "vertical edge": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal edge": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "blur": [[0, 0.2, 0], [0.2, 0.2, 0.2], [0, 0.2, 0]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
"""Vertical edges are positive where the image becomes brighter to the right."""


def filter_editor() -> Figure:
    """Edit a kernel of 3 x 3 numbers over a handwritten digit, and see the feature map and the sums behind it.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.filter_editor().title
    'Filters'
    """
    import pellucid as pel

    pixels, labels = pel.data.mnist("test")
    rows = [int(np.flatnonzero(labels == digit)[0]) for digit in (7, 0, 1, 2, 3, 4, 5, 6, 8, 9)]
    names = [f"digit {labels[row]}" for row in rows]
    return Figure(
        views=[convolution(pixels[rows], KERNELS, names=names, title="A kernel over a digit")],
        title="Filters",
        description="A kernel moves over a digit. Each number of the feature map is a sum of nine products.",
    )
