"""Activations and regularizers are their formulas; one seed makes one network; importing them is light."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.nn import activations, regularizers

FORMULAS = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "exponential": np.exp,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "linear": lambda x: x,
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "relu": lambda x: np.maximum(x, 0),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


@pytest.mark.parametrize("name", sorted(FORMULAS))
@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_activations(rng: np.random.Generator, name: str, mode: str) -> None:
    x = pel.matrix("x", shape=("n", 3))
    value = rng.normal(size=(4, 3)).astype("float32")
    result = pel.function([x], activations.get(name)(x), mode=mode)(value)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, FORMULAS[name](value.astype("float64")), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(activations.NAMED) - {"exponential"}))
def test_activations_are_finite_far_out(name: str) -> None:
    x = pel.matrix("x", shape=("n", 2))
    y = activations.get(name)(x)
    for value in pel.function([x], [y, pel.grad(y.sum(), x)])([[1000.0, -1000.0], [0.0, 0.0]]):
        assert np.isfinite(value).all()


def test_every_activation_has_a_formula_here() -> None:
    assert set(activations.NAMED) == {*FORMULAS, "gelu"}  # gelu's example is its test: NumPy has no error function


def test_no_activation_and_one_of_ones_own() -> None:
    x = pel.matrix("x")
    assert activations.get(None)(x) is x
    assert activations.get(pel.tanh)(x) is pel.tanh(x)
    with pytest.raises(ValueError, match=r"no activation named 'rellu'. Did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(TypeError, match=r"Expected a name or a function for the activation. Received: 3"):
        activations.get(3)  # type: ignore[arg-type]


def test_penalties_leave_biases_alone() -> None:
    W, b = pel.shared([1.0, -2.0], "W"), pel.shared([10.0], "b", regularizable=False)
    value = pel.function([], [regularizers.l2([W, b]), regularizers.l2(b), regularizers.l1([W, b, W * 2])])()
    assert [float(v) for v in value] == [5, 100, 9]
    assert pel.function([], regularizers.l2([b]))() == 0


def test_strengths_are_factors() -> None:
    w = pel.shared([1.0, -2.0], "w")
    for regularizer, value in [
        (regularizers.L1(), 0.03),
        (regularizers.L2(0.5), 2.5),
        (regularizers.L1L2(1.0, 0.5), 5.5),
        (regularizers.L1L2(), 0.0),
    ]:
        assert pel.function([], regularizer(w))() == pytest.approx(value)
    assert repr(regularizers.get("l1")) == "L1(l1=0.01)"
    assert regularizers.get(None) is None


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: regularizers.l2(0.01), TypeError, r"l2 takes an expression .* write L2\(0.01\)"),  # type: ignore[arg-type]
        (lambda: regularizers.L2(-1), ValueError, "Expected a strength of 0 or more. Received: l2=-1"),
        (lambda: regularizers.get("l22"), ValueError, "no regularizer named 'l22'. Did you mean 'l2'"),
    ],
)
def test_what_is_no_penalty_is_refused(write: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write()


def network(seed: int) -> Any:
    nn.set_random_seed(seed)
    x = pel.matrix("x", shape=("n", 4))
    h = nn.Dropout(0.5)(nn.Dense(16, activation="tanh")(x))
    step = pel.function([x], nn.Dense(2)(h))
    return np.concatenate([step(np.ones((3, 4), "float32")) for _ in range(2)])


def test_the_same_seed_gives_the_same_network_and_the_same_dropout() -> None:
    np.testing.assert_array_equal(network(3), network(3))
    assert (network(3) != network(4)).any()


def test_dropout_leaves_the_weights_as_they_are() -> None:
    x = pel.matrix("x", shape=("n", 4))
    kernels = []
    for rate in (0, 0.5):
        nn.set_random_seed(0)
        layer = nn.Dense(3)
        layer(nn.Dropout(rate)(x))
        kernels.append(layer.kernel.get_value())
    np.testing.assert_array_equal(*kernels)


def test_layers_are_built_without_jax() -> None:
    program = (
        "import sys, pellucid as pel; from pellucid import nn; x = pel.matrix('x', shape=('n', 3));"
        "loss = nn.Dense(2, activation='softmax')(nn.Dropout(0.5)(x)).sum(); nn.optimizers.Adam().updates(loss);"
        "assert not {'jax', 'sklearn', 'matplotlib', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
