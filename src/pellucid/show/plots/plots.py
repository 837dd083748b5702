"""Plots of decision boundaries, learning curves, images, filters, feature maps, hidden states, and bias and variance.

Each function returns a new ``matplotlib.figure.Figure``, or draws into the axes ``ax`` and returns them. It changes no
global state, so it works without a display.
People with any color vision can distinguish the colors, and classes also differ in their markers.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plots.plot_style import (
    CURVES,
    DASHES,
    INK,
    MARKERS,
    PAGE,
    PALETTE,
    PLAIN,
    PROBABILITY,
    SIGNED,
    WRONG,
    Canvas,
    compute_grid,
    draw_image,
    label_curve_ends,
    make_color_map,
    make_mesh,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Predict = Callable[[NDArray[Any]], ArrayLike]


@overload
def decision_boundary(
    predict: Predict, X: ArrayLike, y: ArrayLike, title: str = "", *, class_names: Sequence[str] = (), ax: None = None
) -> "Figure": ...
@overload
def decision_boundary(
    predict: Predict, X: ArrayLike, y: ArrayLike, title: str = "", *, class_names: Sequence[str] = (), ax: "Axes"
) -> "Axes": ...
def decision_boundary(
    predict: Predict,
    X: ArrayLike,
    y: ArrayLike,
    title: str = "",
    *,
    class_names: Sequence[str] = (),
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot the decision regions of a classifier in the plane, with labeled points.

    Parameters
    ----------
    predict : function
        From points, shape (m, 2), to classes, shape (m,), or to class probabilities, shape (m, k). For two classes
        with probabilities, the shade shows the probability and the line is at 1/2.
    X, y : array
        Points, shape (n, 2), and their classes 0, 1, ..., shape (n,).
    class_names : sequence of str, optional
        Names of the classes in the legend. By default "class 0", "class 1" and so on.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = decision_boundary(lambda X: X[:, 0] > 0, [[-1.0, 0.0], [1.0, 0.5]], [0, 1], "The right half")
    >>> figure.axes[0].get_title(loc="left")
    'The right half'
    """
    canvas = Canvas(ax, 5.2, 4.2)
    axes = canvas.add_axes()
    draw_boundary(axes, predict, *check_points(X, y), title)
    axes.set_xlabel("x₁", **PLAIN)
    axes.set_ylabel("x₂", **PLAIN)
    canvas.add_legend(axes, class_names)
    return canvas.result


