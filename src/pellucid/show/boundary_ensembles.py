"""The picture of many boundaries at once: what a method makes of one sample of the data after another."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.show.plot_style import INK, MARKERS, PALETTE, mesh, panels, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Probability = Callable[[NDArray[Any]], ArrayLike]


def boundary_bundles(
    bundles: Mapping[str, Probability], X: ArrayLike, y: ArrayLike, truth: Probability | None = None, columns: int = 3
) -> "Figure":
    """Draw bundles of boundaries over points, a panel each; each boundary is where a probability passes one half.

    Parameters
    ----------
    bundles
        By title, a function from points, shape (m, 2), to the probability of class 1 that each of r classifiers gives
        them, shape (r, m).
    X, y
        Points to draw below, shape (n, 2), and their classes 0 and 1, shape (n,).
    truth
        From points, shape (m, 2), to their true probability of class 1, shape (m,); its boundary is drawn in black.
    columns
        Panels in a row.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Examples
    --------
    >>> def lines(X):  # two upright lines
    ...     return [X[:, 0] > 0.1, X[:, 0] > 0.3]
    >>> figure = boundary_bundles({"two lines": lines}, [[0.0, 0.0], [1.0, 1.0]], [0, 1])
    >>> figure.axes[0].get_title(loc="left")
    'two lines'
    """
    points, classes = np.asarray(X), np.asarray(y)
    figure, drawn = panels(len(bundles), columns)
    across, up = mesh(points, 120)
    everywhere = np.column_stack([across.ravel(), up.ravel()]).astype(points.dtype)
    for axes, (title, probability) in zip(drawn, bundles.items(), strict=True):
        plain_axes(axes, "", "", title, size=10).grid(visible=False)
        for label in (0, 1):
            along, high = points[classes == label].T
            axes.scatter(along, high, s=7, color=PALETTE[label], marker=MARKERS[label], alpha=0.25, linewidths=0)
        for answer in np.asarray(probability(everywhere), dtype=float):
            axes.contour(across, up, answer.reshape(across.shape), levels=[0.5], colors=PALETTE[2], linewidths=0.6)
        if truth is not None:
            true = np.asarray(truth(everywhere), dtype=float).reshape(across.shape)
            axes.contour(across, up, true, levels=[0.5], colors=INK, linewidths=2)
        axes.set_aspect("equal", adjustable="box")
    return figure
