"""The recurrent adder by hand: training, gradient, and the updates of the tutorial."""

from typing import Any

import numpy as np
import pytest

from pellucid.byhand import adder
from pellucid.byhand.adder import AdderParameters
from pellucid.byhand.check import Array


def sums(count: int, bits: int = 8, seed: int = 0) -> tuple[Array, Array]:
    numbers = np.random.RandomState(seed).randint(2 ** (bits - 1), size=(count, 2))
    places = np.arange(bits)[:, None]
    return (numbers[:, None, :] >> places & 1).astype(float), (numbers.sum(axis=1)[:, None, None] >> places & 1).astype(
        float
    )


def tutorial_updates(parameters: AdderParameters, x: Array, y: Array) -> AdderParameters:
    """Return the updates as the tutorial accumulates them, one bit at a time and with its signs and names."""
    synapse_0, synapse_h, synapse_1 = parameters
    layer_1, deltas = [np.zeros((1, len(synapse_h)))], []
    for t in range(len(x)):
        layer_1.append(1 / (1 + np.exp(-(x[[t]] @ synapse_0 + layer_1[-1] @ synapse_h))))
        layer_2 = 1 / (1 + np.exp(-(layer_1[-1] @ synapse_1)))
        deltas.append((y[[t]] - layer_2) * layer_2 * (1 - layer_2))
    updates = [np.zeros_like(part) for part in parameters]
    future = np.zeros((1, len(synapse_h)))
    for t in reversed(range(len(x))):
        now = layer_1[t + 1]
        future = (future @ synapse_h.T + deltas[t] @ synapse_1.T) * now * (1 - now)
        updates[0] += x[[t]].T @ future
        updates[1] += layer_1[t].T @ future
        updates[2] += now.T @ deltas[t]
    return AdderParameters(*updates)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_learns_to_add_three_bits(dtype: type) -> None:
    inputs, targets = sums(2500, bits=3, seed=10)
    parameters, bits, errors = adder.train(inputs.astype(dtype), targets.astype(dtype), hidden=8, learning_rate=2.0)
    exact = (bits == targets[..., 0]).all(axis=1)
    assert exact[:100].mean() < 0.3
    assert exact[-500:].mean() >= 0.99
    assert errors[-500:].mean() < errors[:100].mean() / 3
    assert {part.dtype for part in (*parameters, errors)} == {np.dtype(dtype)}
    new_inputs, new_targets = sums(50, bits=3, seed=99)
    np.testing.assert_array_equal(adder.predict(parameters, new_inputs.astype(dtype)), new_targets[..., 0])


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "dtype"), [(0, np.float64), (1, np.float32)])
def test_it_learns_to_add(seed: int, dtype: type) -> None:
    inputs, targets = sums(10_000, seed=seed + 10)
    parameters, bits, errors = adder.train(inputs.astype(dtype), targets.astype(dtype), seed=seed)
    exact = (bits == targets[..., 0]).all(axis=1)
    assert exact[:1000].mean() < 0.1
    assert exact[-1000:].mean() >= 0.99
    assert errors[-1000:].mean() < errors[:1000].mean() / 3
    assert {part.dtype for part in (*parameters, errors)} == {np.dtype(dtype)}
    new_inputs, new_targets = sums(200, seed=99)
    np.testing.assert_array_equal(adder.predict(parameters, new_inputs.astype(dtype)), new_targets[..., 0])


@pytest.mark.parametrize(("hidden", "bits"), [(16, 8), (1, 3), (4, 1)])
def test_the_gradient_matches_finite_differences(rng: np.random.Generator, hidden: int, bits: int) -> None:
    parameters = adder.initialize(hidden, seed=2)
    x, y = rng.standard_normal((bits, 2)), rng.random((bits, 1))
    analytic = adder.gradient(parameters, x, y, *adder.forward(parameters, x))
    step = 1e-6

    def error(moved: AdderParameters) -> float:
        return adder.loss(adder.forward(moved, x)[1], y)

    for name, part, slope in zip(AdderParameters._fields, parameters, analytic, strict=True):
        for place in np.ndindex(part.shape):
            up, down = part.copy(), part.copy()
            up[place] += step
            down[place] -= step
            rise = error(parameters._replace(**{name: up})) - error(parameters._replace(**{name: down}))
            assert slope[place] == pytest.approx(rise / (2 * step), rel=1e-5, abs=1e-9)


