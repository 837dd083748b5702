"""Tests of recurrent layers against NumPy loops and Keras."""

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.traversal import topological
from tests.nn.peers import recurrent as peers
from tests.nn.peers import store

COMPILED = [
    pytest.param(name, marks=[pytest.mark.slow] * (name not in ("LSTM: all backwards", "two layers, masked")))
    for name in peers.CASES
    if name.endswith(("all backwards", ": None", "layers, masked"))
]
KINDS = [nn.SimpleRNN, nn.LSTM, nn.GRU]
MASK = np.array([[True] * 5, [False, True, False, True, True], [True, True, True, False, False]])


@pytest.mark.parametrize("case", peers.CASES)
def test_layers_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case, "numpy"), store.load("recurrent")[case])


@pytest.mark.parametrize("case", COMPILED)
def test_compiled_layers_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case, "xla"), store.load("recurrent")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("recurrent")[case])


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def simple(W: Any, U: Any, b: Any) -> Callable[..., Any]:
    return lambda x, h: (np.tanh(x @ W + h @ U + b),)


def lstm(W: Any, U: Any, b: Any) -> Callable[..., Any]:
    def step(x: Any, h: Any, c: Any) -> Any:
        i, f, new, o = np.split(x @ W + h @ U + b, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        return sigmoid(o) * np.tanh(c), c

    return step


def gru(W: Any, U: Any, b: Any) -> Callable[..., Any]:
    def step(x: Any, h: Any) -> Any:
        (xz, xr, xh), (hz, hr, hh) = np.split(x @ W + b[0], 3, axis=-1), np.split(h @ U + b[1], 3, axis=-1)
        z = sigmoid(xz + hz)
        return (z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh),)

    return step


STEPS = {nn.SimpleRNN: simple, nn.LSTM: lstm, nn.GRU: gru}


def run_numpy_loop(layer: Any, x: Any, mask: Any = None, states: Any = None) -> tuple[Any, Any]:
    """Return all outputs in processing order, (batch, time, units), and the last states."""
    step = STEPS[type(layer)](*layer.get_weights())
    states = [np.zeros((len(x), layer.units), x.dtype)] * layer.states if states is None else states
    outputs = []
    for t in reversed(range(x.shape[1])) if layer.go_backwards else range(x.shape[1]):
        new = step(x[:, t], *states)
        if mask is not None:
            new = [np.where(mask[:, t, None], n, s) for n, s in zip(new, states, strict=True)]
        states = list(new)
        outputs.append(states[0])
    return np.stack(outputs, axis=1), states


@pytest.mark.sample(2)
@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_agree_with_numpy_loops(rng: np.random.Generator, mode: str, kind: Any) -> None:
    x, mask = pel.tensor3("x", shape=("n", "t", 2)), pel.tensor("mask", ("n", "t"), "bool")
    value = rng.normal(size=(3, 5, 2)).astype("float32")
    results, expected, names = [], [], []
    for backwards, masked in np.ndindex(2, 2):
        settings = {"return_sequences": True, "return_state": True, "go_backwards": bool(backwards)}
        layer = kind(4, bias_initializer="random_normal", **settings)
        results += layer(x, **({"mask": mask} if masked else {}))
        outputs, states = run_numpy_loop(layer, value, MASK if masked else None)
        expected += [outputs, *states]
        names += [f"backwards={backwards}, masked={masked}"] * (1 + len(states))
    found = pel.function([x, mask], results, mode=mode)(value, MASK)
    for name, result, wanted in zip(names, found, expected, strict=True):
        assert result.dtype == np.float32, name
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-6, err_msg=name)


