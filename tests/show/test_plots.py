import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.show.plots import plots
from pellucid.show.plots.plot_style import CURVES, PALETTE, SIGNED, WRONG

X = np.array([[-1.0, 0.0], [1.0, 0.5], [0.5, 2.0], [-0.5, 1.0]])
y = np.array([0, 1, 1, 0])


def pixels(figure: Any) -> np.ndarray:
    """Return the pixels of a figure."""
    from matplotlib.image import imread

    file = io.BytesIO()
    figure.savefig(file, format="png")
    file.seek(0)
    return np.asarray(imread(file))


def test_a_boundary_is_where_the_predicted_class_changes() -> None:
    figure = plots.decision_boundary(lambda points: (points[:, 0] > 0.25).astype(int), X, y)
    (line,) = [c for c in figure.axes[0].collections if type(c).__name__ == "QuadContourSet" and not c.filled]
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    assert np.abs(vertices[:, 0] - 0.25).max() < 0.02


def test_the_boundary_of_probabilities_is_at_one_half() -> None:
    def predict(points: np.ndarray) -> np.ndarray:
        one = 1 / (1 + np.exp(-4 * points[:, 1]))
        return np.column_stack([1 - one, one])

    figure = plots.decision_boundary(predict, X, y)
    (line,) = [c for c in figure.axes[0].collections if type(c).__name__ == "QuadContourSet" and not c.filled]
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    assert np.abs(vertices[:, 1]).max() < 0.02


def test_the_classifier_gets_the_dtype_of_the_points() -> None:
    dtypes = []

    def predict(points: np.ndarray) -> np.ndarray:
        dtypes.append(points.dtype)
        return np.zeros(len(points), int)

    plots.decision_boundary(predict, X.astype(np.float32), y)
    assert dtypes == [np.float32]


@pytest.mark.parametrize("wrong", [(X[:, :1], y), (X, y[:2]), (X[0], y)])
def test_invalid_points_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected X of shape \(n, 2\) and y of shape \(n,\)\. Received:"):
        plots.decision_boundary(lambda points: points[:, 0] > 0, *wrong)


@pytest.mark.parametrize(("count", "columns"), [(1, 4), (3, 2), pytest.param(7, 4, marks=pytest.mark.slow)])
def test_a_grid_has_a_panel_for_each_classifier_with_its_title(count: int, columns: int) -> None:
    predicts = {f"{size} hidden": (lambda points: points[:, 0] > 0) for size in range(count)}
    figure = plots.boundary_grid(predicts, X, y, columns)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(predicts)
    pixels(figure)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected at least one panel to draw\. Received: none"):
        plots.boundary_grid({}, X, y)


def test_labels_of_learning_curves_do_not_overlap() -> None:
    figure = plots.learning_curves({"a": [1.0, 0.5], "b": [1.0, 0.5001]}, reference=("chance", 0.5))
    heights = sorted(text.get_position()[1] for text in figure.axes[0].texts)
    assert len(heights) == 3
    assert np.diff(heights).min() >= 0.06


def test_curves_may_have_steps_and_logarithmic_axes() -> None:
    figure = plots.learning_curves({"validation": ([10, 100], [1.0, 0.1])}, logarithmic=True)
    assert figure.axes[0].lines[0].get_xdata().tolist() == [10, 100]
    assert figure.axes[0].get_xscale() == "log"


def test_curves_that_diverge_or_reach_zero_are_labeled() -> None:
    figure = plots.learning_curves({"a": [2.0, 1.0, np.nan], "b": [1.0, 0.5, 0.25], "c": [np.nan]})
    assert [text.get_text() for text in figure.axes[0].texts] == ["b", "a"]
    assert np.isfinite([text.get_position() for text in figure.axes[0].texts]).all()
    figure = plots.learning_curves({"a": [1.0, 0.0], "b": [1.0, 0.5]}, logarithmic=True)
    assert all(0 <= text.get_position()[1] <= 1 for text in figure.axes[0].texts)


def test_integer_points_have_boundaries_between_integers() -> None:
    figure = plots.boundary_ensembles({"one": lambda P: [P[:, 0] + 0.25]}, [[-1, 0], [1, 0], [0, 2]], [0, 1, 1])
    assert np.allclose(contours(figure.axes[0]), [0.25], atol=0.02)


@pytest.mark.parametrize(
    "images",
    [
        np.full((3, 4, 4), 255, np.uint8),
        np.ones((3, 4, 4, 1)),
        np.full((3, 4, 4, 3), 255, np.uint8),
        np.ones((3, 4, 4, 3), np.float32),
    ],
)
def test_white_is_white_in_every_image_format(images: np.ndarray) -> None:
    figure = plots.image_grid(images, titles="abc", columns=2, wrong=[False, True, False])
    shown = figure.axes[0].images[0]
    assert np.allclose(shown.to_rgba(shown.get_array(), norm=True, bytes=True), 255)
    assert [axes.title.get_color() == WRONG for axes in figure.axes] == [False, True, False]


