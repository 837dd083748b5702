"""What differs between training and inference: one expression with two behaviours."""

import pytest

import pellucid as pel


def test_two_behaviours_have_one_shape() -> None:
    x, y = pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 4))
    with pytest.raises(pel.ShapeError, match=r"training_only: expected .* to have one shape. Received: x, of shape"):
        pel.training_only(x, y)


def test_what_is_only_for_training_is_gone_afterwards_and_has_the_gradient_before() -> None:
    x = pel.vector("x", shape=(3,))
    y = pel.training_only(x * x, 5 * x)
    assert pel.inference(y + 1) is 5 * x + 1
    assert pel.grad(y.sum(), x) is 2 * x
