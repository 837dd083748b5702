"""Pictures in the user's own axes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run import function_builder
from pellucid.show.graphs import graph_drawing
from pellucid.show.plots import (
    calibration_plot,
    histogram_plot,
    plots,
    prediction_plots,
    saliency_plot,
    surface_plots,
    sweep_plot,
)
from pellucid.show.plots.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS, CLASSES = np.array([[-1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]), np.array([0, 1, 1])
GRID = np.linspace(-1, 1, 5)
IMAGES = np.arange(48.0).reshape(3, 4, 4) / 48


def halves(X: np.ndarray) -> np.ndarray:
    return X[:, 0] > 0


FIGURES: dict[str, Callable[..., Any]] = {
    "decision_boundary": lambda **o: plots.decision_boundary(halves, POINTS, CLASSES, "A title", **o),
    "boundary_grid": lambda **o: plots.boundary_grid({"a": halves, "b": halves}, POINTS, CLASSES, **o),
    "boundary_ensembles": lambda **o: plots.boundary_ensembles(
        {"a": lambda X: [X[:, 0], X[:, 1]]}, POINTS, CLASSES, lambda X: X[:, 0], **o
    ),
    "learning_curves": lambda **o: plots.learning_curves({"loss": [1.0, 0.5]}, **o),
    "image_grid": lambda **o: plots.image_grid(IMAGES, ["a", "b", "c"], title="Images", **o),
    "filters": lambda **o: plots.filters(np.ones((2, 2, 1, 3)), names=["a", "b", "c"], **o),
    "feature_maps": lambda **o: plots.feature_maps(np.ones((2, 2, 3)), **o),
    "hidden_states": lambda **o: plots.hidden_states([[0.0, 1.0]], ["first"], **o),
    "bias_and_variance": lambda **o: plots.bias_and_variance([0.1, 1.0], [[1.0, 3.0], [1.0, 1.2]], 2.0, **o),
    "loss_contours": lambda **o: surface_plots.loss_contours(
        GRID, GRID, GRID**2 + GRID[:, None] ** 2, np.ones((2, 2)), ["w", "b"], **o
    ),
    "score_map": lambda **o: surface_plots.score_map([[0.1, 0.2]], ["a"], ["b", "c"], "row", "column", **o),
    "plot_trials": lambda **o: sweep_plot.plot_trials("units", [1, 2], {"loss": [0.5, 0.2]}, np.ones((2, 3)), **o),
    "histograms": lambda **o: histogram_plot.histograms({"kernel": GRID, "bias": GRID}, title="Weights", **o),
    "saliency_map": lambda **o: saliency_plot.saliency_map(IMAGES, IMAGES, **o),
    "confusion_matrix": lambda **o: prediction_plots.confusion_matrix([[5, 1], [0, 4]], ["cat", "dog"], **o),
    "confusion_matrix with images": lambda **o: prediction_plots.confusion_matrix(
        [[5, 1], [0, 4]], images=IMAGES, cell=(0, 1), **o
    ),
    "residuals": lambda **o: prediction_plots.residuals(GRID, GRID, **o),
    "reliability_curve": lambda **o: calibration_plot.reliability_curve([10, 20], [0.3, 0.8], [2, 18], "spam", **o),
    "prediction_errors": lambda **o: prediction_plots.prediction_errors(GRID, GRID, **o),
    "prediction_errors of two": lambda **o: prediction_plots.prediction_errors(POINTS, POINTS, **o),
    "draw_graph": lambda **o: pel.show.draw_graph(pel.tanh(pel.vector("x")), **o),
}

MODULES = (plots, surface_plots, sweep_plot, histogram_plot, saliency_plot, prediction_plots, calibration_plot)


@pytest.fixture(scope="module")
def model() -> pel.Sequential:
    layers = [nn.Input((4, 4, 1)), nn.Conv2D(2, 2, name="conv"), nn.Flatten(), nn.Dense(2, activation="softmax")]
    return pel.Sequential(layers)


PLANE = pel.Sequential([nn.Input((2,)), nn.Dense(2, activation="softmax")])
BATCH = IMAGES[..., None].astype("float32")

PICTURES: dict[str, Callable[..., Any]] = {
    "learning_curves": lambda m, **o: pel.pictures.learning_curves({"loss": [0.7, 0.4]}, **o),
    "decision_boundary": lambda m, **o: pel.pictures.decision_boundary(PLANE, POINTS, CLASSES, **o),
    "confusion_matrix": lambda m, **o: pel.pictures.confusion_matrix(m, BATCH, CLASSES, **o),
    "filters": lambda m, **o: pel.pictures.filters(m, **o),
    "feature_maps": lambda m, **o: pel.pictures.feature_maps(m, BATCH[0], **o),
    "saliency": lambda m, **o: pel.pictures.saliency(m, BATCH, **o),
    "weight_histograms": lambda m, **o: pel.pictures.weight_histograms(m, **o),
    "activation_histograms": lambda m, **o: pel.pictures.activation_histograms(m, BATCH, **o),
}


def make_axes() -> tuple[Figure, Axes, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, left, right


def is_drawn(ax: Axes) -> bool:
    return bool(ax.has_data() or ax.patches or any(panel.has_data() for panel in ax.child_axes))


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_is_drawn_into_the_given_axes(name: str) -> None:
    figure, left, right = make_axes()
    assert FIGURES[name](ax=left) is left
    assert is_drawn(left)
    assert not is_drawn(right)
    extra = [axes for axes in figure.axes if axes not in (left, right, *left.child_axes)]
    assert all(axes.get_label() == "<colorbar>" for axes in extra)
    figure.draw_without_rendering()
    without_axes = FIGURES[name]()
    assert isinstance(without_axes, type(figure))
    assert without_axes is not figure


def test_without_axes_every_picture_is_a_new_figure() -> None:
    assert FIGURES["learning_curves"]() is not FIGURES["learning_curves"]()


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_models_are_drawn_into_the_given_axes(
    name: str, model: pel.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.training.prediction.function", partial(function_builder.function, mode="numpy"))
    _, left, right = make_axes()
    assert PICTURES[name](model, ax=left) is left
    assert is_drawn(left)
    assert not is_drawn(right)
    assert isinstance(PICTURES[name](model), Picture)


def test_the_plot_of_a_sweep_is_drawn_into_the_given_axes() -> None:
    def build(units: int) -> pel.Sequential:
        built = pel.Sequential([nn.Input((2,)), nn.Dense(units), nn.Dense(1)])
        built.compile("sgd", "mse")
        return built

    swept = pel.sweep(build, POINTS, CLASSES.astype("float32"), units=[1, 2], epochs=2, verbose=0)
    _, left, _ = make_axes()
    assert swept.plot(ax=left) is left
    assert is_drawn(left)


def test_every_picture_function_takes_axes() -> None:
    drawn = {name.split(" ")[0] for name in FIGURES}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and "Figure" in str(
                inspect.signature(function).return_annotation
            ):
                assert "ax" in inspect.signature(function).parameters, name
                assert name in drawn | {"draw_tiles"}, name
    assert set(PICTURES) == set(pel.pictures.__all__) - {"Picture"}
    for function in (*(getattr(pel.pictures, name) for name in PICTURES), graph_drawing.draw_graph):
        assert inspect.signature(function).parameters["ax"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: make_axes()[0],
            r"Expected ax to be the axes of a Matplotlib figure: ax=figure.add_subplot\(\). Received: Figure",
        ),
        (lambda: np.array([1, 2]), r"one of them, such as ax=axes.flat\[0\]. Received: ndarray"),
        (lambda: "left", r"figure, ax = plt.subplots\(\). Received: str"),
    ],
)
def test_something_else_than_axes_is_refused(make: Callable[[], Any], message: str) -> None:
    ax = make()
    for draw in FIGURES.values():
        with pytest.raises(pel.OptionError, match=message):
            draw(ax=ax)
    with pytest.raises(pel.OptionError, match=message):
        pel.pictures.learning_curves({"loss": [0.7, 0.4]}, ax=ax)