def test_lstm_uses_the_bias_of_another_layer() -> None:
    x = pel.tensor3("x", shape=(None, 5, 2))
    first = nn.LSTM(4)
    first(x)
    second = nn.LSTM(4, bias_initializer=first.bias)
    second(x)
    assert second.bias is first.bias


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_the_last_output(rng: np.random.Generator, kind: Any) -> None:
    x = pel.tensor3("x", shape=(None, 5, 2))
    layer = kind(4)
    value = rng.normal(size=(3, 5, 2)).astype("float32")
    result = pel.function([x], layer(x), mode="numpy")(value)
    np.testing.assert_allclose(result, run_numpy_loop(layer, value)[0][:, -1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_backpropagation_through_time(rng: np.random.Generator, check_gradients: Any, kind: Any) -> None:
    x = pel.tensor("x", ("n", 4, 2), "float64")
    layer = kind(2, recurrent_regularizer="l2", go_backwards=True, return_sequences=True)
    h = layer(pel.attach_mask(x, (x > -0.5).all(axis=2)))
    loss = (h * rng.normal(size=h.shape[1:])).sum() + layer.regularization()
    check_gradients(loss, layer.parameters, [x], [rng.normal(size=(2, 4, 2))])


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_change_nothing(rng: np.random.Generator, kind: Any) -> None:
    x = pel.tensor("x", (2, 7, 2), "float64")
    layer = kind(3)
    other = kind(3, checkpoint=True)
    plain, saving = (pel.grad((made(x) ** 2).sum(), made.parameters) for made in (layer, other))
    other.set_weights(layer.get_weights())
    found = pel.function([x], [*plain, *saving], mode="numpy")(rng.normal(size=(2, 7, 2)))
    for a, b in zip(found[:3], found[3:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


WALKS: dict[str, Callable[[], Any]] = {
    "SimpleRNN": lambda: nn.SimpleRNN(8),
    "LSTM": lambda: nn.LSTM(8),
    "GRU": lambda: nn.GRU(8),
    "Bidirectional": lambda: nn.Bidirectional(nn.LSTM(8)),
}


@pytest.mark.parametrize("name", WALKS)
def test_the_graph_does_not_grow_with_the_number_of_steps(name: str) -> None:
    def count_nodes(steps: int) -> int:
        x = pel.tensor3("x", shape=("n", steps, 2))
        layer = WALKS[name]()
        loss = (layer(pel.attach_mask(x, x[:, :, 0] > -1)) ** 2).mean()
        return len(topological([loss, *pel.grad(loss, layer.parameters)]))

    assert count_nodes(10) == count_nodes(1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", WALKS)
def test_compile_time_does_not_grow_with_the_number_of_steps(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", "0")

    def seconds(steps: int) -> float:
        x = pel.tensor3("x", shape=("n", steps, 2))
        loss = ((WALKS[name]()(pel.attach_mask(x, x[:, :, 0] > -1)) - 0.5) ** 2).mean()
        values = rng.normal(size=(4, steps, 2)).astype("float32")
        start = time.process_time()
        train = pel.function([x], loss, updates=nn.optimizers.SGD(0.5).updates(loss))
        first = train(values)
        spent = time.process_time() - start
        losses = [train(values) for _ in range(10)]
        assert np.isfinite(losses).all()
        assert losses[-1] < 0.9 * first
        return spent

    short, long = seconds(10), seconds(1000)
    assert long < 1.5 * short + 0.5


@pytest.mark.parametrize("masked", [False, True])
def test_bidirectional_with_initial_states_is_two_loops(rng: np.random.Generator, masked: bool) -> None:
    x, mask = pel.tensor3("x", shape=("n", "t", 2)), pel.tensor("mask", ("n", "t"), "bool")
    initial_states = [pel.matrix(f"s{i}", shape=("n", 4)) for i in range(4)]
    layer = nn.Bidirectional(nn.LSTM(4, return_sequences=True, return_state=True), merge_mode=None)
    results = layer(x, initial_state=initial_states, **({"mask": mask} if masked else {}))
    value = rng.normal(size=(3, 5, 2)).astype("float32")
    states = [rng.normal(size=(3, 4)).astype("float32") for _ in initial_states]
    counts = MASK if masked else np.ones_like(MASK)
    inputs = [x, *initial_states, *([mask] if masked else [])]
    found = pel.function(inputs, results, mode="numpy")(value, *states, *([MASK] if masked else []))
    for way, part, first in ((0, layer.forward_layer, states[:2]), (1, layer.backward_layer, states[2:])):
        outputs, last = run_numpy_loop(part, value, counts, first)
        in_order = np.where(counts[:, :, None], outputs[:, ::-1] if way else outputs, 0)  # masked steps output 0
        np.testing.assert_allclose(found[way], in_order, rtol=1e-4, atol=1e-6)
        for state, wanted in zip(found[2 + 2 * way : 4 + 2 * way], last, strict=True):
            np.testing.assert_allclose(state, wanted, rtol=1e-4, atol=1e-6)


def test_initial_values_are_those_of_keras() -> None:
    for kind, gates in ((nn.SimpleRNN, 1), (nn.LSTM, 4), (nn.GRU, 3)):
        layer = kind(8)
        layer(pel.tensor3("x", shape=("n", 3, 2)))
        U = layer.recurrent_kernel.get_value()
        assert U.shape == (8, 8 * gates)
        np.testing.assert_allclose(U @ U.T, np.eye(8), atol=1e-5)
        assert [p.name for p in layer.parameters] == [
            f"{layer.name}/{k}" for k in ("kernel", "recurrent_kernel", "bias")
        ]
        ones = layer.bias.get_value() != 0
        assert ones.any() == (kind is nn.LSTM)
    layer = nn.LSTM(2)
    layer(pel.tensor3("x", shape=("n", 3, 2)))
    assert layer.bias.get_value().tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    layer = nn.LSTM(2, unit_forget_bias=False)
    layer(pel.tensor3("x", shape=("n", 3, 2)))
    assert not layer.bias.get_value().any()


def test_without_bias_or_activation(rng: np.random.Generator) -> None:
    x = pel.tensor3("x", shape=(None, 2, 2))
    layer = nn.SimpleRNN(2, activation=None, use_bias=False)
    value = rng.normal(size=(1, 2, 2)).astype("float32")
    result = pel.function([x], layer(x), mode="numpy")(value)
    W, U = (p.get_value() for p in layer.parameters)
    np.testing.assert_allclose(result, value[:, 1] @ W + value[:, 0] @ W @ U, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_constraints_hold_after_a_step(rng: np.random.Generator, kind: Any) -> None:
    x = pel.tensor3("x", shape=("n", 3, 2))
    layer = kind(2, kernel_constraint="non_neg", recurrent_constraint="non_neg", bias_constraint="non_neg")
    loss = layer(x).sum()
    step = pel.function([x], loss, updates=nn.optimizers.SGD(0.1).updates(loss), mode="numpy")
    step(rng.normal(size=(4, 3, 2)).astype("float32"))
    assert all((value >= 0).all() for value in layer.get_weights())


@pytest.mark.parametrize("kind", KINDS)
def test_input_dropout_is_the_same_at_every_step(kind: Any) -> None:
    x = pel.tensor3("x", shape=("n", 6, 3))
    layer = kind(3, dropout=0.5, kernel_initializer="ones", recurrent_initializer="zeros", seed=1)
    layer(x)
    seen = layer.prepare_sequence(x)
    f = pel.function([x], seen, mode="numpy")
    first, second = f(np.ones((8, 6, 3), "float32")), f(np.ones((8, 6, 3), "float32"))
    assert (first == first[:1]).all()
    assert len(np.unique(first[0, :, 0])) > 1
    assert (first != second).any()


@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_dropout_is_the_same_at_every_step(rng: np.random.Generator, kind: Any) -> None:
    x = pel.tensor3("x", shape=("n", 6, 2))
    layer = kind(3, recurrent_dropout=0.5, dropout=0.25)
    plain = kind(3)
    trained, predicted, wanted = layer(x), pel.inference(layer(x)), plain(x)
    plain.set_weights(layer.get_weights())
    value = rng.normal(size=(4, 6, 2)).astype("float32")
    f = pel.function([x], [trained, predicted, wanted], mode="numpy")
    (a, b, c), (d, _, _) = f(value), f(value)
    np.testing.assert_allclose(b, c, rtol=1e-5, atol=1e-6)
    assert (a != b).any()
    assert (a != d).any()


def test_recurrent_dropout_is_independent_for_each_unit() -> None:
    x = pel.tensor3("x", shape=("n", 4, 1))
    layer = nn.SimpleRNN(
        50, activation=None, recurrent_dropout=0.5, kernel_initializer="ones", recurrent_initializer="identity", seed=2
    )
    result = pel.function([x], layer(x), mode="numpy")(np.ones((1, 4, 1), "float32"))
    # The recurrent input of a unit is either 0 at all steps or doubled at all steps.
    assert sorted(np.unique(result)) == [1, 15]


class Mean(nn.Layer):
    """A cell whose output differs from its state."""

    state_size = (2, 2)

    def build(self, x: Any) -> None:
        self.gain = self.parameter("gain", (3,), np.ones, x)

    def call(self, x_t: Any, states: Any) -> Any:
        total, count = states[0] + x_t, states[1] + 1
        return pel.concatenate([total / count, total[:, :1]], axis=1) * self.gain, [total, count]


@pytest.mark.parametrize(("mode", "zeros"), [("numpy", False), ("numpy", True), ("xla", False)])
def test_custom_cell(rng: np.random.Generator, mode: str, zeros: bool) -> None:
    x, mask = pel.tensor3("x", shape=("n", 5, 2)), pel.tensor("mask", ("n", 5), "bool")
    layer = nn.RNN(Mean(name="mean"), return_sequences=True, return_state=True, zero_output_for_mask=zeros)
    value = rng.normal(size=(3, 5, 2)).astype("float32")
    last = nn.RNN(layer.cell)(x, mask=mask)
    outputs, total, count, result = pel.function([x, mask], [*layer(x, mask=mask), last], mode=mode)(value, MASK)
    assert [p.name for p in layer.parameters] == ["mean/gain"]
    np.testing.assert_allclose(total, (value * MASK[..., None]).sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(count[:, 0], MASK.sum(axis=1))
    np.testing.assert_allclose(outputs[0, -1, :2], value[0].mean(axis=0), rtol=1e-5)
    assert not outputs[1, 0].any()  # there is no previous output
    np.testing.assert_array_equal(outputs[1, 2], np.zeros(3) if zeros else outputs[1, 1])
    np.testing.assert_array_equal(outputs[2, 4], np.zeros(3) if zeros else outputs[2, 2])
    np.testing.assert_array_equal(result[2], outputs[2, 2])


def test_a_cell_with_one_state_may_return_it_alone(rng: np.random.Generator) -> None:
    class Total(nn.Layer):
        state_size = 2

        def call(self, x_t: Any, states: Any) -> Any:
            total = states[0] + x_t
            return total, total

    x = pel.tensor3("x", shape=("n", 5, 2))
    value = rng.normal(size=(3, 5, 2)).astype("float32")
    layer = nn.RNN(Total())
    np.testing.assert_allclose(
        pel.function([x], layer(x), mode="numpy")(value), value.sum(axis=1), rtol=1e-5, atol=1e-6
    )
    assert layer.clone().cell is not layer.cell


def test_the_mask_is_kept() -> None:
    x = pel.tensor3("x", shape=("n", 5, 2))
    given = pel.attach_mask(x, (x != 0).any(axis=2))
    for settings in ({"return_sequences": True}, {"return_sequences": True, "return_state": True}):
        found = nn.LSTM(3, **settings)(given)
        assert nn.find_mask(found[0] if isinstance(found, tuple) else found) is nn.find_mask(given)
    turned = nn.find_mask(nn.GRU(3, return_sequences=True, go_backwards=True)(given))
    assert turned is pel.flip(nn.find_mask(given), axis=1)
    assert nn.find_mask(nn.GRU(3)(given)) is None


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "uint8"])
def test_other_dtypes(dtype: str) -> None:
    x = pel.tensor("x", ("n", 3, 2), dtype)
    y = nn.LSTM(4)(x)
    assert y.dtype == ("float32" if dtype == "uint8" else dtype)
    assert pel.function([x], y, mode="numpy")(np.ones((2, 3, 2), dtype)).dtype == y.dtype


def test_a_second_call_shares_parameters_and_may_have_another_dtype() -> None:
    layer = nn.GRU(3)
    layer(pel.tensor3("x", shape=("n", 4, 2)))
    before = layer.parameters
    assert layer(pel.tensor("y", ("n", 7, 2), "float64")).dtype == np.float64
    assert layer.parameters == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: nn.LSTM(0), "lstm: expected units to be an integer of 1 or more. Received: units=0"),
        (lambda x: nn.GRU(2, name="g", dropout=1.5), "g/dropout: expected a rate of 0 or more and below 1"),
        (lambda x: nn.GRU(2, name="g")(x[0]), "g: expected an input of 3 axes. Received: x[0]"),
        (
            lambda x: nn.LSTM(2, name="l")(x, initial_state=x[:, 0]),
            "l: expected an initial_state of (n, 2), (n, 2). Received: x[:, 0], of shape (n, 3)",
        ),
        (
            lambda x: nn.GRU(2, name="g")(x, initial_state=[x[:, 0]]),
            "g: expected an initial_state of (n, 2). Received: x[:, 0], of shape (n, 3)",
        ),
        (lambda x: nn.GRU(2)(x, mask=x), "Expected a mask of shape (batch, time)"),
        (lambda x: nn.RNN(3, name="r"), "r: expected a cell, which is a Layer with a state_size"),
        (lambda x: nn.RNN(Bare(), name="r")(x), "r: expected bare to return its output and the new states"),
        (
            lambda x: nn.GRU(2, name="g", checkpoint="a"),
            "g: expected checkpoint to be an integer of 1 or more. Received",
        ),
        (lambda x: nn.GRU(2, kernel_constraint="nonneg"), "There is no constraint named 'nonneg'. Did you mean"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(make: Any, message: str) -> None:
    class_named = re.sub(r"^lstm", r"lstm(_\\d+)?", re.escape(message))
    with pytest.raises((ValueError, TypeError), match=class_named):
        make(pel.tensor3("x", shape=("n", 4, 3)))


class Bare(nn.Layer):
    """A cell that returns no states."""

    state_size = 3

    def __init__(self) -> None:
        super().__init__("bare")

    def call(self, x_t: Any, states: Any) -> Any:
        return x_t
