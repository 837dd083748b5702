"""The pictures of the course: boundaries, learning curves, images, filters, and spread against strength.

Every function returns a ``matplotlib.figure.Figure`` of its own and touches no global state, so it works on machines
without a screen. Any colour vision tells the colours apart, and classes differ in their markers as well.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import (
    INK,
    MARKERS,
    PALETTE,
    bare_axes,
    colour_scale,
    cycle,
    diverging,
    grid,
    mesh,
    name_ends,
    new_figure,
    panels,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Predict = Callable[[NDArray[Any]], ArrayLike]


def decision_boundary(predict: Predict, X: ArrayLike, y: ArrayLike, title: str = "") -> "Figure":
    """Draw what a classifier says everywhere in the plane, and the points it should get right.

    Parameters
    ----------
    predict
        From points, shape (m, 2), to classes, shape (m,), or to probabilities of the classes, shape (m, k). With the
        probabilities of two classes the shade tells how sure it is, and the line is where it is undecided.
    X, y
        Points, shape (n, 2), and their classes 0, 1, ..., shape (n,).
    title
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Examples
    --------
    >>> figure = decision_boundary(lambda X: X[:, 0] > 0, [[-1.0, 0.0], [1.0, 0.5]], [0, 1], "The right half")
    >>> figure.axes[0].get_title(loc="left")
    'The right half'
    """
    figure = new_figure(5.6, 4.2)
    _draw_boundary(figure.add_subplot(), predict, *_points(X, y), title)
    return figure


def boundary_grid(predicts: Mapping[str, Predict], X: ArrayLike, y: ArrayLike, columns: int = 4) -> "Figure":
    """Draw the boundary of each classifier over the same points, in a grid; the keys are the titles.

    Parameters
    ----------
    predicts
        Classifiers by title; each as in ``decision_boundary``.
    X, y
        Points, shape (n, 2), and their classes, shape (n,).
    columns
        Panels in a row.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Examples
    --------
    >>> halves = {"left": lambda X: X[:, 0] < 0, "right": lambda X: X[:, 0] > 0}
    >>> len(boundary_grid(halves, [[-1.0, 0.0], [1.0, 0.5]], [0, 1]).axes)
    2
    """
    X, y = _points(X, y)
    figure, drawn = panels(len(predicts), columns)
    for axes, (title, predict) in zip(drawn, predicts.items(), strict=True):
        _draw_boundary(axes, predict, X, y, title, size=10)
    return figure


def learning_curves(
    curves: Mapping[str, ArrayLike],
    across: str = "pass",
    up: str = "loss",
    *,
    title: str = "",
    logarithmic: bool = False,
    reference: tuple[str, float] | None = None,
) -> "Figure":
    """Draw how values change with training; each curve is named at its own end, not in a legend.

    Parameters
    ----------
    curves
        Curves by name; each values, shape (t,), one a step, or pairs (steps, values).
    across, up
        What the axes show.
    title
        Stands above the picture.
    logarithmic
        Whether both axes are logarithmic, which shows the first steps and small losses.
    reference
        A name and a value to hold the curves against, drawn as a dashed line.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Examples
    --------
    >>> figure = learning_curves({"training": [1.0, 0.5, 0.3], "held out": ([1, 3], [1.1, 0.6])})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'held out']
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(6.4, 3.8)
    axes = plain_axes(figure.add_subplot(), across, up, title)
    if logarithmic:
        axes.set(xscale="log", yscale="log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ends = []
    for (name, curve), colour in zip(curves.items(), cycle(PALETTE), strict=False):
        steps, values = _curve(curve)
        point = "o" if len(steps) == 1 else None
        axes.plot(steps, values, color=colour, linewidth=1.8, marker=point, label=name)
        ends.append((float(steps[-1]), float(values[-1]), name, colour))
    if reference is not None:
        axes.axhline(reference[1], color=INK, linewidth=1, linestyle=(0, (4, 3)), label=reference[0])
        ends.append((max(end[0] for end in ends), reference[1], reference[0], INK))
    name_ends(axes, ends)
    return figure


def image_grid(
    images: ArrayLike, titles: Sequence[str] = (), columns: int = 8, title: str = "", wrong: Sequence[bool] = ()
) -> "Figure":
    """Draw pictures in a grid, each with its title.

    Parameters
    ----------
    images
        Shape (n, height, width) or (n, height, width, channels) with 1 or 3 channels; uint8 in 0...255, or floats,
        where 0 is black and 1 is white.
    titles
        A title for each picture, or none at all.
    columns
        Pictures in a row.
    title
        Stands above all of them.
    wrong
        For each picture whether its title is to stand out, as a mistake does.

    Returns
    -------
    matplotlib.figure.Figure
        The picture of pictures.

    Examples
    --------
    >>> len(image_grid(np.zeros((3, 8, 8)), titles=["a", "b", "c"]).axes)
    3
    """
    pixels = np.asarray(images)
    if pixels.ndim == 4 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    white = 255 if pixels.dtype == np.uint8 else 1.0
    columns, rows = grid(len(pixels), columns)
    lines = max((text.count("\n") + 1 for text in titles), default=0)
    figure = new_figure(1.05 * columns, (1.05 + 0.05 * bool(titles) + 0.2 * lines) * rows + 0.4 * bool(title))
    figure.suptitle(title, fontsize=11, color=INK)
    for place, picture in enumerate(pixels):
        axes = bare_axes(figure, rows, columns, place)
        shown = picture if picture.dtype == np.uint8 else np.clip(picture, 0, 1)
        axes.imshow(shown, cmap="gray", vmin=0, vmax=white, interpolation="nearest")
        stands_out = bool(wrong) and wrong[place]
        if titles:
            colour, weight = (PALETTE[1], "bold") if stands_out else (INK, "normal")
            axes.set_title(titles[place], fontsize=8.5, color=colour, fontweight=weight, pad=3)
    return figure


def filters(kernel: ArrayLike, columns: int = 8, title: str = "") -> "Figure":
    """Draw the filters of a convolution: blue where a weight is below zero, orange where it is above.

    Parameters
    ----------
    kernel
        Shape (height, width, channels in, filters). Each filter is drawn as its mean over the channels in.
    columns
        Filters in a row.
    title
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, all filters on one scale that is symmetric about zero.

    Examples
    --------
    >>> len(filters(np.ones((5, 5, 1, 32))).axes)  # thirty-two filters and a scale
    33
    """
    weights = np.moveaxis(np.asarray(kernel, dtype=float).mean(axis=2), -1, 0)
    limit = float(np.abs(weights).max()) or 1.0
    return _tiles(weights, columns, title, diverging(), -limit, limit)


def feature_maps(maps: ArrayLike, columns: int = 8, title: str = "") -> "Figure":
    """Draw what a layer's channels answer to one picture: the brighter, the stronger.

    Parameters
    ----------
    maps
        Shape (height, width, channels).
    columns
        Channels in a row.
    title
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, all channels on one scale.

    Examples
    --------
    >>> len(feature_maps(np.ones((14, 14, 6))).axes)  # six maps and a scale
    7
    """
    values = np.moveaxis(np.asarray(maps, dtype=float), -1, 0)
    return _tiles(values, columns, title, "viridis", float(values.min()), float(values.max()))


def spread_and_bias(
    strengths: ArrayLike,
    estimates: ArrayLike,
    truth: float,
    *,
    across: str = "regularization strength",
    up: str = "estimate",
    title: str = "",
    known: str = "all the data",
) -> "Figure":
    r"""Draw how estimates scatter and where their mean lies, against the strength of a regularization.

    .. math:: \mathbb{E}(\hat\theta - \theta)^2 = (\mathbb{E}\hat\theta - \theta)^2 + \mathrm{var}(\hat\theta)

    Parameters
    ----------
    strengths
        Positive, shape (s,).
    estimates
        One row a strength, one column a random subsample: shape (s, r).
    truth
        What the estimates are estimates of.
    across, up
        What the axes show.
    title
        Stands above the picture.
    known
        What the dashed line of the truth is called.

    Returns
    -------
    matplotlib.figure.Figure
        Above, every estimate with mean and standard deviation; below, squared bias, variance and their sum.

    Examples
    --------
    >>> figure = spread_and_bias([0.1, 1.0], [[1.0, 3.0], [1.0, 1.2]], truth=2.0)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['estimate', 'squared error']
    """
    strengths, estimates = np.asarray(strengths, dtype=float), np.asarray(estimates, dtype=float)
    mean, deviation = estimates.mean(axis=1), estimates.std(axis=1)
    figure = new_figure(6.4, 5.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))

    plain_axes(above, "", up, title).set(xscale="log")
    scattered = np.broadcast_to(strengths[:, np.newaxis], estimates.shape)
    above.scatter(scattered, estimates, s=9, color=PALETTE[5], alpha=0.35, linewidths=0, label="one subsample each")
    above.errorbar(
        strengths, mean, deviation, color=PALETTE[0], marker="o", capsize=4, linewidth=1.6, label="mean and deviation"
    )
    above.axhline(truth, color=INK, linewidth=1, linestyle=(0, (4, 3)), label=known)
    above.legend(frameon=False, fontsize=8.5, labelcolor=INK)

    plain_axes(below, across, "squared error")
    bias, variance = (mean - truth) ** 2, deviation**2
    parts = {"bias, squared": bias, "variance": variance, "sum": bias + variance}
    for (name, part), colour, marker in zip(parts.items(), (PALETTE[1], PALETTE[0], INK), MARKERS, strict=False):
        below.plot(strengths, part, color=colour, marker=marker, markersize=4.5, linewidth=1.6, label=name)
    below.set_yscale("log", nonpositive="mask")
    below.legend(frameon=False, fontsize=8.5, labelcolor=INK)
    return figure


