"""Tests of activations: agreement with Keras and with formulas, and finite results for large inputs."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import activations
from tests.nn.peers import activations as peers
from tests.nn.peers import store

NAMES = sorted(activations.NAMED)
LARGE = np.array([[1000.0, -1000.0], [0.0, 0.0]], "float32")


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), store.load("activations")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("activations")[case])


def test_every_activation_has_a_case() -> None:
    tested = {activations.get(name) for name, _ in peers.CASES.values() if name != "threshold"}
    assert set(activations.NAMED.values()) - tested == {activations.sparsemax, activations.scaled_tanh}


def test_scaled_tanh_is_that_of_lasagne(rng: np.random.Generator) -> None:
    value, x = rng.normal(size=(3, 4)), pel.tensor("x", (3, 4), "float64")
    found = pel.function([x], [activations.scaled_tanh(x, 0.5, 2.0), activations.scaled_tanh(x)], mode="numpy")(value)
    np.testing.assert_allclose(found, [2 * np.tanh(value / 2), 1.7159 * np.tanh(2 * value / 3)], rtol=1e-12)


@pytest.mark.parametrize("axis", [1, 0])
def test_sparsemax_is_the_projection_onto_the_simplex(rng: np.random.Generator, axis: int) -> None:
    scores, cotangents = 2 * rng.normal(size=(6, 6)), rng.normal(size=(6, 6))
    x = pel.tensor("x", (6, 6), "float64")
    y = activations.sparsemax(x, axis=axis)
    found, gradient = pel.function([x], [y, pel.grad((y * cotangents).sum(), x)], mode="numpy")(scores)
    for row, z, g, gradient_row in zip(
        *(np.moveaxis(a, axis, -1) for a in (found, scores, cotangents, gradient)), strict=True
    ):
        support = row > 0
        assert row.sum() == pytest.approx(1)
        np.testing.assert_allclose(row, np.maximum(z - (z[support].sum() - 1) / support.sum(), 0), atol=1e-12)
        np.testing.assert_allclose(gradient_row, np.where(support, g - g[support].mean(), 0), atol=1e-12)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_values_and_gradients_of_large_inputs_are_finite_and_keep_the_dtype(mode: str) -> None:
    x = pel.matrix("x", shape=("n", 2))
    results = {name: activations.get(name)(pel.minimum(x, 80) if name == "exponential" else x) for name in NAMES}
    found = pel.function([x], [e for y in results.values() for e in (y, pel.grad(y.sum(), x))], mode=mode)(LARGE)
    pairs = zip(NAMES, found[::2], found[1::2], strict=True)
    wrong = [name for name, y, g in pairs if not (np.isfinite(y).all() and np.isfinite(g).all())]
    assert not wrong
    assert {value.dtype for value in found} == {np.dtype("float32")}


def test_activations_compute_in_float64(rng: np.random.Generator) -> None:
    value = rng.normal(size=(3, 4))
    wide, narrow = pel.tensor("x", (3, 4), "float64"), pel.tensor("x", (3, 4))
    found = pel.function([wide], [activations.get(name)(wide) for name in NAMES], mode="numpy")(value)
    wanted = pel.function([narrow], [activations.get(name)(narrow) for name in NAMES], mode="numpy")(
        value.astype("float32")
    )
    for name, double, single in zip(NAMES, found, wanted, strict=True):
        assert double.dtype == np.float64
        np.testing.assert_allclose(double, single, rtol=1e-5, atol=1e-6, err_msg=name)


def test_none_is_the_identity_and_functions_are_accepted() -> None:
    x = pel.matrix("x")
    assert activations.get(None)(x) is x
    assert activations.get(pel.tanh)(x) is pel.tanh(x)


Z = pel.matrix("z", shape=("n", 3))


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: activations.get("rellu"), ValueError, "no activation named 'rellu'. Did you mean 'relu'"),
        (lambda: activations.get(3), TypeError, "Expected a name or a function for the activation. Received: 3"),  # type: ignore[arg-type]
        (lambda: activations.relu(Z, negative_slope=-1.0), ValueError, "expected negative_slope >= 0"),
        (lambda: activations.relu(Z, max_value=-1.0), ValueError, "expected max_value >= 0"),
        (lambda: activations.glu(Z), ValueError, r"glu: expected an axis of even length. Received: z, of shape"),
        (lambda: activations.glu(Z, axis=0), ValueError, "glu: expected an axis 0 of known length"),
        (lambda: activations.sparsemax(Z, axis=2), ValueError, "sparsemax: expected an axis 2 of known length"),
        (lambda: activations.softmax(Z[:, :1]), ValueError, "A softmax of one element is always 1"),
    ],
)
def test_invalid_arguments_are_rejected(write: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write()
