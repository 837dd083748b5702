"""Tests of first and second derivatives of every op where sizes are named or unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_ops import DIFFERENTIATED_OPERANDS, NAMES, Case, cases

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import is_float

DIFFERENTIABLE = [name for name in NAMES if OPS[name].differentiable]

NEEDS_KNOWN_KERNEL = ("conv_input_gradient", "conv_kernel_gradient")
"""Gradients of `conv`, which itself refuses a kernel of unknown sizes."""


def declare(operand: np.ndarray, sizes: str, name: str) -> Input:
    """Return an input for an operand. Sizes of 1 stay known, because unknown sizes do not broadcast."""
    unknown = {"known": lambda d: d, "named": lambda d: f"n{d}", "unknown": lambda d: None}[sizes]
    return Input(name, tuple(1 if d == 1 else unknown(d) for d in operand.shape), operand.dtype)


def differentiate_twice(case: Case, sizes: str) -> tuple[list[Expr], list[Expr], dict[Expr, Any], dict[Expr, Any]]:
    """Return gradients, Hessian-vector products, the values of the inputs, and the vector of each variable."""
    inputs = [declare(o, sizes, f"x{i}") for i, o in enumerate(case.operands)]
    results = case.op.function(*inputs, **case.settings)
    results = [r for r in (results if isinstance(results, list) else [results]) if r.dtype == np.float64]
    wrt = [i for i in inputs if is_float(i.dtype)][: DIFFERENTIATED_OPERANDS.get(case.op.name)]
    if not results or not wrt:
        return [], [], {}, {}
    cost = sum((pel.sin(r) * r).sum() for r in results)
    values = dict(zip(inputs, case.operands, strict=True))
    rng = np.random.default_rng(3)
    vectors = {w: rng.normal(size=values[w].shape) for w in wrt}
    places = [declare(vectors[w], sizes, f"v{i}") for i, w in enumerate(wrt)]
    products = pel.hessian_vector_product(cost, wrt, places, disconnected="zero")
    values |= {v: vectors[w] for v, w in zip(places, wrt, strict=True)}
    return pel.grad(cost, wrt, disconnected="zero"), products, values, vectors


def check_second_derivative(case: Case, sizes: str) -> None:
    """Compare with the derivatives for known sizes, and with finite differences of the gradient."""
    gradients, products, values, vectors = differentiate_twice(case, sizes)
    known_gradients, known_products, known_values, _ = differentiate_twice(case, "known")
    found = evaluate(np, [*gradients, *products], values)
    expected = evaluate(np, [*known_gradients, *known_products], known_values)
    for a, b in zip(found, expected, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    step = 3e-6  # with 1e-5, differences of `compound_minus_one` are wrong in the fifth digit
    ahead, behind = ({**values, **{w: values[w] + s * v for w, v in vectors.items()}} for s in (step, -step))
    for product, a, b in zip(
        found[len(gradients) :], evaluate(np, gradients, ahead), evaluate(np, gradients, behind), strict=True
    ):
        np.testing.assert_allclose(product, (a - b) / (2 * step), rtol=1e-5, atol=1e-5)


def can_be_built(case: Case, sizes: str) -> bool:
    """Tell whether the op accepts such sizes, without gradients."""
    if any(isinstance(setting, Subgraph) for setting in case.settings.values()) and sizes == "named":
        return False  # the subgraph has sizes of its own
    if case.op.name in NEEDS_KNOWN_KERNEL:
        return False
    try:
        case.op.function(*[declare(o, sizes, f"x{i}") for i, o in enumerate(case.operands)], **case.settings)
    except ShapeError:
        return False
    return True


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivative_with_unknown_sizes(name: str) -> None:
    first = cases(name)[0]
    if can_be_built(first, "unknown"):
        check_second_derivative(first, "unknown")


@pytest.mark.slow
@pytest.mark.parametrize("sizes", ["named", "unknown"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivative_of_every_example(name: str, sizes: str) -> None:
    for case in cases(name):
        if can_be_built(case, sizes):
            check_second_derivative(case, sizes)


def test_few_ops_need_known_sizes() -> None:
    refused = {name for name in DIFFERENTIABLE if not all(can_be_built(c, "unknown") for c in cases(name))}
    assert refused == {
        "affine_transform",  # sizes of images
        "attention_weights",
        "conv",
        *NEEDS_KNOWN_KERNEL,
        "conv_transpose",
        "extract_patches",  # "same" padding with strides
        "local_response_normalization",
        "max_pool",
        "resample",
        "sum_pool",
    }


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_second_derivatives_of_products(mode: str) -> None:
    x, v = pel.vector("x"), pel.vector("v")
    X, V = np.array([1.0, 2.0, -3.0], "float32"), np.array([1.0, -1.0, 2.0], "float32")
    product = pel.function([x, v], pel.hessian_vector_product(pel.cumprod(x).sum(), x, v), mode=mode)
    np.testing.assert_allclose(product(X, V), np.array([[0, -2, 2], [-2, 0, 1], [2, 1, 0]]) @ V)
    fixed = pel.hessian_vector_product(pel.cumprod(x).sum(), x, V)  # a known size against an unknown one
    np.testing.assert_allclose(pel.function([x], fixed, mode=mode)(X), product(X, V))
    masked = pel.function([x], pel.hessian(pel.where(x > 0, x, x * x).prod(), x), mode=mode)
    np.testing.assert_allclose(masked(X), [[0, 9, -12], [9, 0, -6], [-12, -6, 4]])


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_second_derivative_of_a_reshape_between_equal_ranks(mode: str) -> None:
    x, v = pel.tensor3("x"), pel.tensor3("v")
    product = pel.hessian_vector_product(pel.sin(pel.reshape(x, (1, 12, 1))).sum(), x, v)
    X = np.linspace(-1, 1, 12, dtype="float32").reshape(2, 3, 2)
    np.testing.assert_allclose(pel.function([x, v], product, mode=mode)(X, X), -np.sin(X) * X, rtol=1e-5)


def test_reshape_to_a_shape_with_two_unknown_sizes_is_kept() -> None:
    x, y = pel.matrix("x"), pel.matrix("y", shape=(1, 6))
    assert pel.function([x, y], pel.reshape_like(x, y) * y)(np.ones((2, 3)), np.ones((1, 6))).shape == (1, 6)
    one_unknown = pel.matrix("z", shape=(1, None))
    assert pel.simplify(pel.reshape_like(one_unknown, y)) is one_unknown


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_operands_of_a_recurrence_must_have_equal_sizes(mode: str) -> None:
    a, b = pel.vector("a"), pel.vector("b")
    f = pel.function([a, b], pel.recurrence(a, b), mode=mode)
    np.testing.assert_allclose(f([1.0, 0.5, 0.5], [8.0, 0.0, 1.0]), [8, 4, 3])
    with pytest.raises(ShapeError, match=r"recurrence: expected equal shapes. Received: a, float32 \(2,\), and b"):
        f([1.0, 0.5], [8.0, 0.0, 1.0])


def test_covariance_is_stable_with_unknown_sizes() -> None:
    x, y = pel.vector("x"), pel.vector("y")
    f = pel.function([x, y], (x * y).mean() - x.mean() * y.mean())
    assert f([1e4, 1e4 + 1], [1e4, 1e4 + 1]) == pytest.approx(0.25)


def test_checkpoints_are_dropped_where_a_substitution_makes_the_number_of_steps_unknown() -> None:
    known, x = pel.vector("known", shape=(4,)), pel.vector("x")
    last = pel.scan(lambda x_t, h: pel.tanh(x_t + h), known, 0.0, checkpoint=2)[-1]
    X = np.array([0.1, -0.2, 0.3, 0.4], "float32")
    expected = pel.function([known], pel.grad(last, known))(X)
    replaced = pel.replace(last, {known: x})
    np.testing.assert_allclose(pel.function([x], pel.grad(replaced, x))(X), expected, rtol=1e-6)


def test_gradient_through_an_unknown_size_that_is_a_name_before_and_a_number_after() -> None:
    x = pel.vector("x", shape=("n",), dtype="float64")
    padded = pel.broadcast_to(pel.pad(x, (0, 1)), (2, 5))  # a padded axis has an unknown size
    weights = np.arange(10.0).reshape(2, 5)
    g = pel.function([x], pel.grad((padded * weights).sum(), x), mode="numpy")(np.ones(4))
    np.testing.assert_array_equal(g, weights.sum(axis=0)[:4])


def test_gradient_of_an_unknown_size_that_is_a_name_in_one_use_and_a_number_in_another() -> None:
    x, y = pel.vector("x", dtype="float64"), pel.vector("y", shape=("n",), dtype="float64")
    cost = (x * np.array([1.0, 2.0, 3.0])).sum() + (x * y).sum()
    g = pel.function([x, y], pel.grad(cost, x), mode="numpy")([1.0, 1.0, 1.0], [4.0, 5.0, 6.0])
    np.testing.assert_array_equal(g, [5, 7, 9])
