"""Tests of constraints: agreement with Keras, and error messages."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import constraints
from tests.nn.peers import constraints as peers
from tests.nn.peers import store


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), store.load("constraints")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("constraints")[case])


@pytest.mark.parametrize("name", sorted(constraints.NAMED))
def test_a_constraint_applied_twice_changes_nothing(rng: np.random.Generator, name: str) -> None:
    constraint = constraints.get(name)
    assert constraint is not None
    w = pel.shared(rng.normal(size=(4, 3)).astype("float32"), "w")
    once, twice = pel.function([], [constraint(w), constraint(constraint(w))], mode="numpy")()
    np.testing.assert_allclose(once, twice, rtol=1e-6)
    assert once.dtype == np.float32


@pytest.mark.parametrize("name", sorted(constraints.NAMED))
def test_zeros_stay_zeros(name: str) -> None:
    constraint = constraints.get(name)
    assert constraint is not None
    assert not pel.function([], constraint(pel.constant(np.zeros((2, 2)))), mode="numpy")().any()


@pytest.mark.parametrize("rate", [0.1, 0.8, 1.0])
def test_a_part_of_the_way_to_the_range_of_norms(rng: np.random.Generator, rate: float) -> None:
    w = rng.normal(size=(4, 6)) * np.array([0.1, 0.2, 1, 1, 3, 9])
    norms = np.linalg.norm(w, axis=0)
    found = pel.function([], constraints.MinMaxNorm(0.5, 2.0, rate)(pel.constant(w)), mode="numpy")()
    expected = rate * norms.clip(0.5, 2.0) + (1 - rate) * norms
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), expected, rtol=1e-5)


def test_none_and_functions_are_accepted() -> None:
    assert constraints.get(None) is None
    assert constraints.get(pel.relu) is pel.relu
    assert repr(constraints.get("UnitNorm")) == "UnitNorm(axis=0)"


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: constraints.get("maxnrm"), ValueError, "no constraint named 'maxnrm'. Did you mean 'max_norm'"),
        (lambda: constraints.MaxNorm(0), ValueError, "Expected max_value > 0. Received: max_value=0"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), ValueError, "Received: min_value=2.0, max_value=1.0"),
        (lambda: constraints.MinMaxNorm(rate=0.0), ValueError, "rate in .* Received: rate=0.0"),
        (lambda: constraints.Constraint()(1.0), NotImplementedError, "Constraint does not implement __call__"),
    ],
)
def test_invalid_arguments_are_rejected(write: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write()
