"""The linter finds nothing in sound networks of many kinds, and in the workshop's what they are known to have."""

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
from tests.nn.sound import SOUND, Made, regression_of_shares


@pytest.mark.parametrize("make", SOUND, ids=lambda make: make.__name__)
def test_nothing_is_found_in_a_sound_network(make: Callable[[], Made]) -> None:
    assert len(SOUND) >= 40
    nn.set_random_seed(0)
    loss, values = make()
    assert list(pel.lint(loss)) == []
    assert list(pel.lint(loss, values)) == []
    assert list(pel.lint(loss, parameters=pel.parameters(loss))) == []
    inputs = [e for e in topological([loss]) if isinstance(e, Input)]
    assert list(pel.lint(pel.function(inputs, pel.inference(loss)))) == []


def test_a_squared_error_of_shares_is_no_mistake_once_the_shares_are_seen() -> None:
    loss, values = regression_of_shares()
    assert [f.name for f in pel.lint(loss)] == ["squared error of a sigmoid"]
    assert list(pel.lint(loss, values)) == []


def moons() -> Any:
    from pellucid.byhand import moons as by_hand
    from pellucid.experiments.moons import Network

    return Network(by_hand.initialize(), 0.01, 0.01).objective


def digits() -> Any:
    from pellucid.experiments.mnist_cnn import Network

    network = Network(0.5, 0)
    return L.sparse_categorical_crossentropy(network.y, network.p).mean()


def one_layer_of_digits() -> Any:
    from pellucid.experiments.mnist_softmax import Network

    return Network(np.zeros((9, 784), "uint8"), np.zeros(9, "int32"), 0.1).step


def colours() -> Any:
    from pellucid.experiments.conv32 import Network

    network = Network(2, 0.5, 0)
    return L.sparse_categorical_crossentropy(network.y, network.p).mean()


def many_moons() -> Any:
    from pellucid.experiments.regularization import build

    return build(0.1, 8, 0.02, 40, 0)


def adder() -> Any:
    from pellucid.byhand import adder as by_hand
    from pellucid.experiments.adder import Network

    return Network(by_hand.initialize(4, 0), 4, 0.1).error


def pictures() -> Any:
    from pellucid.experiments.images import network

    return network(2, 0.01, 0)


def pictures_put_right() -> Any:
    model = pictures()
    model.compile("sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def adder_put_right() -> Any:
    x, y = pel.matrix("x", (4, 2)), pel.matrix("y", (4, 1))
    cell, answer = nn.SimpleRNN(4, activation="sigmoid", return_sequences=True), nn.Dense(1, activation="sigmoid")
    return L.binary_crossentropy(y, answer(cell(x[None]))[0]).mean()


WORKSHOP: list[tuple[Callable[[], Any], list[str]]] = [
    (moons, []),
    (digits, []),
    (one_layer_of_digits, []),
    (colours, []),
    (many_moons, []),
    (adder, ["squared error of a sigmoid"]),
    (adder_put_right, []),
    (pictures, ["binary crossentropy of a softmax"]),
    (pictures_put_right, []),
]


@pytest.mark.parametrize(("make", "known"), WORKSHOP, ids=lambda v: getattr(v, "__name__", ""))
def test_the_networks_of_the_workshop(make: Callable[[], Any], known: list[str]) -> None:
    assert [f.name for f in pel.lint(make())] == known
