"""Tests of the derivatives of determinants at regular and singular matrices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Input

MODES = ["numpy", "xla"]


def get_minor_cofactors(x: np.ndarray) -> np.ndarray:
    """Return the cofactor matrix by its definition, in the precision of long doubles."""

    def det(a: np.ndarray) -> Any:
        n = len(a)
        terms = []
        for p in itertools.permutations(range(n)):
            sign = (-1) ** sum(p[i] > p[j] for i in range(n) for j in range(i + 1, n))
            terms.append(sign * np.prod(a[range(n), p]))
        return sum(terms)

    n, wide = len(x), x.astype(np.longdouble)
    rows = [[np.delete(np.delete(wide, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * det(rows[i][j]) for j in range(n)] for i in range(n)], np.float64)


def draw_matrix(n: int, rank: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))


def evaluate_gradient(x: np.ndarray, mode: str) -> np.ndarray:
    a = Input("a", x.shape, x.dtype)
    return pel.function([a], pel.grad(pel.det(a).sum(), a), mode=mode)(x)


@pytest.mark.parametrize("mode", MODES)
def test_gradient_of_det_at_a_singular_matrix_is_exact(mode: str) -> None:
    np.testing.assert_array_equal(evaluate_gradient(np.array([[1.0, 2.0], [2.0, 4.0]]), mode), [[4, -2], [-2, 1]])


def choose_sizes(mode: str) -> tuple[int, ...]:
    """Return sizes of matrices: XLA compiles each for 0.1 s, by the same formula."""
    return (3,) if mode == "xla" else (2, 3, 5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_gradient_of_det_at_every_rank(mode: str, dtype: str) -> None:
    for n in choose_sizes(mode):
        stack = np.stack([draw_matrix(n, rank, seed) for seed in range(3) for rank in range(n + 1)]).astype(dtype)
        found = evaluate_gradient(stack, mode)
        assert found.dtype == dtype
        eps = np.finfo(dtype).eps
        for x, cofactors in zip(stack, found, strict=True):
            scale = max(np.abs(x).max(), 1) ** (n - 1)
            np.testing.assert_allclose(cofactors, get_minor_cofactors(x), rtol=20 * eps, atol=50 * eps * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_gradient_of_det_is_accurate_for_badly_scaled_matrices(mode: str, dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 4)) + 4 * np.eye(4)
    scale = 10.0 ** np.array([8, -8, 3, -3])
    x = (scale[:, None] * x * scale).astype(dtype)
    of_others = np.outer(1 / scale, 1 / scale)  # the product of all scales is 1
    found, expected = (c / of_others for c in (evaluate_gradient(x, mode), get_minor_cofactors(x)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=10 * np.finfo(dtype).eps * np.abs(expected).max())


@pytest.mark.parametrize("mode", MODES)
def test_cofactors_that_fit_are_finite_where_the_determinant_underflows(mode: str) -> None:
    x = np.diag(np.array([1e-12, 1e-12, 1e-12, 1e-12], "float32"))
    assert np.linalg.det(x) == 0
    np.testing.assert_allclose(evaluate_gradient(x, mode), np.diag(np.full(4, 1e-36, "float32")), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_second_derivative_of_det_at_every_rank(mode: str) -> None:
    for n in choose_sizes(mode):
        x = np.stack([draw_matrix(n, rank, rank) for rank in range(n + 1)])
        v = np.random.default_rng(9).normal(size=x.shape)
        a, direction = Input("a", x.shape, "float64"), Input("v", x.shape, "float64")
        product = pel.hessian_vector_product(pel.det(a).sum(), a, direction, disconnected="zero")
        found = pel.function([a, direction], product, mode=mode, on_unused_input="ignore")(x, v)
        for one, step, result in zip(x, v, found, strict=True):
            # det is a polynomial of degree 5 at most, so that these differences have no truncation error.
            weights = {1: 2 / 3, 2: -1 / 12}
            expected = sum(
                w * (get_minor_cofactors(one + h * step) - get_minor_cofactors(one - h * step))
                for h, w in weights.items()
            )
            np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def test_third_derivative_of_det_at_a_regular_matrix(check_gradient: Any) -> None:
    x = np.random.default_rng(1).normal(size=(2, 4, 4)) + 2 * np.eye(4)
    a, g = Input("a", x.shape, "float64"), np.random.default_rng(2).normal(size=x.shape)
    check_gradient((pel.cofactors_derivative(a, g) * np.sin(np.arange(32.0)).reshape(x.shape)).sum(), {a: x}, [a])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of NumPy's det
@pytest.mark.parametrize("mode", MODES)
def test_a_matrix_that_is_not_finite_gives_nan(mode: str) -> None:
    x = np.stack([np.eye(4), np.eye(4)])
    x[1, 2, 3] = np.nan
    found = evaluate_gradient(x, mode)
    np.testing.assert_allclose(found[0], np.eye(4), atol=1e-14)
    assert np.isnan(found[1]).all()
    a = Input("a", x.shape, "float64")
    values = pel.function([a], [pel.det(a), *pel.slogdet(a)], mode=mode)(x)
    np.testing.assert_allclose(values, [[1, np.nan], [1, np.nan], [0, np.nan]], atol=1e-14)


def test_a_direction_of_another_shape_is_refused() -> None:
    a, g = pel.matrix("a", shape=(2, 2)), pel.matrix("g", shape=(3, 3))
    with pytest.raises(pel.ShapeError, match="cofactors_derivative: expected a direction of the shape of the matrix"):
        pel.cofactors_derivative(a, g)
