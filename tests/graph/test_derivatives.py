"""Tests of Jacobians, Hessians and products with them, compared with JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import DisconnectedError, DtypeError, GradientError, ShapeError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import topological
from pellucid.run.jax_runtime import jax, x64


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def mlp(xp: Any, x: Any, w: Any) -> Any:
    return xp.tanh(x @ w) * x[:, :1]


def soft(xp: Any, x: Any, w: Any) -> Any:
    softmax = pel.softmax if xp is np else jax().nn.softmax
    return softmax(x @ w, axis=-1)


def loop(xp: Any, x: Any, w: Any) -> Any:
    if xp is np:
        return pel.scan(lambda x_t, h: pel.tanh(x_t @ w + h), x, np.zeros(2))
    step = lambda h, x_t: 2 * (xp.tanh(x_t @ w + h),)  # noqa: E731
    return jax().lax.scan(step, xp.zeros(2), x)[1]


def conv(xp: Any, x: Any, w: Any) -> Any:
    if xp is np:
        return pel.conv(x.reshape(1, 4, 3, 1), w.reshape(3, 2, 1, 1), padding="valid")
    return jax().lax.conv_general_dilated(
        x.reshape(1, 4, 3, 1), w.reshape(3, 2, 1, 1), (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def largest(xp: Any, x: Any, w: Any) -> Any:
    return (x @ w).max(axis=0)


FORMULAS = [mlp, soft, loop, conv, largest]
X, W = floats(4, 3), floats(3, 2, seed=1)


def build(formula: Any) -> tuple[Expr, Expr, Expr]:
    """Return the expression of a formula and its inputs."""
    x, w = Input("x", (4, 3), "float64"), Input("w", (3, 2), "float64")
    return formula(np, x, w), x, w


def to_jax_function(formula: Any) -> Any:
    return lambda x, w: formula(jax().numpy, x, w)


@pytest.mark.sample(2)
@pytest.mark.parametrize("formula", FORMULAS)
def test_jvp_and_vjp_match_jax(formula: Any, by_numpy: Any) -> None:
    y, x, w = build(formula)
    tangents = [floats(4, 3, seed=2), floats(3, 2, seed=3)]
    with x64():
        value, moved = jax().jvp(to_jax_function(formula), (X, W), tuple(tangents))
        cotangent = floats(*value.shape, seed=4)
        back = jax().vjp(to_jax_function(formula), X, W)[1](cotangent)
    found = by_numpy([y, pel.jvp(y, [x, w], tangents), *pel.vjp(y, [x, w], cotangent)], {x: X, w: W})
    for a, b in zip(found, [value, moved, *back], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("formula", FORMULAS)
def test_jacobian_matches_jax(formula: Any, by_numpy: Any) -> None:
    y, x, w = build(formula)
    with x64():
        expected = jax().jit(jax().jacobian(to_jax_function(formula), argnums=(0, 1)))(X, W)
    for a, b, by in zip(by_numpy(pel.jacobian(y, [x, w]), {x: X, w: W}), expected, (x, w), strict=True):
        assert a.shape == (*y.shape, *by.shape)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("formula", [mlp, soft, *(pytest.param(f, marks=pytest.mark.slow) for f in (loop, conv))])
def test_hessian_and_its_product_with_a_vector_match_jax(formula: Any) -> None:
    y, x, w = build(formula)
    cost = (y**3).sum()
    blocks = pel.hessian(cost, [x, w])
    vectors = [floats(4, 3, seed=2), floats(3, 2, seed=3)]
    products = pel.hessian_vector_product(cost, [x, w], vectors)
    run = pel.function([x, w], [*blocks[0], *blocks[1], *products])
    with x64():
        expected = jax().jit(jax().hessian(lambda x, w: (to_jax_function(formula)(x, w) ** 3).sum(), argnums=(0, 1)))(
            X, W
        )
    found = run(X, W)
    for a, b in zip(found[:4], [*expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    for row, product, axes in zip(expected, found[4:], (2, 2), strict=True):
        by_block = sum(np.tensordot(block, v, axes) for block, v in zip(row, vectors, strict=True))
        np.testing.assert_allclose(product, by_block, rtol=1e-8, atol=1e-10)


def test_results_are_simplified() -> None:
    x, v = pel.vector("x"), pel.vector("v")
    assert str(pel.jvp(pel.tanh(x), x, v)) == "v * (1 - tanh(x) ** 2)"
    assert str(pel.vjp(pel.sin(x), x, v)) == "v * cos(x)"
    assert str(pel.jvp(x.sum(), x, v)) == "v.sum()"
    A = pel.matrix("A")
    assert str(pel.jvp(A @ x, x, v)) == "A @ v"
    assert str(pel.vjp(A @ x, x, v)) in ("v @ A", "A.T @ v")


def test_auxiliary_inputs_do_not_occur_in_results() -> None:
    x, v = pel.vector("x"), pel.vector("v")
    for y in (pel.relu(x), pel.softmax(x), x.mean(), pel.clip_gradient(x, -1, 1), x / x.max()):
        leaves = {n for n in topological([pel.jvp(y, x, v)]) if isinstance(n, Input)}
        assert leaves <= {x, v}


def test_result_structure_follows_the_arguments() -> None:
    x, z = pel.vector("x", shape=(3,)), pel.vector("z", shape=(3,))
    v = pel.vector("v", shape=(3,))
    assert isinstance(pel.jvp([x * z, x], x, v), list)
    assert isinstance(pel.vjp([x * z, z], x, [v, v]), Expr)
    assert len(pel.vjp(x * z, [x, z], v)) == 2
    assert [j.shape for j in pel.jacobian(x * z, [x, z])] == [(3, 3), (3, 3)]
    assert pel.jacobian((x * z).sum(), x) is z
    assert isinstance(pel.hessian((x * z).sum(), x), Expr)
    assert isinstance(pel.hessian_vector_product((x * z**2).sum(), z, v), Expr)


def test_cotangents_of_nested_outputs_are_added(by_numpy: Any) -> None:
    x, u = Input("x", (3,), "float64"), np.ones(3)
    y = pel.sin(x)
    [found] = by_numpy([pel.vjp([y, y * x], x, [u, u])], {x: X[:, 0][:3]})
    value = X[:, 0][:3]
    np.testing.assert_allclose(found, np.cos(value) + np.sin(value) + value * np.cos(value))


@pytest.mark.parametrize("shape", [("n",), (None,), ("n", 3), ("n", "m"), (2, 3)])
def test_named_and_unknown_shapes(shape: Any, by_numpy: Any) -> None:
    x = Input("x", shape, "float64")
    y = x * x.sum()
    J, H = pel.jacobian(y, x), pel.hessian((x**2).sum() ** 2, x)
    assert J.shape == H.shape == (*x.shape, *x.shape)
    value = floats(2) if len(shape) == 1 else floats(2, 3)
    flat = value.ravel()
    by_jacobian, by_hessian = by_numpy([J, H], {x: value})
    n = flat.size
    np.testing.assert_allclose(by_jacobian.reshape(n, n), np.eye(n) * flat.sum() + flat[:, None])
    np.testing.assert_allclose(by_hessian.reshape(n, n), 4 * (flat @ flat) * np.eye(n) + 8 * np.outer(flat, flat))


def test_third_derivatives(by_numpy: Any) -> None:
    x = Input("x", (2,), "float64")
    third = pel.jacobian(pel.hessian((x**4).sum(), x), x)
    assert third.shape == (2, 2, 2)
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0], expected[1, 1, 1] = 24 * 0.5, 24 * -2.0
    np.testing.assert_allclose(by_numpy([third], {x: np.array([0.5, -2.0])})[0], expected)


def test_derivatives_with_respect_to_intermediate_expressions(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    doubled = x + x
    y = (doubled**3).sum()
    value = floats(3)
    H, p, j = by_numpy(
        [
            pel.hessian(y, doubled),
            pel.hessian_vector_product(y, doubled, np.ones(3)),
            pel.jvp(doubled**2, doubled, np.ones(3)),
        ],
        {x: value},
    )
    np.testing.assert_allclose(H, np.diag(12 * value))
    np.testing.assert_allclose(p, 12 * value)
    np.testing.assert_allclose(j, 4 * value)


def test_disconnected_variables() -> None:
    x, z, v = pel.vector("x", shape=(3,)), pel.vector("z", shape=(3,)), np.ones(3, "float32")
    calls: list[Any] = [
        lambda **how: pel.vjp(x * x, z, v, **how),
        lambda **how: pel.jvp(x * x, z, v, **how),
        lambda **how: pel.jacobian(x * x, z, **how),
        lambda **how: pel.hessian((x * x).sum(), z, **how),
        lambda **how: pel.hessian_vector_product((x * x).sum(), z, v, **how),
    ]
    for derivative in calls:
        with pytest.raises(DisconnectedError, match=r"does not depend on z\. .* disconnected='zero'"):
            derivative()
        zero = pel.function([x, z], derivative(disconnected="zero"), on_unused_input="ignore")(v, v)
        np.testing.assert_array_equal(zero, np.zeros(zero.shape))


def test_invalid_arguments_raise_errors() -> None:
    x, i = pel.vector("x", shape=(3,)), pel.ivector("i", shape=(3,))
    with pytest.raises(ShapeError, match=r"The cotangent of x \* 2 must have its shape, \(3,\). Received: .* \(2,\)"):
        pel.vjp(x * 2, x, [[1.0, 2.0]])
    with pytest.raises(DtypeError, match=r"The tangent of x must have its dtype, float32. Received: .* float64"):
        pel.jvp(x * 2, x, np.ones(3))
    with pytest.raises(GradientError, match=r"Expected 1 tangent. Received: 2"):
        pel.jvp(x * 2, x, [x, x])
    with pytest.raises(GradientError, match=r"Expected at least one expression to differentiate"):
        pel.vjp([], x, [])
    with pytest.raises(GradientError, match=r"Expected 2 cotangents. Received: 1"):
        pel.vjp([x, x * 2], x, x)
    with pytest.raises(GradientError, match=r"A gradient needs real numbers. Received: i"):
        pel.jacobian(i, x)
    with pytest.raises(GradientError, match=r"Expected expressions: pel.jacobian\(output, wrt\)"):
        pel.jacobian(x, np.ones(3))  # type: ignore[call-overload]
    with pytest.raises(GradientError, match=r"Expected a scalar cost. Received: x"):
        pel.hessian(x, x)
    with pytest.raises(ValueError, match=r"Expected disconnected to be 'raise' or 'zero'"):
        pel.vjp(x, x, x, disconnected="none")