def test_filters_share_a_scale_that_is_symmetric_about_zero() -> None:
    kernel = np.random.default_rng(0).standard_normal((5, 5, 3, 9))
    figure = plots.filters(kernel, title="First layer")
    limits = {axes.images[0].get_clim() for axes in figure.axes[:9]}
    ((low, high),) = limits
    assert low == -high
    assert high == pytest.approx(np.abs(kernel.mean(axis=2)).max())


def test_feature_maps_show_each_channel() -> None:
    maps = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    figure = plots.feature_maps(maps)
    assert np.array_equal(figure.axes[1].images[0].get_array(), maps[..., 1])


def test_bias_and_variance_add_up() -> None:
    estimates = np.array([[1.0, 3.0], [1.0, 1.5]])
    figure = plots.bias_and_variance([0.1, 1.0], estimates, truth=2.0)
    total, bias, variance = (line.get_ydata() for line in figure.axes[1].lines)
    assert np.allclose(bias, [0.0, 0.5625])
    assert np.allclose(variance, [1.0, 0.0625])
    assert np.allclose(total, ((estimates - 2.0) ** 2).mean(axis=1))


def test_figures_change_no_global_state_and_are_not_empty() -> None:
    import sys

    drawn = pixels(plots.learning_curves({"line": [1.0, 0.5]}))
    assert drawn.std() > 0
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_curve_of_one_epoch_is_a_point() -> None:
    figure = plots.learning_curves({"training": [0.5]}, "epoch")
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert plots.learning_curves({"training": [0.5, 0.4]}).axes[0].lines[0].get_marker() == "None"


def contours(axes: Any) -> list[float]:
    """Return the mean x coordinate of each contour line."""
    lines = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]
    return [float(np.concatenate([path.vertices for path in line.get_paths()])[:, 0].mean()) for line in lines]


def test_every_classifier_has_a_boundary_and_the_truth_is_last() -> None:
    figure = plots.boundary_ensembles(
        {"two": lambda P: np.stack([P[:, 0] + 0.5, P[:, 0] + 0.2]), "one": lambda P: [P[:, 0] + 0.5]},
        X,
        y,
        truth=lambda P: P[:, 0] + 0.9,
    )
    two, one = figure.axes
    assert np.allclose(contours(two), [0.0, 0.3, -0.4], atol=0.02)
    assert np.allclose(contours(one), [0.0, -0.4], atol=0.02)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["two", "one"]


def test_a_constant_classifier_has_no_boundary() -> None:
    figure = plots.boundary_ensembles({"constant": lambda P: [np.ones(len(P))]}, X, y)
    assert not [p for c in figure.axes[0].collections[2:] for p in c.get_paths() if len(p.vertices)]


def test_units_are_rows_and_steps_are_columns() -> None:
    figure = plots.hidden_states([[0.0, 1.0], [0.25, 0.5], [1.0, 0.0]], ["a", "b", "c"], title="A sum")
    (image,) = figure.axes[0].images
    assert np.array_equal(image.get_array(), [[0.0, 0.25, 1.0], [1.0, 0.5, 0.0]])
    assert image.get_clim() == (0, 1)
    assert figure.axes[0].get_title(loc="left") == "A sum"


def test_the_number_of_step_labels_is_checked() -> None:
    with pytest.raises(
        ValueError, match=r"Expected states of shape \(steps, units\) and one label per step\. Received:"
    ):
        plots.hidden_states([[0.0, 1.0]], ["a", "b"])


def test_axes_and_classes_are_named() -> None:
    figure = plots.decision_boundary(
        lambda P: np.column_stack([1 - P[:, 1], P[:, 1]]), X, y, class_names=["up", "down"]
    )
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("x₁", "x₂")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["probability 1/2", "up", "down"]
    figure = plots.boundary_grid({"right": lambda points: points[:, 0] > 0}, X, y)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["class 0", "class 1"]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("x₁", "x₂")
    figure = plots.boundary_ensembles({"one": lambda P: [P[:, 0]]}, X, y, lambda P: P[:, 1], class_names=["up", "down"])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["up", "down", "one classifier", "true boundary"]
    figure = plots.filters(np.ones((5, 5, 1, 3)), names="abc")
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]
    assert figure.axes[3].get_ylabel() == "weight"


def test_colors_keep_their_meaning() -> None:
    theme = (Path(__file__).parents[2] / "web/src/theme.ts").read_text()
    light = theme.partition("LIGHT: Theme = {")[2].partition("}")[0]
    classes = theme.partition("CLASSES = [")[2].partition("]")[0]
    assert re.findall(r"#\w{6}", classes)[: len(PALETTE)] == [color.lower() for color in PALETTE]
    assert [color.lower() for color in CURVES] == re.findall(r"#\w{6}", light.partition("curves:")[2])
    for name, color in (("negative", SIGNED[0]), ("positive", SIGNED[2])):
        assert f'{name}: "{color.lower()}"' in light


def test_curves_that_coincide_are_both_visible() -> None:
    first, second = plots.learning_curves({"by hand": [1.0, 0.5], "by graph": [1.0, 0.5]}).axes[0].lines
    assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
    assert first.get_color() != second.get_color()
