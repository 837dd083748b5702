"""Attribution: contributions against NumPy, completeness, and covered images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.inspect.attribution import Scorer, find_training_mean, integrated_gradients, occlude
from pellucid.model.errors import ModelError

pytestmark = pytest.mark.usefixtures("interpret_functions")


def make(layers: Sequence[Any]) -> pel.Sequential:
    nn.set_random_seed(2)
    return pel.Sequential(list(layers))


@pytest.fixture
def classifier() -> pel.Sequential:
    return make([nn.Input((3,)), nn.Dense(8, activation="relu"), nn.Dense(4, activation="softmax")])


def integrate_in_numpy(model: pel.Sequential, x: np.ndarray, baseline: np.ndarray, target: int) -> np.ndarray:
    """Return integrated gradients of a ReLU network with softmax, by hand and with many equal steps."""
    w1, b1, w2, b2 = (p.get_value().astype(float) for p in model.parameters)
    steps = 20_000
    t = (np.arange(steps)[:, None] + 0.5) / steps
    hidden = (baseline + t * (x - baseline)) @ w1 + b1
    scores = np.maximum(hidden, 0) @ w2 + b2
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d_scores = p[:, [target]] * (np.eye(4)[target] - p)
    total = ((hidden > 0) * (d_scores @ w2.T) @ w1.T).sum(axis=0)
    return (x - baseline) * total / steps


def test_contributions_equal_those_computed_by_hand(classifier: pel.Sequential) -> None:
    x, baseline = np.array([[1.5, -2.0, 0.5]], "float32"), np.array([0.1, 0.2, -0.3])
    found = integrated_gradients(classifier, x, baseline, np.array([2]))
    np.testing.assert_allclose(found.contributions[0], integrate_in_numpy(classifier, x[0], baseline, 2), atol=2e-4)


def test_contributions_add_up(classifier: pel.Sequential) -> None:
    x = np.random.default_rng(0).normal(size=(30, 3)).astype("float32") * 3
    targets = np.arange(30) % 4
    found = integrated_gradients(classifier, x, np.zeros(3), targets)
    rows = np.arange(30)
    np.testing.assert_allclose(found.predictions, classifier.predict(x)[rows, targets], atol=1e-6)
    difference = found.predictions - classifier.predict(np.zeros((1, 3), "float32"))[0, targets]
    np.testing.assert_allclose(found.contributions.sum(axis=1), difference, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(found.errors, difference - found.contributions.sum(axis=1), atol=1e-6)


def test_integers_and_images_have_contributions() -> None:
    layers = [nn.Input((4, 4, 1), dtype="uint8"), nn.Rescaling(1 / 255), nn.Conv2D(2, 3, activation="tanh")]
    model = make([*layers, nn.Flatten(), nn.Dense(1)])
    x = np.random.default_rng(0).integers(0, 255, (2, 4, 4, 1), "uint8")
    found = integrated_gradients(model, x, np.full((4, 4, 1), 100.0), np.zeros(2, int))
    assert found.contributions.shape == x.shape
    np.testing.assert_allclose(found.errors, 0, atol=1e-4)


def test_a_model_without_a_gradient_or_with_two_inputs_is_an_error() -> None:
    model = make([nn.Input((2,), dtype="int32"), nn.Embedding(5, 3), nn.Flatten(), nn.Dense(1)])
    with pytest.raises(ModelError, match="no gradient with respect to its input"):
        integrated_gradients(model, np.zeros((1, 2), "int32"), np.zeros(2), np.zeros(1, int))
    a, b = nn.Input((2,), name="a"), nn.Input((2,), name="b")
    two = pel.Model([a, b], nn.Dense(1)(nn.Concatenate()([a, b])))
    with pytest.raises(ModelError, match=r"expected one input and one output\. Received: a, b"):
        integrated_gradients(two, np.zeros((1, 2), "float32"), np.zeros(2), np.zeros(1, int))


def test_scores_are_log_odds_where_there_are_probabilities(classifier: pel.Sequential) -> None:
    x = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
    p = classifier.predict(x).astype(float)
    scorer = Scorer(classifier)
    outputs, scores = scorer.compute(x, 1)
    np.testing.assert_allclose(outputs, p, atol=1e-6)
    np.testing.assert_allclose(scores, np.log(p[:, 1] / (1 - p[:, 1])), rtol=1e-3, atol=1e-5)
    assert scorer.are_log_odds
    binary = make([nn.Input((3,)), nn.Dense(1, activation="sigmoid")])
    p = binary.predict(x).astype(float)[:, 0]
    np.testing.assert_allclose(Scorer(binary).compute(x, 0)[1], np.log(p / (1 - p)), rtol=1e-3)
    linear = make([nn.Input((3,)), nn.Dense(2)])
    np.testing.assert_allclose(Scorer(linear).compute(x, 1)[1], linear.predict(x)[:, 1], rtol=1e-5)


def test_squares_cover_every_pixel() -> None:
    model = make([nn.Input((9, 7)), nn.Flatten(), nn.Dense(2)])
    image = np.random.default_rng(0).normal(size=(9, 7)).astype("float32")
    found = occlude(Scorer(model), image, 1)
    assert found.size == 1
    assert found.effects.shape == (9, 7)
    weights = model.parameters[0].get_value()[:, 1].reshape(9, 7)
    # Of a linear network, the drop is the weight times the distance from the color.
    np.testing.assert_allclose(found.effects, weights * (image - image.mean()), atol=1e-5)


def test_squares_have_the_mean_color_or_a_given_one() -> None:
    weights = np.array([1.0, 10.0, 100.0], "float32")
    model = make([nn.Input((4, 4, 3)), nn.Lambda(lambda x: (x * weights).sum(axis=(1, 2, 3))[:, None])])
    image = np.zeros((4, 4, 3), "float32")
    image[..., 0], image[..., 1], image[0, 0, 2] = 1, 2, 16
    found = occlude(Scorer(model), image, 0)
    # Covering a pixel of the background replaces its color by the mean color, whose third channel is 1.
    assert found.effects[3, 3] == pytest.approx(-100)
    assert found.effects[0, 0] == pytest.approx(1500)
    assert occlude(Scorer(model), image, 0, np.array([0, 0, 2])).effects[3, 3] == pytest.approx(1 + 20 - 200)


def test_the_training_mean_is_that_of_the_first_layer() -> None:
    scaling = nn.Normalization()
    scaling.adapt(np.array([[1.0, 10.0], [3.0, 30.0]], "float32"))
    model = make([nn.Input((2,)), scaling, nn.Dense(1)])
    np.testing.assert_allclose(find_training_mean(model, (2,)), [2.0, 20.0])
    assert find_training_mean(make([nn.Input((2,)), nn.Dense(1)]), (2,)) is None
