"""Logistic regression by hand: the solution of scikit-learn."""

import numpy as np
import pytest

from pellucid.byhand import logistic
from pellucid.data import moons


@pytest.mark.parametrize(("strength", "noise", "seed"), [(1.0, 0.2, 0), (0.01, 0.5, 1), (30.0, 0.1, 2)])
def test_the_solution_is_scikit_learns(strength: float, noise: float, seed: int) -> None:
    from sklearn.linear_model import LogisticRegression

    X, y = moons(100, noise, seed, "float64")
    theta = logistic.train(X, y, strength)
    theirs = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=1000).fit(X, y)
    assert theta == pytest.approx(np.append(theirs.coef_[0], theirs.intercept_), abs=1e-6)
    assert np.array_equal(logistic.predict(theta, X), theirs.predict(X))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("strength", [1e-8, 1.0, 1e5])
def test_it_finds_the_minimum_at_any_scale(scale: float, strength: float) -> None:
    rng = np.random.default_rng(0)
    X = scale * rng.standard_normal((30, 4))
    y = (X[:, 0] + 0.1 * scale * rng.standard_normal(30) > 0).astype(int)
    theta, A = logistic.train(X, y, strength), np.column_stack([X, np.ones(30)])
    lowest = logistic.loss(theta, A, y, strength)
    nearby = theta + 0.01 * np.abs(theta).max() * rng.standard_normal((20, 5))
    assert all(logistic.loss(other, A, y, strength) > lowest for other in nearby)


def test_examples_of_one_class_are_accepted() -> None:
    X = np.random.default_rng(0).standard_normal((10, 2))
    assert not logistic.predict(logistic.train(X, np.zeros(10, int)), X).any()


def test_invalid_data_are_refused() -> None:
    with pytest.raises(ValueError, match="strength: expected a finite number"):
        logistic.train(np.ones((2, 1)), np.array([0, 1]), strength=0)
    with pytest.raises(ValueError, match="y: expected classes from 0 to 1, received 2"):
        logistic.train(np.ones((2, 1)), np.array([0, 2]))
