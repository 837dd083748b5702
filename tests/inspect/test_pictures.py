"""Pictures of a model and their descriptions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.inspect import pictures
from pellucid.run.function_builder import function


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(function, mode="numpy")
    monkeypatch.setattr(pictures, "function", quick)
    monkeypatch.setattr("pellucid.training.prediction.function", quick)


def make_plane_model() -> Any:
    """Return a classifier of the left and the right half of the plane."""
    model = pel.Sequential([nn.Input((2,)), nn.Dense(2, activation="softmax", name="half")])
    model.set_weights([np.array([[-9.0, 9.0], [0.0, 0.0]], "float32"), np.zeros(2, "float32")])
    return model


def make_image_model() -> Any:
    """Return a classifier of 6x6 images: class 0 is bright on the left, class 1 on the right."""
    model = pel.Sequential(
        [
            nn.Input((6, 6, 1)),
            nn.Conv2D(3, 1, activation="relu", use_bias=False, name="conv"),
            nn.Flatten(name="flat"),
            nn.Dense(2, activation="softmax", name="side"),
        ]
    )
    kernel = np.zeros((6, 6, 3, 2), "float32")
    kernel[:, :3, 0, 0] = kernel[:, 3:, 0, 1] = 1.0
    model.set_weights([np.array([[[[1.0, -1.0, 0.5]]]], "float32"), kernel.reshape(-1, 2), np.zeros(2, "float32")])
    return model


def make_sides(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = 0.1 * rng.random((count, 6, 6, 1)).astype("float32"), np.arange(count) % 2
    for image, side in zip(x, y, strict=True):
        image[:, 3 * side : 3 * side + 3] += 1
    return x, y


def test_decision_boundary() -> None:
    x = np.array([[-1.0, 0.0], [1.0, 0.5], [0.8, -0.5], [-0.9, 0.4]])
    description = str(pictures.decision_boundary(make_plane_model(), x, [0, 1, 1, 1]))
    assert description.startswith("Of 4 points, 3 (75.0%) are classified correctly.")
    assert "close to a straight line" in description
    with pytest.raises(pel.ModelError, match=r"needs two features: expected x of shape \(n, 2\)\. Received: \(4, 3\)"):
        pictures.decision_boundary(make_plane_model(), np.zeros((4, 3)), [0, 1, 1, 1])


def test_confusion_matrix_shows_images_of_a_cell() -> None:
    model, (x, y) = make_image_model(), make_sides()
    wrong = y.copy()
    wrong[2] = 1
    picture = pictures.confusion_matrix(model, x, wrong, ["left", "right"])
    assert "right predicted as left, 1 of 4" in picture.reading
    matrix, behind = picture.figure.subfigs
    assert behind.get_suptitle() == "true right, predicted left"
    drawn = [axes.images[0].get_array() for axes in behind.axes if axes.images]
    assert len(drawn) == 1
    np.testing.assert_allclose(drawn[0], (x[2, ..., 0] - x[2].min()) / np.ptp(x[2]), rtol=1e-5)
    assert len(matrix.axes) == 1
    assert "There are no errors." in str(pictures.confusion_matrix(model, x, np.eye(2)[y]))
    with pytest.raises(pel.OptionError, match=r"Expected a cell .* with classes from 0 to 1\. Received: cell=\(0, 2\)"):
        pictures.confusion_matrix(model, x, y, cell=(0, 2))


def test_filters_and_feature_maps() -> None:
    model, (x, _) = make_image_model(), make_sides()
    assert "3 filters of 1x1 on 1 channel, with weights from -1 to 1" in str(pictures.filters(model))
    description = str(pictures.feature_maps(model, x[0]))
    assert description.startswith("3 maps of 6x6. Map 0 has the largest range")
    assert "1 is constant" in description
    with pytest.raises(pel.OptionError, match=r"has no layer 'cnv'\. Did you mean 'conv'\? Layers: conv, flat, side"):
        pictures.filters(model, "cnv")
    with pytest.raises(pel.ModelError, match="side, a Dense, has no 2D filters"):
        pictures.filters(model, "side")
    with pytest.raises(pel.ModelError, match=r"flat outputs float32 \(n, 108\)\. Expected feature maps"):
        pictures.feature_maps(model, x[0], 1)
    with pytest.raises(pel.ModelError, match="has no layer with 2D filters"):
        pictures.filters(make_plane_model())


def test_saliency_is_the_gradient_of_the_logit() -> None:
    model, (x, y) = make_image_model(), make_sides(2)
    picture = pictures.saliency(model, x, class_names=["left", "right"])
    assert "of image 0, left, on the left." in picture.reading
    assert "of image 1, right, on the right." in picture.reading
    maps = [axes.images[0].get_array() for axes in picture.figure.axes if axes.images][1::2]
    for number, drawn in enumerate(maps[:1]):
        np.testing.assert_allclose(drawn[:, 3 * y[number] : 3 * y[number] + 3], 1.0)
    other = pictures.saliency(model, x, classes=[1, 1], class_names=["left", "right"])
    assert "each of 2 images, on the right." in other.reading
    with pytest.raises(pel.ModelError, match=r"expected images \(n, height, width\) or .* Received: shape \(6, 6\)"):
        pictures.saliency(model, x[0, ..., 0])


def test_saliency_of_a_binary_classifier_names_the_predicted_class() -> None:
    for activation in ("sigmoid", None):
        model = pel.Sequential([nn.Input((4, 4)), nn.Flatten(), nn.Dense(1, activation=activation)])
        model.compile("sgd", "mse")
        model.set_weights([np.ones((16, 1), "float32"), np.zeros(1, "float32")])
        images = np.stack([np.full((4, 4), -1.0), np.full((4, 4), 0.02)])
        picture = pictures.saliency(model, images, class_names=["left", "right"])
        titles = " ".join(axes.get_title() + axes.get_title(loc="left") for axes in picture.figure.axes)
        assert ("left" in titles, "right" in titles) == (True, True), titles


def test_histograms_of_parameters_and_activations() -> None:
    model, (x, _) = make_image_model(), make_sides()
    weights = pictures.weight_histograms(model)
    assert [axes.get_title(loc="left") for axes in weights.figure.axes] == ["conv/kernel", "side/kernel", "side/bias"]
    description = str(pictures.activation_histograms(model, x))
    assert "conv: 648 values from 0 to" in description
    assert "33% are 0" in description
    assert "flat" not in description


def test_learning_curves() -> None:
    picture = pictures.learning_curves({"loss": [1.0, 0.5], "val_loss": [1.0, 0.8]})
    assert [line.get_label() for line in picture.figure.axes[0].lines] == ["training", "validation"]
    with pytest.raises(pel.OptionError, match=r"no metric 'acuracy' .* Did you mean 'accuracy'\? Metrics: loss"):
        pictures.learning_curves({"loss": [1.0], "accuracy": [0.5]}, "acuracy")
