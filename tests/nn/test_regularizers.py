"""Tests of regularizers: agreement with Keras, excluded biases, and error messages."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import regularizers
from tests.nn.peers import regularizers as peers
from tests.nn.peers import store


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), store.load("regularizers")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("regularizers")[case])


def test_penalties_exclude_biases() -> None:
    W, b = pel.shared([1.0, -2.0], "W"), pel.shared([10.0], "b", regularizable=False)
    value = pel.function(
        [], [regularizers.l2([W, b]), regularizers.l2(b), regularizers.l1([W, b, W * 2])], mode="numpy"
    )()
    assert [float(v) for v in value] == [5, 100, 9]
    assert pel.function([], regularizers.l2([b]), mode="numpy")() == 0


def test_strengths_are_factors() -> None:
    w = pel.shared([1.0, -2.0], "w")
    for regularizer, value in [
        (regularizers.L1(), 0.03),
        (regularizers.L2(0.5), 2.5),
        (regularizers.L1L2(1.0, 0.5), 5.5),
        (regularizers.L1L2(), 0.0),
    ]:
        assert pel.function([], regularizer(w), mode="numpy")() == pytest.approx(value)
    assert repr(regularizers.get("l1")) == "L1(l1=0.01)"
    assert regularizers.get(None) is None


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: regularizers.l2(0.01), TypeError, r"l2: expected an expression .* write L2\(0.01\)"),  # type: ignore[arg-type]
        (
            lambda: regularizers.OrthogonalRegularizer(mode="row"),
            ValueError,
            "Expected mode to be .* Received: mode='row'",
        ),
        (lambda: regularizers.OrthogonalRegularizer()(pel.vector("w")), ValueError, "expected a matrix of known size"),
        (
            lambda: regularizers.L1(float("nan")),
            ValueError,
            "Expected l1 to be a number of 0 or more. Received: l1=nan",
        ),
        (lambda: regularizers.L2(-1), ValueError, "Expected l2 to be a number of 0 or more. Received: l2=-1"),
        (lambda: regularizers.L2("strong"), ValueError, r"number of 0 or more\. Received"),  # type: ignore[arg-type]
        (lambda: regularizers.l1(np.float32(0.5)), TypeError, r"l1: expected an expression .* write L1\(0.5\)"),  # type: ignore[arg-type]
        (lambda: regularizers.get("l22"), ValueError, "no regularizer named 'l22'. Did you mean 'l2'"),
    ],
)
def test_invalid_arguments_are_rejected(write: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write()


def test_orthogonal_vectors_have_no_penalty() -> None:
    orthogonal = pel.constant(np.diag([1.0, 2.0, 3.0]))
    assert pel.function([], regularizers.OrthogonalRegularizer()(orthogonal), mode="numpy")() == 0
    assert pel.function([], regularizers.OrthogonalRegularizer()(pel.constant(np.ones((1, 3)))), mode="numpy")() == 0
