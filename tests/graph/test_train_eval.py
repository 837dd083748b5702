"""Expressions that differ between training and inference."""

import pytest

import pellucid as pel


def test_different_shapes_raise_an_error() -> None:
    x, y = pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 4))
    with pytest.raises(pel.ShapeError, match=r"training_only: expected expressions of one shape .* Received: x"):
        pel.training_only(x, y)


def test_inference_drops_the_training_value_which_has_the_gradient() -> None:
    x = pel.vector("x", shape=(3,))
    y = pel.training_only(x * x, 5 * x)
    assert pel.inference(y + 1) is 5 * x + 1
    assert pel.grad(y.sum(), x) is 2 * x
