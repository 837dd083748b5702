"""Descriptions of figures: each sentence is true for its data, and differs for other data."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.show.plots.alt_text import (
    describe_boundary,
    describe_confusion,
    describe_curves,
    describe_filters,
    describe_histograms,
    describe_location,
    describe_maps,
    describe_saliency,
    join_parts,
    measure_best_line,
)
from pellucid.show.plots.histogram_plot import histograms
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.prediction_plots import confusion_matrix, count_confusions, find_most_frequent_error
from pellucid.show.plots.saliency_plot import saliency_map


def test_curves_state_their_best_value_and_overfitting() -> None:
    text = describe_curves({"loss": [1.0, 0.5, 0.2], "val_loss": [1.0, 0.6, 0.9]})
    assert "val_loss falls from 1 to 0.9, with its minimum of 0.6 at epoch 2." in text
    assert "At the end val_loss is 4.5 times loss, and worse than at epoch 2, which indicates overfitting." in text
    assert "overfitting" not in describe_curves({"loss": [1.0, 0.5, 0.2], "val_loss": [1.0, 0.6, 0.3]})
    assert describe_curves({"accuracy": [0.5, 0.9, 0.8]}, higher_is_better=True) == (
        "accuracy rises from 0.5 to 0.8, with its maximum of 0.9 at epoch 2."
    )
    assert describe_curves({"loss": [0.5, np.nan, np.nan]}) == "loss is not finite from epoch 2 of 3 on."
    assert (
        describe_curves({"loss": [0.5, 0.9, 0.5]}, "step")
        == "loss starts and ends at 0.5, with its minimum of 0.5 at step 1."
    )
    assert describe_curves({"loss": [0.5]}) == "loss is 0.5 after one epoch."
    accuracies = {"accuracy": [0.5, 0.9], "val_accuracy": [0.5, 0.8]}
    assert "is 0.1 below accuracy" in describe_curves(accuracies, higher_is_better=True)


@pytest.mark.parametrize(("metric", "extremum"), [("cosine_similarity", "maximum"), ("rmse", "minimum")])
def test_the_best_value_of_a_metric_follows_its_direction(metric: str, extremum: str) -> None:
    assert f"its {extremum}, over 2 epochs" in str(
        pel.pictures.learning_curves({metric: [0.5, 0.9] if extremum == "maximum" else [0.9, 0.5]}, metric)
    )


def test_confusions_are_counted_and_named() -> None:
    counts = count_confusions([0] * 10 + [1] * 10, [0] * 9 + [1] + [0] * 4 + [1] * 6, 2)
    assert find_most_frequent_error(counts) == (1, 0)
    assert describe_confusion(counts, ["cat", "dog"]) == (
        "Of 20 samples in 2 classes, 15 (75.0%) are classified correctly. The highest recall is 90.0% of 10 for cat, "
        "the lowest 60.0% of 10 for dog. Most frequent errors: dog predicted as cat, 4 of 10; cat predicted as dog, "
        "1 of 10."
    )
    assert describe_confusion(np.diag([3, 3])).endswith("There are no errors.")
    assert find_most_frequent_error(np.diag([3, 3])) is None
    assert describe_confusion(np.zeros((2, 2), int)) == "There are no samples."


def test_a_boundary_is_straight_or_curved() -> None:
    places = np.stack(np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40)), -1).reshape(-1, 2)
    tilted = (places @ [1.0, 0.6] > 0.2).astype(int)
    assert "close to a straight line" in describe_boundary(tilted, places, [0, 1], [0, 1])
    ring = (np.hypot(*places.T) < 0.6).astype(int)
    text = describe_boundary(ring, places, [0, 1, 1], [0, 1, 0])
    assert "Of 3 points, 2 (66.7%) are classified correctly." in text
    assert f"class 1 ({ring.mean():.0%})" in text
    assert "Of class 0, 1 of 2 points are misclassified." in text
    assert "is curved: the best straight line disagrees on" in text
    assert describe_boundary(np.zeros(9, int), places[:9], [0], [0]).endswith(
        "The whole plane is class 0: there is no boundary."
    )


@pytest.fixture(scope="module")
def grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The coordinates of points, and on which side of random lines they are."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-30, 30, 61), np.linspace(-1, 1, 41)))
    rng = np.random.default_rng(0)
    angles, offsets = rng.uniform(0, np.pi, 4000), rng.uniform(-1.5, 1.5, 4000)
    return x, y, np.outer(x / 30, np.cos(angles)) + np.outer(y, np.sin(angles)) > offsets


@pytest.mark.parametrize("shape", ["half", "corner", "disc", "wave", "two"])
def test_no_line_divides_better_than_the_best_one(shape: str, grid: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, y, sides = grid
    classes = {
        "half": x + 20 * y > 4,
        "corner": (x > 0) & (y > 0),
        "disc": (x / 30) ** 2 + y**2 < 0.5,
        "wave": y > np.sin(x / 8),
        "two": np.arange(len(x)) < 2,
    }[shape]
    found = (sides == classes[:, None]).mean(axis=0)
    largest = max(found.max(), 1 - found.min())
    best = measure_best_line(classes, np.stack([x, y], -1))
    assert largest - 0.005 <= best <= largest + 0.02


def test_filters_are_smooth_rough_weak_or_similar() -> None:
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(5, 5, 1, 8))
    assert "The filters are rough" in describe_filters(rough)
    wave = np.sin(np.arange(5) / 2)[:, None, None, None] * np.ones((1, 5, 1, 1)) * np.linspace(1, 2, 4)
    text = describe_filters(wave)
    assert "The filters are smooth" in text
    assert "6 pairs are equal up to scale and sign" in text
    assert "1 pair is equal up to scale and sign" in describe_filters(wave[..., :2])
    assert "1 of them has less than 5% of the largest norm" in describe_filters(
        rough * np.where(np.arange(8) == 3, 1e-3, 1.0)
    )


def test_maps_and_saliency_state_locations() -> None:
    maps = np.zeros((8, 8, 3))
    maps[:2, :2, 1] = 5.0
    assert "Map 1 has the largest range and reaches 5 in the upper left. 2 are constant." in describe_maps(maps)
    slopes = np.zeros((2, 8, 8))
    slopes[0, :2, 6:] = slopes[1, 7, 3:5] = 1.0
    text = describe_saliency(slopes, ["seven", "two"], slopes)
    assert "of image 0, seven, in the upper right." in text
    assert "of image 1, two, at the bottom." in text
    assert "Bright pixels are 5% of the area and have 100% of the gradient." in text
    assert "The gradient of image 0 is 0." in describe_saliency(np.zeros((1, 4, 4)))
    assert describe_location(np.zeros((3, 3))) == "nowhere"


def test_histograms_state_zeros_outliers_and_saturation() -> None:
    rng = np.random.default_rng(0)
    relu = np.maximum(rng.normal(size=1000), 0)
    text = describe_histograms(
        {"relu": relu, "tanh": np.tanh(9 * rng.normal(size=1000)), "odd": [1.0, np.nan], "one": [2.0] * 9}
    )
    assert f"{(relu == 0).mean():.0%} are 0" in text
    assert "are saturated" in text
    assert "one: 9 values, all 2." in text
    assert "odd: 2 values, all 1." in text
    assert "1 is more than 5 standard deviations from the mean" in describe_histograms(
        {"w": [*rng.normal(size=500), 40.0]}
    )
    assert "none of them finite" in describe_histograms({"w": [np.inf]})


def test_pictures_have_alt_text(tmp_path) -> None:
    picture = Picture(histograms({"w": np.arange(9.0)}), 'A "reading" & more.', "weights")
    assert str(picture) == 'A "reading" & more.'
    assert 'alt="A &quot;reading&quot; &amp; more."' in picture._repr_html_()
    for ending in ("png", "svg", "html"):
        picture.save(tmp_path / f"w.{ending}")
        assert (tmp_path / f"w.{ending}").stat().st_size > 1000
    with pytest.raises(pel.OptionError, match=r"Expected a path that ends in \.png, \.svg, \.pdf, \.html\. Received"):
        picture.save(tmp_path / "w.txt")


def test_figures_show_counts_and_images() -> None:
    counts = np.array([[5, 1, 0], [0, 4, 2], [0, 0, 0]])
    figure = confusion_matrix(counts, ["a", "b", "c"], images=np.zeros((2, 4, 4)), cell=(1, 2))
    matrix = figure.subfigs[0].axes[0]
    assert sorted(text.get_text() for text in matrix.texts) == ["1", "2", "4", "5"]
    assert figure.subfigs[1].get_suptitle() == "true b, predicted c"
    assert not confusion_matrix(np.eye(30, dtype=int)).axes[0].texts
    panel = histograms({"relu": [0.0] * 6 + [1.0, 2.0, 3.0]}).axes[0]
    assert [text.get_text() for text in panel.texts] == ["67% are 0"]
    assert sum(patch.get_height() for patch in panel.patches) == 3
    with pytest.raises(pel.OptionError, match=r"Expected counts of shape \(classes, classes\)\. Received: \(2, 3\)"):
        confusion_matrix(np.ones((2, 3)))
    with pytest.raises(pel.OptionError, match=r"Expected a name for each of 3 classes\. Received: 1"):
        confusion_matrix(counts, ["a"])
    with pytest.raises(pel.OptionError, match=r"Expected at least one panel to draw\. Received: none"):
        histograms({})
    with pytest.raises(
        pel.OptionError, match=r"images and gradients of one shape\. Received: \(1, 4, 4\) and \(1, 3, 3\)"
    ):
        saliency_map(np.zeros((1, 4, 4)), np.zeros((1, 3, 3)))
    with pytest.raises(pel.OptionError, match=r"Expected at least one panel to draw\. Received: none"):
        saliency_map(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))
    with pytest.raises(pel.OptionError, match=r"Expected a title for each of 1 images\. Received: 2"):
        saliency_map(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), ["a", "b"])


def test_images_of_any_number_of_channels_and_range_are_shown() -> None:
    counts = np.array([[5, 1], [2, 4]])
    images = np.linspace(-2, -1, 32).reshape(1, 4, 4, 2)
    panel = confusion_matrix(counts, images=images, cell=(0, 1)).subfigs[1].axes[0]
    shown = panel.images[0].get_array()
    assert shown.shape == (4, 4)
    assert shown.min() == 0
    assert shown.max() > 0.9
    gray = saliency_map(np.full((1, 4, 4), 128, np.uint8), np.ones((1, 4, 4))).axes[0].images[0]
    assert gray.get_clim() == (0, 1)
    np.testing.assert_allclose(gray.get_array(), 128 / 255)


def test_parts_are_joined_as_in_a_sentence() -> None:
    assert join_parts(["a", "b"]) == "a and b"
    assert join_parts([]) == ""
