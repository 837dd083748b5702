"""Still pictures of images and of wrong predictions, described in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pellucid.show.figure import Picture
from pellucid.show.plots import image_grid

__all__ = ["draw_images"]


def draw_images(images: Any, titles: Sequence[str], columns: int = 5) -> Picture:
    """Draw images in a grid, each with a title.

    Parameters
    ----------
    images : array, shape (n, height, width) or (n, height, width, 3)
        Floats from 0 to 1, or uint8.
    titles : sequence of str
        One title for each image.
    columns : int
        Images in a row.

    Examples
    --------
    >>> import numpy as np
    >>> print(draw_images(np.zeros((3, 8, 8)), ["cat", "dog", "dog"]))
    3 images: cat (1), dog (2).
    """
    counts = ", ".join(f"{title} ({count})" for title, count in Counter(titles).items())
    reading = f"{len(titles)} images: {counts}."
    return Picture(image_grid(images, list(titles), columns=columns), reading, "images with their titles")
