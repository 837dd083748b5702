"""Tests of normalization layers: moving averages are explicit updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.nn.optimizers import SGD

X = pel.matrix("x", shape=("n", 3))
S = pel.tensor3("s", shape=("n", 4, 3))


@pytest.fixture
def value(rng: np.random.Generator) -> Any:
    return (rng.normal(size=(200, 3)) * [1, 2, 5] + [0, 3, -1]).astype("float32")


def test_moving_averages_are_explicit_updates() -> None:
    layer = nn.BatchNormalization(momentum=0.9, name="bn")
    y = layer(X)
    assert str(pel.collect_updates(y)) == (
        "{bn/moving_mean: 0.9 * bn/moving_mean + 0.1 * x.mean(axis=0), "
        "bn/moving_variance: 0.9 * bn/moving_variance + 0.1 * x.var(axis=0)}"
    )
    loss = (y**2).mean()
    updates = SGD(0.1).updates(loss)
    assert [p.name for p in updates] == ["bn/moving_mean", "bn/moving_variance", "bn/gamma", "bn/beta"]
    report = str(pel.function([X], loss, updates=updates, mode="numpy"))
    assert "updates bn/moving_mean := 0.9 * bn/moving_mean + 0.1 * x.mean(axis=0): float32 (3,)" in report
    assert "updates" not in str(pel.function([X], loss, mode="numpy"))
    assert str(pel.inference(y)) == "bn/gamma * ((x - bn/moving_mean) / sqrt(bn/moving_variance + 0.001)) + bn/beta"


@pytest.mark.parametrize("mode", ["numpy", pytest.param("xla", marks=pytest.mark.slow)])
def test_moving_averages_change_in_training_only(value: Any, mode: str) -> None:
    layer = nn.BatchNormalization(momentum=0.5)
    y = layer(X)
    pel.function([X], y, mode=mode)(value)
    assert layer.moving_mean.get_value().tolist() == [0, 0, 0]
    step = pel.function([X], y, updates=pel.collect_updates(y), mode=mode)
    for _ in range(20):
        trained = step(value)
    np.testing.assert_allclose(layer.moving_mean.get_value(), value.mean(0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.get_value(), value.var(0), rtol=1e-3)
    np.testing.assert_allclose(trained.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(trained.std(0), 1, rtol=1e-3)
    predict = pel.function([X], pel.inference(y), mode=mode)
    np.testing.assert_allclose(predict(value), trained, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(
        predict(value[:1]), predict(value)[:1], rtol=1e-5
    )  # the result of a sample does not depend on the batch


def test_a_frozen_layer_uses_the_inference_form() -> None:
    layer = nn.BatchNormalization()
    y = layer(X)
    layer.trainable = False
    assert layer(X).unlabeled is pel.inference(y)
    assert pel.collect_updates(layer(X)) == {}
    layer.trainable = True
    assert layer(X) is y


def test_two_calls_update_the_averages_in_order(value: Any) -> None:
    layer, other = nn.BatchNormalization(momentum=0.5), pel.matrix("other", shape=("m", 3))
    both = [layer(X), layer(other)]
    step = pel.function([X, other], both, updates=pel.collect_updates(both), mode="numpy")
    step(value, value[:7])
    wanted = 0.5 * (0.5 * value.mean(0)) + 0.5 * value[:7].mean(0)
    np.testing.assert_allclose(layer.moving_mean.get_value(), wanted, rtol=1e-4, atol=1e-6)


def test_masked_steps_are_ignored(rng: np.random.Generator) -> None:
    mask = pel.tensor("mask", ("n", 4), "bool")
    layer = nn.BatchNormalization(momentum=0.0)
    y = layer(pel.attach_mask(S, mask))
    value, counts = rng.normal(size=(5, 4, 3)).astype("float32"), rng.random((5, 4)) > 0.4
    assert nn.find_mask(y) is mask
    pel.function([S, mask], y, updates=pel.collect_updates(y), mode="numpy")(value, counts)
    np.testing.assert_allclose(layer.moving_mean.get_value(), value[counts].mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.get_value(), value[counts].var(0), rtol=1e-4)


LAYERS: dict[str, Any] = {
    "BatchNormalization": nn.BatchNormalization,
    "LayerNormalization": nn.LayerNormalization,
    "GroupNormalization": lambda: nn.GroupNormalization(3),
    "RMSNormalization": nn.RMSNormalization,
    "UnitNormalization": nn.UnitNormalization,
}


@pytest.mark.parametrize("name", LAYERS)
def test_constant_values_are_finite(name: str) -> None:
    y = LAYERS[name]()(X)
    found = pel.function([X], [y, pel.grad((y**2).sum(), X)], mode="numpy")(np.zeros((2, 3), "float32"))
    assert all(np.isfinite(f).all() for f in found)


def test_instance_normalization_is_one_group_per_channel(rng: np.random.Generator) -> None:
    x, value = pel.tensor4("x", shape=("n", 4, 5, 3)), rng.normal(size=(2, 4, 5, 3)).astype("float32")
    result = pel.function([x], nn.GroupNormalization(-1)(x), mode="numpy")(value)
    wanted = (value - value.mean((1, 2), keepdims=True)) / np.sqrt(value.var((1, 2), keepdims=True) + 1e-3)
    np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)


def test_adapt_to_batches_equals_adapt_to_all_data(value: Any) -> None:
    whole, parts = nn.Normalization(), nn.Normalization()
    whole.adapt(value)
    parts.adapt([value[:3], value[3:90], value[90:]])
    found = pel.function([X], [whole(X), parts(X)], mode="numpy")(value)
    np.testing.assert_allclose(found[0], (value - value.mean(0)) / value.std(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-5)
    assert whole.parameters
    assert not any(p.trainable or p.regularizable for p in whole.parameters)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.BatchNormalization(momentum=2, name="b"), "^b: expected momentum to be a number from 0 to 1. Rec"),
        (lambda: nn.BatchNormalization(epsilon=0, name="b"), "^b: expected an epsilon greater than 0. Received: eps"),
        (
            lambda: nn.BatchNormalization(name="b")(pel.matrix("y")),
            r"^b: expected an input of a known length along axis 1. Received: y, of shape \(\?, \?\)",
        ),
        (lambda: nn.LayerNormalization(axis=[1, 1], name="l")(X), "an axis is repeated"),
        (lambda: nn.LayerNormalization(axis=5, name="l")(X), "^l of x: expected an axis from -2 to 1"),
        (lambda: nn.GroupNormalization(2, name="g")(X), "^g: expected a multiple of 2 channels"),
        (
            lambda: nn.GroupNormalization(2, axis=(1, 2), name="g"),
            "^g: expected axis to be an integer. Received: axis=",
        ),
        (lambda: nn.BatchNormalization(axis=(1, 2), name="b"), "^b: expected axis to be an integer. Received: axis="),
        (lambda: nn.LocalResponseNormalization(n=4, name="l"), "^l: expected n to be an odd number of channels"),
        (lambda: nn.Normalization(mean=1.0, name="n"), "^n: expected mean and variance, or neither. Received: mean=1"),
        (lambda: nn.Normalization(mean=0, variance=-1, name="n"), "^n: expected variance to be a number of 0 or more"),
        (lambda: nn.Normalization(name="n").adapt([]), "^n: expected data to adapt to. Received: nothing"),
        (lambda: nn.Normalization(name="n").adapt(["abc"]), "^n: expected data to be a number, or an array of them"),
        (lambda: nn.Normalization(name="n").adapt(3), "^n: expected an array to adapt to, or an iterable of batches"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        write()


def test_other_features_are_rejected() -> None:
    layer = nn.LayerNormalization(name="l")
    layer(X)
    with pytest.raises(
        pel.ShapeError, match=r"^l: its parameters were made for inputs of length 3 along axis 1. Received"
    ):
        layer(pel.matrix("y", shape=("n", 4)))


def test_a_mean_of_other_features_is_rejected() -> None:
    layer = nn.Normalization(name="n")
    layer.adapt(np.ones((3, 5)))
    with pytest.raises(pel.ShapeError, match=r"^n: expected a mean of shape \(3,\), .* Received: shape \(5,\)"):
        layer(X)