@overload
def boundary_grid(
    predicts: Mapping[str, Predict],
    X: ArrayLike,
    y: ArrayLike,
    columns: int = 4,
    *,
    class_names: Sequence[str] = (),
    ax: None = None,
) -> "Figure": ...
@overload
def boundary_grid(
    predicts: Mapping[str, Predict],
    X: ArrayLike,
    y: ArrayLike,
    columns: int = 4,
    *,
    class_names: Sequence[str] = (),
    ax: "Axes",
) -> "Axes": ...
def boundary_grid(
    predicts: Mapping[str, Predict],
    X: ArrayLike,
    y: ArrayLike,
    columns: int = 4,
    *,
    class_names: Sequence[str] = (),
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot several classifiers over the same points, one panel each; the arguments are as in `decision_boundary`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> halves = {"left": lambda X: X[:, 0] < 0, "right": lambda X: X[:, 0] > 0}
    >>> len(boundary_grid(halves, [[-1.0, 0.0], [1.0, 0.5]], [0, 1]).axes)
    2
    """
    X, y = check_points(X, y)
    canvas = Canvas(ax, *compute_panels_size(len(predicts), columns))
    panels = canvas.add_plane_panels(len(predicts), columns)
    for axes, (title, predict) in zip(panels, predicts.items(), strict=True):
        draw_boundary(axes, predict, X, y, title, size=10)
    canvas.label_plane()
    canvas.add_legend(panels[0], class_names)
    return canvas.result


@overload
def boundary_ensembles(
    ensembles: Mapping[str, Predict],
    X: ArrayLike,
    y: ArrayLike,
    truth: Predict | None = None,
    columns: int = 3,
    *,
    class_names: Sequence[str] = (),
    ax: None = None,
) -> "Figure": ...
@overload
def boundary_ensembles(
    ensembles: Mapping[str, Predict],
    X: ArrayLike,
    y: ArrayLike,
    truth: Predict | None = None,
    columns: int = 3,
    *,
    class_names: Sequence[str] = (),
    ax: "Axes",
) -> "Axes": ...
def boundary_ensembles(
    ensembles: Mapping[str, Predict],
    X: ArrayLike,
    y: ArrayLike,
    truth: Predict | None = None,
    columns: int = 3,
    *,
    class_names: Sequence[str] = (),
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot the decision boundaries of ensembles of classifiers, one panel per ensemble.

    Parameters
    ----------
    ensembles : mapping from str to function
        By panel title, a function from points, shape (m, 2), to the probability of class 1 by each of r classifiers,
        shape (r, m).
    X, y : array
        Points, shape (n, 2), and their classes 0 and 1, shape (n,).
    truth : function, optional
        From points, shape (m, 2), to the true probability of class 1, shape (m,). Its boundary is black.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> def lines(X):  # two vertical lines
    ...     return [X[:, 0] > 0.1, X[:, 0] > 0.3]
    >>> figure = boundary_ensembles({"two lines": lines}, [[0.0, 0.0], [1.0, 1.0]], [0, 1])
    >>> figure.axes[0].get_title(loc="left")
    'two lines'
    """
    points, classes = check_points(X, y)
    canvas = Canvas(ax, *compute_panels_size(len(ensembles), columns))
    panels = canvas.add_plane_panels(len(ensembles), columns)
    x_mesh, y_mesh, grid = make_mesh(points, 120)
    for axes, (title, predict) in zip(panels, ensembles.items(), strict=True):
        style_axes(axes, "", "", title, size=10).grid(visible=False)
        for label in (0, 1):
            x, y = points[classes == label].T
            axes.scatter(
                x, y, s=9, color=PALETTE[label], marker=MARKERS[label], alpha=0.4, linewidths=0, label=f"class {label}"
            )
        for probability in np.asarray(predict(grid), dtype=float):
            values = probability.reshape(x_mesh.shape)
            axes.contour(x_mesh, y_mesh, values, levels=[0.5], colors=CURVES[3], linewidths=0.6)
        if truth is not None:
            values = np.asarray(truth(grid), dtype=float).reshape(x_mesh.shape)
            axes.contour(x_mesh, y_mesh, values, levels=[0.5], colors=INK, linewidths=2)
        axes.set_aspect("equal", adjustable="box")
    panels[0].plot([], [], color=CURVES[3], linewidth=0.9, label="one classifier")
    if truth is not None:
        panels[0].plot([], [], color=INK, linewidth=2, label="true boundary")
    canvas.label_plane()
    canvas.add_legend(panels[0], class_names)
    return canvas.result


@overload
def learning_curves(
    curves: Mapping[str, ArrayLike],
    x_label: str = "epoch",
    y_label: str = "loss",
    *,
    title: str = "",
    logarithmic: bool = False,
    reference: tuple[str, float] | None = None,
    ax: None = None,
) -> "Figure": ...
@overload
def learning_curves(
    curves: Mapping[str, ArrayLike],
    x_label: str = "epoch",
    y_label: str = "loss",
    *,
    title: str = "",
    logarithmic: bool = False,
    reference: tuple[str, float] | None = None,
    ax: "Axes",
) -> "Axes": ...
def learning_curves(
    curves: Mapping[str, ArrayLike],
    x_label: str = "epoch",
    y_label: str = "loss",
    *,
    title: str = "",
    logarithmic: bool = False,
    reference: tuple[str, float] | None = None,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot curves over training. The name of each curve is next to its end.

    Parameters
    ----------
    curves : mapping from str to array
        Curves by name: values, shape (t,), one per step, or pairs (steps, values).
    logarithmic : bool
        Whether both axes are logarithmic.
    reference : (str, float), optional
        Name and value of a dashed horizontal line.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = learning_curves({"training": [1.0, 0.5, 0.3], "validation": ([1, 3], [1.1, 0.6])})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation']
    """
    from matplotlib.ticker import MaxNLocator

    canvas = Canvas(ax, 5.6, 3.6)
    axes = style_axes(canvas.add_axes(), x_label, y_label, title)
    if logarithmic:
        axes.set(xscale="log", yscale="log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ends = []
    for (name, curve), color, dashes in zip(curves.items(), cycle(CURVES), cycle(DASHES), strict=False):
        if isinstance(curve, tuple):
            steps, values = (np.asarray(part) for part in curve)
        else:
            values = np.asarray(curve)
            steps = np.arange(1, len(values) + 1)
        marker = "o" if len(steps) == 1 else None
        axes.plot(steps, values, color=color, linewidth=1.8, linestyle=dashes, marker=marker, label=name)
        finite = values[np.isfinite(values)]
        ends += [(float(finite[-1]), name, color)] if finite.size else []
    if reference is not None:
        axes.axhline(reference[1], color=INK, linewidth=1, linestyle=(0, (4, 3)), label=reference[0])
        ends.append((reference[1], reference[0], INK))
    label_curve_ends(axes, ends)
    return canvas.result


@overload
def image_grid(
    images: ArrayLike,
    titles: Sequence[str] = (),
    columns: int = 8,
    title: str = "",
    wrong: Sequence[bool] = (),
    *,
    ax: None = None,
) -> "Figure": ...
@overload
def image_grid(
    images: ArrayLike,
    titles: Sequence[str] = (),
    columns: int = 8,
    title: str = "",
    wrong: Sequence[bool] = (),
    *,
    ax: "Axes",
) -> "Axes": ...
def image_grid(
    images: ArrayLike,
    titles: Sequence[str] = (),
    columns: int = 8,
    title: str = "",
    wrong: Sequence[bool] = (),
    *,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot images in a grid. Titles of ``wrong`` images are highlighted.

    Images have the shape (n, height, width) or (n, height, width, channels) with 1 or 3 channels. They are uint8 in
    0...255, or floats from 0 (black) to 1 (white).

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> len(image_grid(np.zeros((3, 8, 8)), titles=["a", "b", "c"]).axes)
    3
    """
    pixels = np.asarray(images)
    columns, rows = compute_grid(len(pixels), columns)
    lines = max((text.count("\n") + 1 for text in titles), default=0)
    canvas = Canvas(ax, 1.05 * columns, (1.05 + 0.05 * bool(titles) + 0.2 * lines) * rows + 0.4 * bool(title))
    canvas.add_title(title)
    for index, image in enumerate(pixels):
        axes = canvas.add_image_panel(rows, columns, index, gap=0.1 + 0.25 * lines)
        draw_image(axes, image, 0, 1)
        if titles:
            color, weight = (WRONG, "bold") if wrong and wrong[index] else (INK, "normal")
            axes.set_title(titles[index], fontsize=9.5, fontweight=weight, pad=3, **PLAIN | {"color": color})
    return canvas.result


@overload
def filters(
    kernel: ArrayLike, columns: int = 8, title: str = "", names: Sequence[str] = (), *, ax: None = None
) -> "Figure": ...
@overload
def filters(
    kernel: ArrayLike, columns: int = 8, title: str = "", names: Sequence[str] = (), *, ax: "Axes"
) -> "Axes": ...
def filters(
    kernel: ArrayLike, columns: int = 8, title: str = "", names: Sequence[str] = (), *, ax: "Axes | None" = None
) -> "Figure | Axes":
    """Plot the filters of a convolution, with negative weights in purple and positive weights in green.

    The kernel has the shape (height, width, input channels, filters). Each filter is shown as its mean over the input
    channels. All filters have the same scale, symmetric about zero. ``names`` are the titles of the filters.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> len(filters(np.ones((5, 5, 1, 32))).axes)  # 32 filters and a color bar
    33
    """
    weights = np.moveaxis(np.asarray(kernel, dtype=float).mean(axis=2), -1, 0)
    limit = float(np.abs(weights).max()) or 1.0
    return draw_tiles(weights, columns, title, make_color_map(*SIGNED), -limit, limit, "weight", names, ax)


@overload
def feature_maps(maps: ArrayLike, columns: int = 8, title: str = "", *, ax: None = None) -> "Figure": ...
@overload
def feature_maps(maps: ArrayLike, columns: int = 8, title: str = "", *, ax: "Axes") -> "Axes": ...
def feature_maps(maps: ArrayLike, columns: int = 8, title: str = "", *, ax: "Axes | None" = None) -> "Figure | Axes":
    """Plot the output channels of a layer for one image, shape (height, width, channels), on one scale.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> len(feature_maps(np.ones((14, 14, 6))).axes)  # 6 maps and a color bar
    7
    """
    values = np.moveaxis(np.asarray(maps, dtype=float), -1, 0)
    return draw_tiles(values, columns, title, "viridis", float(values.min()), float(values.max()), "activation", (), ax)


@overload
def hidden_states(states: ArrayLike, steps: Sequence[str], title: str = "", *, ax: None = None) -> "Figure": ...
@overload
def hidden_states(states: ArrayLike, steps: Sequence[str], title: str = "", *, ax: "Axes") -> "Axes": ...
def hidden_states(
    states: ArrayLike, steps: Sequence[str], title: str = "", *, ax: "Axes | None" = None
) -> "Figure | Axes":
    """Plot hidden states from 0 to 1, shape (steps, units), with units as rows and labeled steps as columns.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = hidden_states([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], ["first", "second", "third"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['first', 'second', 'third']
    """
    values = np.asarray(states, dtype=float)
    if values.ndim != 2 or len(steps) != len(values):
        raise OptionError(
            "Expected states of shape (steps, units) and one label per step. "
            f"Received: {values.shape} and {len(steps)} labels"
        )
    canvas = Canvas(ax, 2.0 + 0.55 * len(values), 1.4 + 0.2 * values.shape[1])
    axes = style_axes(canvas.add_axes(), "step", "hidden unit", title)
    axes.grid(visible=False)
    image = axes.imshow(values.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(values)), steps)
    canvas.add_color_bar(image, axes, "activation")
    return canvas.result


@overload
def bias_and_variance(
    strengths: ArrayLike,
    estimates: ArrayLike,
    truth: float,
    *,
    x_label: str = "regularization strength",
    y_label: str = "estimate",
    title: str = "",
    truth_label: str = "true value",
    ax: None = None,
) -> "Figure": ...
@overload
def bias_and_variance(
    strengths: ArrayLike,
    estimates: ArrayLike,
    truth: float,
    *,
    x_label: str = "regularization strength",
    y_label: str = "estimate",
    title: str = "",
    truth_label: str = "true value",
    ax: "Axes",
) -> "Axes": ...
def bias_and_variance(
    strengths: ArrayLike,
    estimates: ArrayLike,
    truth: float,
    *,
    x_label: str = "regularization strength",
    y_label: str = "estimate",
    title: str = "",
    truth_label: str = "true value",
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    r"""Plot estimates, squared bias and variance over the regularization strength.

    .. math:: \mathbb{E}(\hat\theta - \theta)^2 = (\mathbb{E}\hat\theta - \theta)^2 + \mathrm{var}(\hat\theta)

    Parameters
    ----------
    strengths : array
        Positive, shape (s,).
    estimates : array
        One row per strength, one column per random subsample: shape (s, r).
    truth : float
        The true value, a dashed line.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Returns
    -------
    matplotlib.figure.Figure
        Upper panel: all estimates with mean and standard deviation. Lower panel: squared bias, variance and their sum.

    Examples
    --------
    >>> figure = bias_and_variance([0.1, 1.0], [[1.0, 3.0], [1.0, 1.2]], truth=2.0)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['estimate', 'squared error']
    """
    strengths, estimates = np.asarray(strengths, dtype=float), np.asarray(estimates, dtype=float)
    mean, deviation = estimates.mean(axis=1), estimates.std(axis=1)
    canvas = Canvas(ax, 5.6, 5.4)
    upper, lower = canvas.add_halves(3, 2)
    lower.sharex(upper)
    upper.tick_params(labelbottom=False)

    style_axes(upper, "", y_label, title).set(xscale="log")
    x = np.broadcast_to(strengths[:, np.newaxis], estimates.shape)
    upper.scatter(x, estimates, s=9, color=INK, alpha=0.3, linewidths=0, label="estimate of one subsample")
    label = "mean and standard deviation"
    upper.errorbar(strengths, mean, deviation, color=CURVES[3], marker="o", capsize=4, linewidth=1.6, label=label)
    upper.axhline(truth, color=INK, linewidth=1, linestyle=(0, (4, 3)), label=truth_label)
    upper.legend(frameon=False, fontsize=9, labelcolor=INK)

    style_axes(lower, x_label, "squared error")
    bias, variance = (mean - truth) ** 2, deviation**2
    parts = {"sum": bias + variance, "squared bias": bias, "variance": variance}
    for (name, part), color, dashes, marker in zip(parts.items(), CURVES, DASHES, MARKERS, strict=False):
        lower.plot(
            strengths, part, color=color, linestyle=dashes, marker=marker, markersize=4.5, linewidth=1.6, label=name
        )
    lower.set_yscale("log", nonpositive="mask")
    lower.legend(frameon=False, fontsize=9, labelcolor=INK)
    return canvas.result


def compute_panels_size(count: int, max_columns: int) -> tuple[float, float]:
    """Return the width and the height of a figure with panels of a plane, in inches."""
    columns, rows = compute_grid(count, max_columns)
    return 3.1 * columns, 2.6 * rows


def draw_boundary(
    axes: "Axes", predict: Predict, X: NDArray[Any], y: NDArray[Any], title: str, size: float = 11.5
) -> None:
    style_axes(axes, "", "", title, size).grid(visible=False)
    x_mesh, y_mesh, grid = make_mesh(X)
    predicted = np.asarray(predict(grid))
    if predicted.ndim == 2 and predicted.shape[1] == 2:
        p = predicted[:, 1].astype(float).reshape(x_mesh.shape)
        shades = np.linspace(0, 1, 65)
        filled = axes.contourf(x_mesh, y_mesh, p, levels=shades, cmap=make_color_map(*PROBABILITY), alpha=0.45)
        axes.contour(x_mesh, y_mesh, p, levels=[0.5], colors=INK, linewidths=1.4)
        axes.plot([], [], color=INK, linewidth=1.4, label="probability 1/2")
    else:
        classes = (predicted.argmax(axis=1) if predicted.ndim == 2 else predicted).astype(int).reshape(x_mesh.shape)
        levels = np.arange(int(max(classes.max(), y.max())) + 2) - 0.5
        colors = islice(cycle(PALETTE), len(levels) - 1)
        filled = axes.contourf(x_mesh, y_mesh, classes, levels=levels, colors=list(colors), alpha=0.3)
        if classes.min() < classes.max():
            axes.contour(x_mesh, y_mesh, classes, levels=levels[1:-1], colors=INK, linewidths=1.4)
    filled.set_rasterized(True)
    draw_points(axes, X, y, size)


def draw_points(axes: "Axes", X: NDArray[Any], y: NDArray[Any], size: float = 11.5) -> None:
    """Draw points with the color and the marker of their classes; a unit is equally long on both axes."""
    for label in np.unique(y):
        axes.scatter(
            X[y == label, 0],
            X[y == label, 1],
            s=2.2 * size,
            color=PALETTE[label % len(PALETTE)],
            marker=MARKERS[label % len(MARKERS)],
            edgecolors=PAGE,
            linewidths=0.6,
            zorder=3,
            label=f"class {label}",
        )
    axes.set_aspect("equal", adjustable="box")


def check_points(X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    points, classes = np.asarray(X), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2 or classes.shape != points.shape[:1]:
        raise OptionError(
            f"Expected X of shape (n, 2) and y of shape (n,). Received: {points.shape} and {classes.shape}"
        )
    return points.astype(points.dtype if points.dtype.kind == "f" else float), classes.astype(int)


def draw_tiles(
    tiles: NDArray[Any],
    columns: int,
    title: str,
    color_map: "Colormap | str",
    low: float,
    high: float,
    bar_label: str,
    names: Sequence[str],
    ax: "Axes | None",
) -> "Figure | Axes":
    columns, rows = compute_grid(len(tiles), columns)
    canvas = Canvas(ax, 0.95 * columns + 0.8, (0.95 + 0.2 * bool(names)) * rows + 0.4 * bool(title))
    canvas.add_title(title)
    gap = 0.1 + 0.25 * bool(names)
    panels = [canvas.add_image_panel(rows, columns, index, gap) for index in range(len(tiles))]
    for axes, tile in zip(panels, tiles, strict=True):
        image = axes.imshow(tile, cmap=color_map, vmin=low, vmax=high, interpolation="nearest")
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(name, fontsize=9.5, pad=3, **PLAIN)
    canvas.add_color_bar(image, panels, bar_label, aspect=30)
    return canvas.result