def test_a_step_is_the_step_of_the_tutorial() -> None:
    inputs, targets = sums(20)
    expected = adder.initialize()
    for (parameters, _), x, y in zip(adder.descend(expected, inputs, targets), inputs, targets, strict=True):
        updates = tutorial_updates(expected, x, y)
        expected = AdderParameters(*(part + 0.1 * update for part, update in zip(expected, updates, strict=True)))
        for part, want in zip(parameters, expected, strict=True):
            np.testing.assert_allclose(part, want, rtol=1e-12, atol=1e-14)


def test_the_weights_are_drawn_in_the_order_of_the_tutorial() -> None:
    np.random.seed(5)  # noqa: NPY002
    synapse_0, synapse_1, synapse_h = (2 * np.random.random(s) - 1 for s in [(2, 16), (16, 1), (16, 16)])  # noqa: NPY002
    for part, want in zip(adder.initialize(seed=5), (synapse_0, synapse_h, synapse_1), strict=True):
        np.testing.assert_array_equal(part, want)


def test_predictions_and_errors_are_from_before_each_step() -> None:
    inputs, targets = sums(3)
    start = adder.initialize()
    _, bits, errors = adder.train(inputs, targets)
    o = adder.forward(start, inputs[0])[1]
    np.testing.assert_array_equal(bits[:1], adder.predict(start, inputs[:1]))
    assert errors[0] == np.abs(targets[0] - o).sum()
    assert bits.shape == (3, 8)
    assert errors.shape == (3,)


def test_the_same_seed_gives_the_same_run() -> None:
    first, again = adder.train(*sums(50), seed=3), adder.train(*sums(50), seed=3)
    np.testing.assert_array_equal(first[0].Wh, again[0].Wh)
    np.testing.assert_array_equal(first[2], again[2])
    assert not np.array_equal(first[2], adder.train(*sums(50), seed=4)[2])


def test_progress_is_called_after_every_sum_and_may_end_the_run() -> None:
    calls: list[tuple[int, float]] = []
    _, _, errors = adder.train(*sums(3), progress=lambda done, error: calls.append((done, error)))
    assert calls == [(k + 1, errors[k]) for k in range(3)]

    def interrupt(done: int, error: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adder.train(*sums(3), progress=interrupt)


def test_targets_may_be_integers() -> None:
    inputs, targets = sums(5)
    np.testing.assert_array_equal(adder.train(inputs, targets)[2], adder.train(inputs, targets.astype(int))[2])


INPUTS, TARGETS = sums(2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"inputs": INPUTS.astype(int)}, TypeError, r"inputs: expected floats, received int64; .*astype\(float\)"),
        ({"inputs": INPUTS[0]}, ValueError, r"inputs: expected shape \(sums, bits, 2\), received \(8, 2\)"),
        ({"inputs": TARGETS}, ValueError, r"inputs: expected shape \(sums, bits, 2\), received \(2, 8, 1\)"),
        ({"inputs": INPUTS[:0]}, ValueError, r"inputs: expected at least one value .* shape \(0, 8, 2\)"),
        ({"targets": TARGETS[:1]}, ValueError, r"targets: expected shape \(2, 8, 1\), .* received \(1, 8, 1\)"),
        ({"targets": TARGETS[..., 0]}, ValueError, r"received \(2, 8\); pass targets\[\.\.\., None\]"),
        ({"targets": TARGETS + 1}, ValueError, r"targets: expected bits, 0 or 1, received 2\.0 at \(\d, \d, 0\)"),
        ({"hidden": 0}, ValueError, r"hidden: expected a finite number of at least 1, received 0"),
        ({"learning_rate": -0.1}, ValueError, r"learning_rate: expected a finite number of at least 0, received -0\.1"),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        adder.train(**{"inputs": INPUTS, "targets": TARGETS} | arguments)


def test_predict_checks_its_inputs() -> None:
    with pytest.raises(ValueError, match=r"inputs: expected shape \(sums, bits, 2\), received \(2, 8, 1\)"):
        adder.predict(adder.initialize(), TARGETS)