def _draw_boundary(
    axes: "Axes", predict: Predict, X: NDArray[Any], y: NDArray[Any], title: str, size: float = 11.5
) -> None:
    plain_axes(axes, "", "", title, size).grid(visible=False)
    across, up = mesh(X)
    answer = np.asarray(predict(np.column_stack([across.ravel(), up.ravel()]).astype(X.dtype)))
    if answer.ndim == 2 and answer.shape[1] == 2:
        sure = answer[:, 1].astype(float).reshape(across.shape)
        axes.contourf(across, up, sure, levels=np.linspace(0, 1, 65), cmap=diverging(), alpha=0.45, antialiased=True)
        axes.contour(across, up, sure, levels=[0.5], colors=INK, linewidths=1.4)
    else:
        classes = (answer.argmax(axis=1) if answer.ndim == 2 else answer).astype(int).reshape(across.shape)
        levels = np.arange(int(max(classes.max(), y.max())) + 2) - 0.5
        axes.contourf(across, up, classes, levels=levels, colors=[*cycle(PALETTE, len(levels) - 1)], alpha=0.3)
        if classes.min() < classes.max():
            axes.contour(across, up, classes, levels=levels[1:-1], colors=INK, linewidths=1.4)
    for label in np.unique(y):
        axes.scatter(
            X[y == label, 0],
            X[y == label, 1],
            s=2.2 * size,
            color=PALETTE[label % len(PALETTE)],
            marker=MARKERS[label % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            zorder=3,
        )
    axes.set_aspect("equal", adjustable="box")


def _points(X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    points, classes = np.asarray(X), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2 or classes.shape != points.shape[:1]:
        raise OptionError(
            f"expected X of shape (n, 2) and y of shape (n,); received {points.shape} and {classes.shape}"
        )
    return points.astype(points.dtype if points.dtype.kind == "f" else float), classes.astype(int)


def _curve(curve: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the steps and the values of a curve; steps count from one where it has none of its own."""
    if isinstance(curve, tuple):
        steps, values = (np.asarray(part) for part in curve)
    else:
        values = np.asarray(curve)
        steps = np.arange(1, len(values) + 1)
    return steps, values


def _tiles(
    tiles: NDArray[Any], columns: int, title: str, colours: "Colormap | str", low: float, high: float
) -> "Figure":
    columns, rows = grid(len(tiles), columns)
    figure = new_figure(0.95 * columns + 0.6, 0.95 * rows + 0.4 * bool(title))
    figure.suptitle(title, fontsize=11, color=INK)
    drawn = [bare_axes(figure, rows, columns, place) for place in range(len(tiles))]
    for axes, tile in zip(drawn, tiles, strict=True):
        image = axes.imshow(tile, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    colour_scale(figure, image, drawn, aspect=30)
    return figure
