"""The picture of what in an image an answer hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import INK, colour_scale, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def magnitude(gradient: ArrayLike) -> NDArray[Any]:
    """Return the size of a gradient at every pixel: the greatest over its channels, shape (height, width).

    Examples
    --------
    >>> magnitude([[[1.0, -3.0], [0.0, 0.5]]])
    array([[3. , 0.5]])
    """
    slopes = np.abs(np.asarray(gradient, dtype=float))
    return np.asarray(slopes if slopes.ndim == 2 else slopes.max(axis=-1))


def saliency_map(
    images: ArrayLike, gradients: ArrayLike, titles: Sequence[str] = (), title: str = "", columns: int = 4
) -> Figure:
    r"""Draw images, and below each how much its answer changes with every pixel, :math:`|\partial s / \partial x|`.

    Parameters
    ----------
    images
        Shape (n, height, width) or (n, height, width, channels).
    gradients
        Of the answers by the images, of their shape.
    titles
        What stands above each image.
    title
        Stands above the picture.
    columns
        Images in a row.

    Returns
    -------
    matplotlib.figure.Figure
        The picture; every map has a scale of its own, from nothing to its greatest.

    Examples
    --------
    >>> figure = saliency_map(np.zeros((2, 4, 4)), np.ones((2, 4, 4)), ["a", "b"])
    >>> len(figure.axes)  # two images, two maps and a scale
    5
    """
    pixels, slopes = np.asarray(images), np.asarray(gradients, dtype=float)
    if pixels.shape != slopes.shape or pixels.ndim not in (3, 4):
        raise OptionError(f"expected images and gradients of one shape; received {pixels.shape} and {slopes.shape}")
    if titles and len(titles) != len(pixels):
        raise OptionError(f"expected a title for each of {len(pixels)} images; received {len(titles)}")
    columns = min(columns, len(pixels))
    bands = -(-len(pixels) // columns)
    lines = max((text.count("\n") + 1 for text in titles), default=0)
    figure = new_figure(1.6 * columns + 0.6, (3.1 + 0.22 * lines) * bands + 0.4 * bool(title))
    figure.suptitle(title, fontsize=11, color=INK)
    maps = []
    for number, (picture, slope) in enumerate(zip(pixels, slopes, strict=True)):
        band, column = divmod(number, columns)
        above = figure.add_subplot(2 * bands, columns, 2 * band * columns + column + 1)
        above.set_axis_off()
        above.imshow(as_shown(picture), cmap="gray", interpolation="nearest")
        if titles:
            above.set_title(titles[number], fontsize=8.5, color=INK, pad=3)
        below = figure.add_subplot(2 * bands, columns, (2 * band + 1) * columns + column + 1)
        below.set_axis_off()
        size = magnitude(slope)
        image = below.imshow(size / (size.max() or 1.0), cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        maps.append(below)
    colour_scale(figure, image, maps, aspect=30)
    return figure


def as_shown(picture: NDArray[Any]) -> NDArray[Any]:
    """Return an image with its values from 0 to 1, without an axis for a single channel."""
    flat = picture[..., 0] if picture.ndim == 3 and picture.shape[-1] != 3 else picture
    low, high = float(flat.min()), float(flat.max())
    if flat.dtype == np.uint8:
        return np.asarray(flat / 255)
    return np.asarray((flat - low) / ((high - low) or 1.0))
