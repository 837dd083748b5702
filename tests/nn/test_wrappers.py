"""Tests of wrapper layers. Their agreement with Keras is tested in test_recurrent.py."""

import re
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn


def make_sequence(time: Any = 4) -> Any:
    return pel.tensor3("x", shape=("n", time, 2))


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_bidirectional_is_two_layers(rng: np.random.Generator, mode: str) -> None:
    x, value = make_sequence(), rng.normal(size=(3, 4, 2)).astype("float32")
    both = nn.Bidirectional(nn.LSTM(3, return_sequences=True))
    y = both(x)
    ahead, back = nn.LSTM(3, return_sequences=True), nn.LSTM(3, return_sequences=True)
    parts = ahead(x), back(x[:, ::-1])[:, ::-1]
    ahead.set_weights(both.get_weights()[:3])
    back.set_weights(both.get_weights()[3:])
    found, first, second = pel.function([x], [y, *parts], mode=mode)(value)
    np.testing.assert_allclose(found, np.concatenate([first, second], axis=-1), rtol=1e-5, atol=1e-6)


def test_bidirectional_clones_its_layer() -> None:
    layer = nn.GRU(3, name="model")
    layer(make_sequence())
    both = nn.Bidirectional(layer, name="both")
    both(make_sequence())
    assert [p.name for p in both.parameters] == [
        f"both/{way}/{name}" for way in ("forward", "backward") for name in ("kernel", "recurrent_kernel", "bias")
    ]
    assert not set(layer.parameters) & set(both.parameters)
    assert not layer.go_backwards
    other = both.clone()
    assert other.forward_layer is not both.forward_layer


def test_bidirectional_states_are_forward_first(rng: np.random.Generator) -> None:
    x, value = make_sequence(), rng.normal(size=(3, 4, 2)).astype("float32")
    both = nn.Bidirectional(nn.LSTM(3, return_state=True), merge_mode=None)
    ahead, back, *states = pel.function([x], both(x), mode="numpy")(value)
    assert len(states) == 4
    np.testing.assert_array_equal(states[0], ahead)
    np.testing.assert_array_equal(states[2], back)
    initial_states = both(x, initial_state=list(both(x)[2:]))
    assert len(initial_states) == 6


def test_bidirectional_keeps_masks() -> None:
    x = pel.attach_mask(make_sequence(), (make_sequence() != 0).any(axis=2))
    mask = nn.find_mask(x)
    for mode in ("concat", "sum", None):
        result = nn.Bidirectional(nn.GRU(3, return_sequences=True), merge_mode=mode)(x)
        assert all(nn.find_mask(y) is mask for y in (result if isinstance(result, tuple) else [result]))
    assert nn.find_mask(nn.Bidirectional(nn.GRU(3))(x)) is None
    assert nn.find_mask(nn.TimeDistributed(nn.Dense(3))(x)) is mask


@pytest.mark.parametrize("batch", ["n", None])
@pytest.mark.parametrize(("time", "mode"), [(4, "numpy"), ("t", "numpy"), (None, "numpy"), ("t", "xla")])
def test_time_distributed(rng: np.random.Generator, mode: str, batch: Any, time: Any) -> None:
    x = pel.tensor("x", (batch, time, 5, 2), "float32")
    value = rng.normal(size=(3, 4, 5, 2)).astype("float32")
    around = nn.TimeDistributed(nn.Conv1D(3, 2))
    y = around(x)
    assert y.shape[2:] == (4, 3)
    assert batch is None or y.shape[0] == batch
    assert time is None or y.shape[1] == time
    step = pel.tensor("x_t", ("n", 5, 2), "float32")
    found, each = pel.function([x], y, mode=mode)(value), pel.function([step], around.layer(step), mode="numpy")
    np.testing.assert_allclose(found, np.stack([each(value[:, t]) for t in range(4)], axis=1), rtol=1e-4, atol=1e-5)


def test_gradients(rng: np.random.Generator, check_gradients: Any) -> None:
    x = pel.tensor("x", ("n", "t", 2), "float64")
    layers = [nn.TimeDistributed(nn.Dense(2, activation="tanh")), nn.Bidirectional(nn.SimpleRNN(2), merge_mode="mul")]
    loss = (layers[1](layers[0](x)) ** 2).sum()
    check_gradients(loss, [p for layer in layers for p in layer.parameters], [x], [rng.normal(size=(2, 3, 2))])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Bidirectional(nn.Dense(2), name="b"),
            "b: expected a recurrent layer, such as LSTM",
        ),
        (
            lambda: nn.Bidirectional(nn.GRU(2), "conct", name="b"),
            "Received: merge_mode='conct'. Did you mean 'concat'?",
        ),
        (
            lambda: nn.Bidirectional(nn.GRU(2), backward_layer=nn.GRU(2), name="b"),
            "b: expected go_backwards=False of the layer and True of the backward_layer. Received: False and False",
        ),
        (
            lambda: nn.Bidirectional(
                nn.GRU(2), backward_layer=nn.GRU(2, go_backwards=True, return_sequences=True), name="b"
            ),
            "b: expected the same return_sequences of both layers. Received: False and True",
        ),
        (
            lambda: nn.Bidirectional(nn.LSTM(2), name="b")(make_sequence(), initial_state=[make_sequence()[:, 0]] * 2),
            "b: expected an initial_state of the states of the forward layer and then those of the backward layer",
        ),
        (lambda: nn.TimeDistributed(3, name="d"), "d: expected a layer of one expression"),
        (
            lambda: nn.TimeDistributed(nn.Dense(2), name="d")(pel.matrix("x")),
            "d: expected an input (batch, time, ...) with at least 3 axes. Received: x",
        ),
        (
            lambda: nn.TimeDistributed(nn.LSTM(2, return_state=True, name="l"), name="d")(
                pel.tensor4("x", shape=("n", 3, 4, 2))
            ),
            "d: expected l to have one result",
        ),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        make()
