"""The linter finds no problem in healthy networks, and the known ones in the networks of the course."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Input
from pellucid.graph.traversal import topological
from pellucid.nn import losses as L
from tests.nn.healthy_networks import HEALTHY, Made, regression_of_fractions


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
def test_healthy_network_has_no_findings(make: Callable[[], Made]) -> None:
    assert len(HEALTHY) >= 40
    nn.set_random_seed(0)
    loss, values = make()
    assert list(pel.lint(loss)) == []
    assert list(pel.lint(loss, values)) == []
    assert list(pel.lint(loss, parameters=pel.parameters(loss))) == []
    inputs = [e for e in topological([loss]) if isinstance(e, Input)]
    assert list(pel.lint(pel.function(inputs, pel.inference(loss)))) == []


def test_squared_error_of_fractions_is_accepted_with_data() -> None:
    loss, values = regression_of_fractions()
    assert [f.name for f in pel.lint(loss)] == ["squared error of a sigmoid"]
    assert list(pel.lint(loss, values)) == []


def draw_normal(self: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def moons() -> Any:
    from pellucid.byhand import moons as by_hand
    from pellucid.course.networks.moons import MoonsNetwork

    return MoonsNetwork(by_hand.initialize(), 0.01, 0.01).cost


def digits() -> Any:
    from pellucid.course.networks.mnist_cnn import MnistCnnNetwork

    network = MnistCnnNetwork(0.5, 0)
    return L.sparse_categorical_crossentropy(network.y, network.p).mean()


def one_layer_of_digits() -> Any:
    from pellucid.course.networks.common.softmax_layer import SoftmaxLayer

    return SoftmaxLayer(np.zeros((9, 784), "uint8"), np.zeros(9, "int32"), 0.1).step


def color_images() -> Any:
    from pellucid.course.networks.conv32 import Conv32Network

    network = Conv32Network(2, 0.5, 0)
    return L.sparse_categorical_crossentropy(network.y, network.p).mean()


def many_moons() -> Any:
    from pellucid.course.networks.regularization import build

    return build(0.1, 8, 0.02, 40, 0)


def adder() -> Any:
    from pellucid.byhand import adder as by_hand
    from pellucid.course.networks.adder import AdderNetwork

    return AdderNetwork(by_hand.initialize(4, 0), 4, 0.1).error


def images() -> Any:
    from pellucid.course.networks.images import build_model

    return build_model(2, 0.01, 0)


def images_fixed() -> Any:
    model = images()
    model.compile("sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def adder_fixed() -> Any:
    x, y = pel.matrix("x", (4, 2)), pel.matrix("y", (4, 1))
    cell, answer = nn.SimpleRNN(4, activation="sigmoid", return_sequences=True), nn.Dense(1, activation="sigmoid")
    return L.binary_crossentropy(y, answer(cell(x[None]))[0]).mean()


COURSE: list[tuple[Callable[[], Any], list[str]]] = [
    (moons, []),
    (digits, []),
    (one_layer_of_digits, []),
    (color_images, []),
    (many_moons, []),
    (adder, ["squared error of a sigmoid"]),
    (adder_fixed, []),
    (images, ["binary cross-entropy of a softmax"]),
    (images_fixed, []),
]


@pytest.mark.parametrize(("make", "known"), COURSE, ids=lambda v: getattr(v, "__name__", ""))
def test_networks_of_the_course(make: Callable[[], Any], known: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # No check reads the weights, and orthogonal matrices of this size take half a second.
    monkeypatch.setattr(nn.initializers.Orthogonal, "draw", draw_normal)
    assert [f.name for f in pel.lint(make(), ranges={})] == known  # with range checks, which find nothing


RANGES: dict[str, set[str]] = {
    "variational": {"exp may overflow", "expm1 may overflow"},  # exp of an unbounded log-variance
    "counts": {"exp may overflow"},  # the rate of a Poisson distribution
    "mean_and_deviation": {"log outside of its domain", "division by 0"},  # a softplus underflows to 0
    "distillation": {"log outside of its domain"},  # the same
    "masked_deviation": {"log outside of its domain", "division by 0"},  # a softplus underflows to 0
    "segmentation": {"division by 0"},  # targets are unbounded without ranges
    "experts": {"log outside of its domain", "division by 0"},  # a mixture of softmaxes underflows to 0
    "ensemble": {"log outside of its domain", "division by 0"},
}
"""What range checks report about healthy networks. All of it can happen, for extreme parameters."""


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
def test_range_checks_of_healthy_networks_report_what_can_happen(make: Callable[[], Made]) -> None:
    nn.set_random_seed(0)
    loss, _ = make()
    gradients = pel.grad(loss, pel.parameters(loss))
    found = {f.name for outputs in ([loss], gradients) for f in pel.check_ranges(outputs)}
    assert found == RANGES.get(make.__name__, set())


def test_range_checks_with_the_range_of_the_targets() -> None:
    loss, _ = next(make for make in HEALTHY if make.__name__ == "segmentation")()
    assert not pel.check_ranges(loss, {"t": (0, 1)})
    assert [f.name for f in pel.lint(loss, ranges={})] == ["division by 0"]
    assert not pel.lint(loss, ranges={"t": (0, 1)})
