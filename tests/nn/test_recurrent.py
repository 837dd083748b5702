"""The recurrent layer is its loop, written out in NumPy."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn


def by_hand(layer: Any, x: Any, backwards: bool) -> Any:
    """Return every state in the order in which it was reached, (batch, time, units)."""
    W, U, b = (p.get_value() for p in layer.parameters)
    h = np.zeros((len(x), layer.units), x.dtype)
    states = []
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        states.append(h)
    return np.stack(states, axis=1)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("every", [False, True])
def test_it_is_its_loop(rng: np.random.Generator, mode: str, backwards: bool, every: bool) -> None:
    x = pel.tensor3("x", shape=("n", "t", 2))
    layer = nn.SimpleRNN(4, bias_initializer="random_normal", return_sequences=every, go_backwards=backwards)
    value = rng.normal(size=(3, 5, 2)).astype("float32")
    result = pel.function([x], layer(x), mode=mode)(value)
    states = by_hand(layer, value, backwards)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, states if every else states[:, -1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_backpropagation_through_time(
    rng: np.random.Generator, check_gradients: Any, every: bool, backwards: bool
) -> None:
    x = pel.tensor("x", ("n", 4, 2), "float64")
    layer = nn.SimpleRNN(3, return_sequences=every, go_backwards=backwards, recurrent_regularizer="l2")
    h = layer(x)
    weights = rng.normal(size=h.shape[1:])
    loss = (h * weights).sum() + layer.regularization()
    check_gradients(loss, layer.parameters, [x], [rng.normal(size=(2, 4, 2))])


def test_it_begins_as_keras_does() -> None:
    layer = nn.SimpleRNN(8)
    layer(pel.tensor3("x", shape=("n", 3, 2)))
    U = layer.recurrent_kernel.get_value()
    np.testing.assert_allclose(U @ U.T, np.eye(8), atol=1e-5)
    assert not layer.bias.get_value().any()
    assert [p.name for p in layer.parameters] == [f"{layer.name}/{k}" for k in ("kernel", "recurrent_kernel", "bias")]


def test_without_bias_or_activation(rng: np.random.Generator) -> None:
    x = pel.tensor3("x", shape=(None, 2, 2))
    layer = nn.SimpleRNN(2, activation=None, use_bias=False)
    value = rng.normal(size=(1, 2, 2)).astype("float32")
    result = pel.function([x], layer(x))(value)
    W, U = (p.get_value() for p in layer.parameters)
    np.testing.assert_allclose(result, value[:, 1] @ W + value[:, 0] @ W @ U, rtol=1e-4, atol=1e-6)
