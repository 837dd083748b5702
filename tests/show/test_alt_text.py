"""Pictures in words: each sentence is true of the data that it was made from, and says something else of others."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.show.alt_text import listed, read_boundary, read_confusion, read_curves
from pellucid.show.alt_text_arrays import read_filters, read_histograms, read_maps, read_saliency, whereabouts
from pellucid.show.confusion_plot import confusion_matrix, counts_of, worst_cell
from pellucid.show.figure import Picture
from pellucid.show.histogram_plot import histograms
from pellucid.show.saliency_plot import saliency_map


def test_curves_say_where_they_are_best_and_when_they_part() -> None:
    said = read_curves({"loss": [1.0, 0.5, 0.2], "val_loss": [1.0, 0.6, 0.9]})
    assert "val_loss falls from 1 to 0.9 with its least, 0.6, at epoch 2." in said
    assert "At the end val_loss is 4.5 times loss; since epoch 2 the two run apart" in said
    assert "apart" not in read_curves({"loss": [1.0, 0.5, 0.2], "val_loss": [1.0, 0.6, 0.3]})
    assert read_curves({"accuracy": [0.5, 0.9, 0.8]}) == (
        "accuracy rises from 0.5 to 0.8 with its greatest, 0.9, at epoch 2."
    )
    assert read_curves({"loss": [0.5, np.nan, np.nan]}) == "loss is no number from epoch 2 of 3 on."
    assert (
        read_curves({"loss": [0.5, 0.9, 0.5]}, "step") == "loss begins and ends at 0.5, with its least, 0.5, at step 1."
    )
    assert read_curves({"loss": [0.5]}) == "loss is 0.5 after one epoch."
    assert "is 0.1 below accuracy" in read_curves({"accuracy": [0.5, 0.9], "val_accuracy": [0.5, 0.8]})


def test_confusions_are_counted_and_named() -> None:
    counts = counts_of([0] * 10 + [1] * 10, [0] * 9 + [1] + [0] * 4 + [1] * 6, 2)
    assert worst_cell(counts) == (1, 0)
    assert read_confusion(counts, ["cat", "dog"]) == (
        "Of 20 samples in 2 classes, 15 (75.0%) are taken for what they are. Best known is cat, 90.0% of 10, and least "
        "dog, 60.0% of 10. The commonest mistakes: dog taken for cat, 4 of 10; and cat taken for dog, 1 of 10."
    )
    assert read_confusion(np.diag([3, 3])).endswith("There are no mistakes.")
    assert worst_cell(np.diag([3, 3])) is None
    assert read_confusion(np.zeros((2, 2), int)) == "There are no samples."


def test_a_boundary_is_straight_or_bent_and_has_two_sides() -> None:
    places = np.stack(np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40)), -1).reshape(-1, 2)
    tilted = (places @ [1.0, 0.6] > 0.2).astype(int)
    assert "next to a straight line" in read_boundary(tilted, places, [0, 1], [0, 1])
    ring = (np.hypot(*places.T) < 0.6).astype(int)
    said = read_boundary(ring, places, [0, 1, 1], [0, 1, 0])
    assert "Of 3 points, 2 (66.7%) lie in the region of their class." in said
    assert f"class 1 with {ring.mean():.0%} of it" in said
    assert "Of class 0, 1 of 2 lie beyond the boundary." in said
    assert "is bent: the best straight line would say something else on" in said
    assert read_boundary(np.zeros(9, int), places[:9], [0], [0]).endswith(
        "Everywhere it says class 0: there is no boundary."
    )


def test_filters_are_smooth_or_rough_weak_or_alike() -> None:
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(5, 5, 1, 8))
    assert "rough, much like random numbers" in read_filters(rough)
    wave = np.sin(np.arange(5) / 2)[:, None, None, None] * np.ones((1, 5, 1, 1)) * np.linspace(1, 2, 4)
    said = read_filters(wave)
    assert "smooth, as filters are that have learned" in said
    assert "6 pairs are next to the same" in said
    assert "1 of them is next to nothing" in read_filters(rough * np.where(np.arange(8) == 3, 1e-3, 1.0))


def test_maps_and_saliency_say_where() -> None:
    maps = np.zeros((8, 8, 3))
    maps[:2, :2, 1] = 5.0
    assert "The strongest is number 1, which reaches 5 in the upper left. 2 say the same everywhere" in read_maps(maps)
    slopes = np.zeros((2, 8, 8))
    slopes[0, :2, 6:] = slopes[1, 7, 3:5] = 1.0
    said = read_saliency(slopes, ["seven", "two"], slopes)
    assert "of image 0, seven, in the upper right." in said
    assert "of image 1, two, below, in the middle." in said
    assert "Bright pixels, 5% of all, have 100% of it" in said
    assert "hangs on no pixel" in read_saliency(np.zeros((1, 4, 4)))
    assert whereabouts(np.zeros((3, 3))) == "nowhere"


def test_histograms_say_what_stands_out() -> None:
    rng = np.random.default_rng(0)
    relu = np.maximum(rng.normal(size=1000), 0)
    said = read_histograms(
        {"relu": relu, "tanh": np.tanh(9 * rng.normal(size=1000)), "odd": [1.0, np.nan], "one": [2.0] * 9}
    )
    assert f"{(relu == 0).mean():.0%} are 0" in said
    assert "lie at its two ends" in said
    assert "one: 9 numbers, all 2." in said
    assert "odd: 2 numbers, all 1." in said
    assert "1 lies beyond five deviations" in read_histograms({"w": [*rng.normal(size=500), 40.0]})
    assert "none of them finite" in read_histograms({"w": [np.inf]})


def test_pictures_carry_their_words(tmp_path) -> None:
    picture = Picture(histograms({"w": np.arange(9.0)}), 'A "reading" & more.', "weights")
    assert str(picture) == 'A "reading" & more.'
    assert 'alt="A &quot;reading&quot; &amp; more."' in picture._repr_html_()
    for ending in ("png", "svg", "html"):
        picture.save(tmp_path / f"w.{ending}")
        assert (tmp_path / f"w.{ending}").stat().st_size > 1000
    with pytest.raises(pel.OptionError, match=r"Expected a path that ends in \.png, \.svg, \.pdf, \.html\. Received"):
        picture.save(tmp_path / "w.txt")


def test_figures_hold_what_they_should() -> None:
    counts = np.array([[5, 1, 0], [0, 4, 2], [0, 0, 0]])
    figure = confusion_matrix(counts, ["a", "b", "c"], images=np.zeros((2, 4, 4)), cell=(1, 2))
    matrix = figure.subfigs[0].axes[0]
    assert sorted(text.get_text() for text in matrix.texts) == ["1", "2", "4", "5"]
    assert figure.subfigs[1].get_suptitle() == "b, taken for c"
    assert not confusion_matrix(np.eye(30, dtype=int)).axes[0].texts
    panel = histograms({"relu": [0.0] * 6 + [1.0, 2.0, 3.0]}).axes[0]
    assert [text.get_text() for text in panel.texts] == ["67% are 0"]
    assert sum(patch.get_height() for patch in panel.patches) == 3
    with pytest.raises(pel.OptionError, match=r"expected counts of shape \(classes, classes\); received \(2, 3\)"):
        confusion_matrix(np.ones((2, 3)))
    with pytest.raises(pel.OptionError, match="expected a name for each of 3 classes; received 1"):
        confusion_matrix(counts, ["a"])
    with pytest.raises(pel.OptionError, match="expected at least one array to draw; received none"):
        histograms({})
    with pytest.raises(
        pel.OptionError, match=r"images and gradients of one shape; received \(1, 4, 4\) and \(1, 3, 3\)"
    ):
        saliency_map(np.zeros((1, 4, 4)), np.zeros((1, 3, 3)))
    with pytest.raises(pel.OptionError, match="expected a title for each of 1 images; received 2"):
        saliency_map(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), ["a", "b"])


def test_lists_are_read_as_sentences() -> None:
    assert listed(["a", "b"]) == "a and b"
    assert listed([]) == ""
