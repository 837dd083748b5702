"""Saliency maps: how much a class score changes with each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.errors import OptionError
from pellucid.show.plots.plot_style import PLAIN, Canvas, compute_grid, draw_image
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def gradient_magnitude(gradient: ArrayLike) -> Array:
    """Return the absolute gradient of each pixel, the maximum over its channels, shape (height, width).

    Examples
    --------
    >>> gradient_magnitude([[[1.0, -3.0], [0.0, 0.5]]])
    array([[3. , 0.5]])
    """
    sizes = np.abs(np.asarray(gradient, dtype=float))
    return np.asarray(sizes if sizes.ndim == 2 else sizes.max(axis=-1))


@overload
def saliency_map(
    images: ArrayLike,
    gradients: ArrayLike,
    titles: Sequence[str] = (),
    title: str = "",
    columns: int = 4,
    *,
    ax: None = None,
) -> Figure: ...
@overload
def saliency_map(
    images: ArrayLike, gradients: ArrayLike, titles: Sequence[str] = (), title: str = "", columns: int = 4, *, ax: Axes
) -> Axes: ...
def saliency_map(
    images: ArrayLike,
    gradients: ArrayLike,
    titles: Sequence[str] = (),
    title: str = "",
    columns: int = 4,
    *,
    ax: Axes | None = None,
) -> Figure | Axes:
    r"""Plot images with the gradients of their scores below, :math:`|\partial s / \partial x|`.

    Parameters
    ----------
    images : array
        Shape (n, height, width) or (n, height, width, channels).
    gradients : array
        Gradients of the scores with respect to the images. Each has its own scale from zero to its maximum.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = saliency_map(np.zeros((2, 4, 4)), np.ones((2, 4, 4)), ["a", "b"])
    >>> len(figure.axes)  # two images, two maps and a color bar
    5
    """
    pixels, gradients = np.asarray(images), np.asarray(gradients, dtype=float)
    if pixels.shape != gradients.shape or pixels.ndim not in (3, 4):
        raise OptionError(f"Expected images and gradients of one shape. Received: {pixels.shape} and {gradients.shape}")
    if titles and len(titles) != len(pixels):
        raise OptionError(f"Expected a title for each of {len(pixels)} images. Received: {len(titles)}")
    columns, bands = compute_grid(len(pixels), columns)
    lines = max((text.count("\n") + 1 for text in titles), default=0)
    canvas = Canvas(ax, 1.6 * columns + 0.6, (3.1 + 0.22 * lines) * bands + 0.4 * bool(title))
    canvas.add_title(title)
    maps = []
    for number, (image, gradient) in enumerate(zip(pixels, gradients, strict=True)):
        band, column = divmod(number, columns)
        upper = canvas.add_image_panel(2 * bands, columns, 2 * band * columns + column)
        draw_image(upper, image, float(image.min()), float(image.max()))
        if titles:
            upper.set_title(titles[number], fontsize=8.5, pad=3, **PLAIN)
        lower = canvas.add_image_panel(2 * bands, columns, (2 * band + 1) * columns + column)
        size = gradient_magnitude(gradient)
        drawn = lower.imshow(size / (size.max() or 1.0), cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        maps.append(lower)
    canvas.add_color_bar(drawn, maps, "gradient / maximum", aspect=30)
    return canvas.result
