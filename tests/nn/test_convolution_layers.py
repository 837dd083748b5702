"""Tests of convolution layers: agreement with Keras, parameters and error messages."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from tests.nn.peers import convolution, store


@pytest.mark.parametrize("case", convolution.CASES)
def test_values_and_gradients_agree_with_keras(case: str) -> None:
    store.compare(convolution.by_pellucid(case), store.load("convolution")[case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize("case", convolution.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(store.load("convolution")[case], convolution.by_keras(case), 1e-6)


def test_causal_convolution_ignores_later_steps(rng: np.random.Generator) -> None:
    x = pel.tensor3("x", shape=("n", 9, 2))
    f = pel.function([x], nn.Conv1D(3, 3, padding="causal", dilation_rate=2)(x), mode="numpy")
    value = rng.normal(size=(1, 9, 2)).astype("float32")
    later = value.copy()
    later[:, 5:] += 1
    assert (f(value)[:, :5] == f(later)[:, :5]).all()
    assert (f(value)[:, 5:] != f(later)[:, 5:]).any()


def test_separable_convolution_is_depthwise_then_pointwise(rng: np.random.Generator) -> None:
    x = pel.tensor4("x", shape=("n", 6, 5, 3))
    both, first = nn.SeparableConv2D(4, 2, depth_multiplier=2), nn.DepthwiseConv2D(2, depth_multiplier=2)
    y, z = both(x), first(x)
    kernel, mixing, bias = (p.get_value() for p in both.parameters)
    first.set_weights([kernel, np.zeros(6)])
    value = rng.normal(size=(2, 6, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        pel.function([x], y, mode="numpy")(value),
        pel.function([x], z, mode="numpy")(value) @ mixing[0, 0] + bias,
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("kind", [nn.Conv1D, nn.Conv1DTranspose, nn.SeparableConv1D])
def test_sequences_of_any_length(kind: Any, rng: np.random.Generator) -> None:
    x = pel.tensor3("x", shape=(None, None, 2))
    layer = kind(3, 3)
    f = pel.function([x], layer(x), mode="numpy")
    grown = 2 if kind is nn.Conv1DTranspose else -2
    for steps in (4, 7):
        assert f(rng.normal(size=(2, steps, 2)).astype("float32")).shape == (2, steps + grown, 3)


def test_constraints_and_regularizers_apply_to_every_kernel() -> None:
    x = pel.tensor4("x", shape=("n", 6, 5, 3))
    layer = nn.SeparableConv2D(
        2, 3, depthwise_constraint="non_neg", pointwise_constraint="max_norm", pointwise_regularizer="l2"
    )
    layer(x)
    depthwise, pointwise, bias = layer.parameters
    assert depthwise.constraint is not None
    assert pointwise.constraint is not None
    assert bias.constraint is None
    expected = 0.01 * float((pointwise.get_value() ** 2).sum())
    assert float(pel.function([], layer.regularization(), mode="numpy")()) == pytest.approx(expected, rel=1e-5)


X = pel.tensor4("x", shape=("n", 8, 8, 3))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda: nn.Conv2D(2, (3, 3, 3), name="c"),
            r"^c: expected kernel_size to be an integer of 1 or more, or 2 of them. Received: kernel_size=\(3, 3, 3\)",
        ),
        (lambda: nn.Conv2D(2, 3, strides=0, name="c"), "^c: expected strides to be an integer of 1 or more"),
        (
            lambda: nn.Conv2D(2, 3, padding="sam", name="c"),
            "^c: expected padding to be one of 'valid', 'same'. Received: padding='sam'. Did you mean 'same'",
        ),
        (lambda: nn.Conv2D(2, 3, padding="causal", name="c"), "^c: expected padding to be one of 'valid', 'same'. "),
        (
            lambda: nn.Conv2D(3, 3, groups=2, name="c"),
            "^c: expected filters to be a multiple of groups. Received: filters=3, groups=2",
        ),
        (
            lambda: nn.Conv2D(4, 3, groups=2, name="c")(X),
            "^c: expected the channels to be a multiple of groups=2. Received: x, of 3",
        ),
        (lambda: nn.Conv1D(4, 3, name="c")(X), "^c: expected an input of 3 axes. Received: x"),
        (lambda: nn.DepthwiseConv2D(3, depth_multiplier=0, name="c"), "^c: expected depth_multiplier to be an integer"),
        (lambda: nn.Conv2DTranspose(2, 3, output_padding=-1, name="c"), "^c: expected output_padding to be an integer"),
        (lambda: nn.SeparableConv1D(2, 3, depthwise_constraint="non_neq"), "constraint named 'non_neq'. Did you mean"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()
