"""Tests of dropout and noise layers: distributions, shared noise and inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

X = pel.matrix("x", shape=("n", 50))
MANY = (400, 50)


def run_steps(layer: Any, value: Any, steps: int = 1) -> list[np.ndarray]:
    """Return the results of a layer at its first steps."""
    x = pel.tensor("x", shape=("n", *value.shape[1:]))
    f = pel.function([x], layer(x), mode="numpy")
    return [f(value) for _ in range(steps)]


def test_dropout_rate_and_mean() -> None:
    [found] = run_steps(nn.Dropout(0.3, seed=1), np.ones(MANY, "float32"))
    assert sorted(np.unique(found)) == pytest.approx([0, 1 / 0.7])
    assert (found == 0).mean() == pytest.approx(0.3, abs=0.01)


def test_gaussian_dropout_has_the_variance_of_dropout() -> None:
    [found] = run_steps(nn.GaussianDropout(0.3, seed=1), np.ones(MANY, "float32"))
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert found.var() == pytest.approx(0.3 / 0.7, rel=0.03)


def test_gaussian_noise_is_normal() -> None:
    [found] = run_steps(nn.GaussianNoise(2.0, seed=1), np.full(MANY, 5, "float32"))
    noise = (found - 5) / 2
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, rel=0.02)
    assert (noise**4).mean() == pytest.approx(3, rel=0.1)
    assert np.quantile(noise, 0.975) == pytest.approx(1.96, abs=0.05)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    value = np.random.default_rng(0).normal(size=MANY).astype("float32")
    [found] = run_steps(nn.AlphaDropout(0.2, seed=1), value)
    assert found.mean() == pytest.approx(0, abs=0.03)
    assert found.std() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize(
    ("layer", "shape", "shared"),
    [
        (nn.SpatialDropout1D(0.5, seed=1), (20, 6, 30), (1,)),
        (nn.SpatialDropout2D(0.5, seed=1), (20, 3, 4, 30), (1, 2)),
        (nn.SpatialDropout3D(0.5, seed=1), (20, 2, 3, 2, 30), (1, 2, 3)),
        (nn.Dropout(0.5, noise_shape=(None, 1, 30), seed=1), (20, 6, 30), (1,)),
        (nn.Dropout(0.5, noise_shape=(1, None, None), seed=1), (20, 6, 30), (0,)),
        (nn.AlphaDropout(0.5, noise_shape=(None, None, 1), seed=1), (20, 30, 6), (2,)),
    ],
)
def test_shared_noise_is_drawn_once(layer: Any, shape: Any, shared: Any) -> None:
    [found] = run_steps(layer, np.ones(shape, "float32"))
    once = (
        found.take([0], axis=shared[0])
        if len(shared) == 1
        else found[tuple(slice(0, 1) if a in shared else slice(None) for a in range(found.ndim))]
    )
    np.testing.assert_array_equal(found, np.broadcast_to(once, shape))
    assert (once == once.max()).mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("layer", [nn.SpatialDropout1D(0.5, seed=1), nn.Dropout(0.5, (None, 1, None), seed=1)])
def test_shared_axes_may_have_unknown_length(layer: Any) -> None:
    x = pel.tensor("x", (None, None, 30))
    found = pel.function([x], layer(x), mode="numpy")(np.ones((20, 6, 30), "float32"))
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1], found.shape))
    assert set(np.unique(found)) == {0, 2}


KINDS: dict[str, Any] = {
    "Dropout": lambda **more: nn.Dropout(0.5, **more),
    "AlphaDropout": lambda **more: nn.AlphaDropout(0.5, **more),
    "GaussianDropout": lambda **more: nn.GaussianDropout(0.5, **more),
    "GaussianNoise": lambda **more: nn.GaussianNoise(0.5, **more),
}


@pytest.mark.parametrize("name", KINDS)
def test_inference_removes_noise_and_seeds_repeat_it(name: str) -> None:
    value = np.ones((3, 50), "float32")
    first, second = run_steps(KINDS[name](seed=5), value, steps=2)
    assert (first != second).any()
    np.testing.assert_array_equal(run_steps(KINDS[name](seed=5), value)[0], first)
    assert (run_steps(KINDS[name](seed=6), value)[0] != first).any()
    assert pel.inference(KINDS[name]()(X)) is X
    assert pel.inference(nn.Dense(2, name="d")(KINDS[name]()(X))).inputs[0].inputs[0] is X


def test_a_rate_of_zero_returns_the_input() -> None:
    for layer in (nn.Dropout(0), nn.AlphaDropout(0.0), nn.GaussianDropout(0), nn.GaussianNoise(0)):
        assert pel.simplify(layer(X)) is X


def test_a_function_reports_the_streams_that_it_advances() -> None:
    layer = nn.Dropout(0.5, name="drop")
    report = str(pel.function([X], layer(X), mode="numpy"))
    assert "drop/state" in report
    assert "drop/state" not in str(pel.function([X], pel.inference(layer(X)), mode="numpy"))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.Dropout(1.0, name="d"), "^d: expected a rate of 0 or more and below 1. Received: rate=1.0"),
        (
            lambda: nn.AlphaDropout("half", name="d"),
            "^d: expected a rate of 0 or more and below 1. Received: rate='h",
        ),
        (
            lambda: nn.GaussianNoise(-1, name="g"),
            "^g: expected stddev to be a number of 0 or more. Received: stddev=-1",
        ),
        (lambda: nn.Dropout(0.5, seed=1.5), "^Expected seed to be an integer of 0 or more. Received: seed=1.5"),
        (
            lambda: nn.Dropout(0.5, noise_shape=(3, 1, 1), name="d")(X),
            "^d: expected a noise_shape with 1, None or the length for each axis of x",
        ),
        (
            lambda: nn.Dropout(0.5, noise_shape=3, name="d")(X),
            "^d: expected a noise_shape with .* Received: noise_shape=3",
        ),
        (lambda: nn.SpatialDropout2D(0.5, name="s")(X), "^s: expected an input of 4 axes"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        write()


def variable_rate(value: float) -> pel.Shared:
    return pel.shared(np.float64(value), "rate", trainable=False)


@pytest.mark.parametrize(("mode", "rate"), [("numpy", 0.0), ("numpy", 0.3), ("xla", 0.3), ("native", 0.3)])
def test_a_dropout_rate_may_be_an_expression(mode: str, rate: float) -> None:
    variable = variable_rate(rate)
    f = pel.function([X], nn.Dropout(variable, seed=3)(X), mode=mode)
    fixed = pel.function([X], nn.Dropout(rate, seed=3)(X), mode="numpy")
    value = np.random.default_rng(0).normal(size=(3, 20, 50)).astype("float32")
    np.testing.assert_array_equal(f.over(value), fixed.over(value))
    variable.set_value(0.9)
    assert (f.over(value) == 0).mean() == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.GaussianDropout, nn.SpatialDropout1D])
def test_all_dropout_layers_take_an_expression(kind: Any) -> None:
    x = pel.tensor3("x", ("n", 5, 8)) if kind is nn.SpatialDropout1D else X
    value = np.random.default_rng(0).normal(size=(20, *x.shape[1:])).astype("float32")
    results = [pel.function([x], kind(r, seed=3)(x), mode="numpy") for r in (variable_rate(0.3), 0.3)]
    found, expected = (f(value) for f in results)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    rate = variable_rate(0.3)
    assert pel.inference(kind(rate)(x)) is x
    outside = pel.function([x], kind(rate + 1)(x), mode="numpy")(value)
    assert np.isfinite(outside).all()


def test_recurrent_and_attention_layers_take_a_rate_expression() -> None:
    x = pel.tensor3("x", ("n", 5, 8))
    value = np.random.default_rng(0).normal(size=(4, 5, 8)).astype("float32")
    for make in (
        lambda rate: nn.SimpleRNN(3, "tanh", dropout=rate, recurrent_dropout=rate, seed=1)(x),
        lambda rate: nn.MultiHeadAttention(2, 4, dropout=rate, seed=1)(x, x),
    ):
        results = []
        for rate in (variable_rate(0.5), 0.5):
            nn.set_random_seed(0)
            results.append(pel.function([x], make(rate), mode="numpy")(value))
        np.testing.assert_array_equal(*results)


def test_a_schedule_of_the_dropout_rate() -> None:
    step = pel.shared(0.0, "step", trainable=False)
    layer = nn.Dropout(pel.schedules.PiecewiseConstantDecay([1], [0.9, 0.1])(step), seed=1)
    f = pel.function([X], layer(X), updates={step: step + 1}, mode="numpy")
    rates = [(f(np.ones(MANY, "float32")) == 0).mean() for _ in range(4)]
    assert rates == pytest.approx([0.9, 0.9, 0.1, 0.1], abs=0.02)
    assert layer.parts == [step]


def test_a_model_with_a_rate_expression_is_saved_and_described(tmp_path: Any) -> None:
    rate = variable_rate(0.25)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dropout(rate, name="drop"), nn.Dropout(rate), nn.Dense(1)])
    assert list(model.state())[2] == "drop/rate"
    model.save(tmp_path / "model.pel")
    again = pel.load_model(tmp_path / "model.pel")
    assert isinstance(again.layers[1].rate, pel.Shared)
    assert again.layers[1].rate is again.layers[2].rate
    assert float(again.layers[1].rate.get_value()) == 0.25
    assert "drop (Dropout)" in str(model.explain())
    model.compile("sgd", "mse")
    assert "def variable_dropout" in model.to_source("numpy")
    with pytest.raises(pel.ModelError, match="drop: rate is the expression rate, which a config cannot hold"):
        model.to_source("layers")
    assert nn.Dropout(pel.constant(0.25)).rate == 0.25


def test_invalid_rate_expressions() -> None:
    with pytest.raises(ValueError, match=r"drop: expected a scalar rate\. Received: r, which is float32 \(\?,\)"):
        nn.Dropout(pel.vector("r"), name="drop")
    with pytest.raises(
        ValueError, match=r"the mask has no gradient.*cannot train the rate r\. Create it by pel\.shared"
    ):
        nn.Dropout(pel.shared(0.5, "r") / 2)
