import io
from typing import Any

import numpy as np
import pytest

from pellucid.show import plots
from pellucid.show.plot_style import PALETTE

X = np.array([[-1.0, 0.0], [1.0, 0.5], [0.5, 2.0], [-0.5, 1.0]])
y = np.array([0, 1, 1, 0])


def pixels(figure: Any) -> np.ndarray:
    """Draw a figure as it is saved, and return its pixels."""
    from matplotlib.image import imread

    file = io.BytesIO()
    figure.savefig(file, format="png")
    file.seek(0)
    return np.asarray(imread(file))


def test_a_boundary_lies_where_the_classifier_changes_its_mind() -> None:
    figure = plots.decision_boundary(lambda points: (points[:, 0] > 0.25).astype(int), X, y)
    (line,) = [c for c in figure.axes[0].collections if type(c).__name__ == "QuadContourSet" and not c.filled]
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    assert np.abs(vertices[:, 0] - 0.25).max() < 0.02


def test_probabilities_are_undecided_at_one_half() -> None:
    def predict(points: np.ndarray) -> np.ndarray:
        one = 1 / (1 + np.exp(-4 * points[:, 1]))
        return np.column_stack([1 - one, one])

    figure = plots.decision_boundary(predict, X, y)
    (line,) = [c for c in figure.axes[0].collections if type(c).__name__ == "QuadContourSet" and not c.filled]
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    assert np.abs(vertices[:, 1]).max() < 0.02


def test_the_classifier_is_asked_in_the_dtype_of_the_points() -> None:
    asked = []

    def predict(points: np.ndarray) -> np.ndarray:
        asked.append(points.dtype)
        return np.zeros(len(points), int)

    plots.decision_boundary(predict, X.astype(np.float32), y)
    assert asked == [np.float32]


@pytest.mark.parametrize("wrong", [(X[:, :1], y), (X, y[:2]), (X[0], y)])
def test_points_that_are_no_points_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"expected X of shape \(n, 2\) and y of shape \(n,\); received"):
        plots.decision_boundary(lambda points: points[:, 0] > 0, *wrong)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_grid_has_a_panel_for_each_classifier_with_its_title(count: int) -> None:
    predicts = {f"{size} hidden": (lambda points: points[:, 0] > 0) for size in range(count)}
    figure = plots.boundary_grid(predicts, X, y)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(predicts)
    pixels(figure)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one panel to draw; received none"):
        plots.boundary_grid({}, X, y)


def test_learning_curves_carry_their_names_apart_from_each_other() -> None:
    figure = plots.learning_curves({"a": [1.0, 0.5], "b": [1.0, 0.5001]}, reference=("chance", 0.5))
    heights = sorted(text.get_position()[1] for text in figure.axes[0].texts)
    assert len(heights) == 3
    assert np.diff(heights).min() >= 0.06


def test_curves_may_bring_their_own_steps_and_logarithms() -> None:
    figure = plots.learning_curves({"held out": ([10, 100], [1.0, 0.1])}, logarithmic=True)
    assert figure.axes[0].lines[0].get_xdata().tolist() == [10, 100]
    assert figure.axes[0].get_xscale() == "log"


@pytest.mark.parametrize(
    "images",
    [
        np.full((3, 4, 4), 255, np.uint8),
        np.ones((3, 4, 4, 1)),
        np.full((3, 4, 4, 3), 255, np.uint8),
        np.ones((3, 4, 4, 3), np.float32),
    ],
)
def test_white_is_white_in_every_habit_of_writing_pictures(images: np.ndarray) -> None:
    figure = plots.image_grid(images, titles="abc", columns=2, wrong=[False, True, False])
    shown = figure.axes[0].images[0]
    assert np.allclose(shown.to_rgba(shown.get_array(), norm=True, bytes=True), 255)
    assert [axes.title.get_color() == PALETTE[1] for axes in figure.axes] == [False, True, False]


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


def test_spread_and_bias_add_up() -> None:
    estimates = np.array([[1.0, 3.0], [1.0, 1.5]])
    figure = plots.spread_and_bias([0.1, 1.0], estimates, truth=2.0)
    bias, variance, total = (line.get_ydata() for line in figure.axes[1].lines)
    assert np.allclose(bias, [0.0, 0.5625])
    assert np.allclose(variance, [1.0, 0.0625])
    assert np.allclose(total, ((estimates - 2.0) ** 2).mean(axis=1))


def test_pictures_touch_no_global_state_and_have_no_empty_canvas() -> None:
    import sys

    drawn = pixels(plots.learning_curves({"line": [1.0, 0.5]}))
    assert drawn.std() > 0
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_curve_of_one_epoch_is_a_point() -> None:
    figure = plots.learning_curves({"training": [0.5]}, "epoch")
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert plots.learning_curves({"training": [0.5, 0.4]}).axes[0].lines[0].get_marker() == "None"
