"""Tests of values and gradients at singular points, and of unusual inputs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from special_values import find_differences, list_cases

import pellucid as pel
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.run.native.compiler import find_compiler
from tests.run.native.test_every_op import UNSUPPORTED


def gradient_at(cost: pel.Expr, x: pel.Expr, value: list[float]) -> np.ndarray:
    return pel.function([x], pel.grad(cost, x), mode="numpy", on_unused_input="ignore")(value)


@pytest.mark.parametrize(
    ("mode", "dtype", "part"),
    [
        ("numpy", "float32", slice(None)),
        ("numpy", "float64", slice(None)),
        *(("xla", "float32", slice(first, None, 3)) for first in range(3)),
        *(("native", "float32", slice(first, None, 3)) for first in range(3)),
        pytest.param("xla", "float64", slice(None), marks=pytest.mark.slow),
        pytest.param("native", "float64", slice(None), marks=pytest.mark.slow),
    ],
)
def test_elementwise_ops_equal_numpy_at_special_values(mode: str, dtype: str, part: slice) -> None:
    if mode == "native" and find_compiler() is None:
        pytest.skip("there is no C compiler")
    cases = [c for c in list_cases(dtype) if mode != "native" or c.op.name not in UNSUPPORTED][part]
    inputs, operands = [i for c in cases for i in c.inputs], [o for c in cases for o in c.operands]
    f = pel.function(inputs, [c.result for c in cases], mode=mode, rewrite=False)
    with np.errstate(all="ignore"):
        values = [h[0] for h in f.over(*(o[None] for o in operands))] if mode == "native" else f(*operands)
    differences = [d for c, value in zip(cases, values, strict=True) for d in find_differences(c, value, mode)]
    assert not differences, "\n".join(differences)


def test_gradient_of_a_product_with_zeros() -> None:
    x = pel.vector("x")
    np.testing.assert_array_equal(gradient_at(x.prod(), x, [0, 0, 800]), [0, 0, 0])
    np.testing.assert_array_equal(gradient_at(x.prod(), x, [0, 2, 3]), [6, 0, 0])
    np.testing.assert_array_equal(gradient_at(x.prod(), x, [4, 2, 3]), [6, 12, 8])


def test_gradient_of_powers_of_zero() -> None:
    x, y = pel.vector("x"), pel.vector("y")
    np.testing.assert_array_equal(gradient_at((x**0).sum(), x, [0, 1]), [0, 0])
    f = pel.function([x, y], pel.grad((x**y).sum(), x), mode="numpy")
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(f([0.0, 2.0], [0.0, 3.0]), [0, 12])


def test_gradient_ignores_infinity_in_the_unselected_branch_of_where() -> None:
    x = pel.vector("x")
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(gradient_at(pel.where(x > 0, pel.log(x), 0).sum(), x, [0, 2]), [0, 0.5])


@pytest.mark.parametrize("function", [pel.sqrt, pel.cbrt, pel.log])
def test_gradient_through_an_inactive_relu_is_zero(function: Any) -> None:
    x = pel.vector("x", dtype="float64")
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(gradient_at(function(pel.relu(x)).sum(), x, [-1.0, -0.0]), [0, 0])


@pytest.mark.parametrize("select", [lambda c, y: pel.where(c, y, 1), lambda c, y: pel.where(~c, 1, y)])
def test_second_derivative_ignores_nan_in_the_unselected_branch_of_where(select: Any) -> None:
    x, v = pel.vector("x", dtype="float64"), pel.vector("v", dtype="float64")
    y = select(x > 0, pel.sqrt(x))
    product = pel.hessian_vector_product((pel.tanh(y) + y * y).sum(), x, v)
    with np.errstate(invalid="ignore"):
        found = pel.function([x, v], product, mode="numpy")([-2.0, 4.0], [1.0, 1.0])
    t = np.tanh(2.0)
    expected = (1 - t**2) * (-t / 8 - 1 / 32)  # the second derivative of tanh(sqrt(x)) at 4
    np.testing.assert_allclose(found, [0, expected], rtol=1e-12)


@pytest.mark.parametrize(
    "cost",
    [
        lambda z: -pel.log(pel.softmax(z)[1]),
        lambda z: -pel.log((pel.exp(z) / pel.exp(z).sum())[1]),
        lambda z: -pel.log(pel.take(pel.softmax(z), np.array([1]))).sum(),
    ],
)
def test_log_of_one_probability_is_stable(cost: object) -> None:
    z = pel.vector("z")
    value, gradient = pel.function([z], [cost(z), pel.grad(cost(z), z)], mode="numpy")([1000.0, 0.0, 0.0])
    assert value == 1000
    np.testing.assert_array_equal(gradient, [1, -1, 0])


def test_log_of_scaled_sums_of_exponentials_is_stable() -> None:
    z = pel.vector("z")
    scaled, mean = pel.log((2 * pel.exp(z)).sum()), pel.log(pel.exp(z).mean())
    values = pel.function([z], [scaled, mean], mode="numpy")([1000.0, 0.0])
    np.testing.assert_allclose(values, [1000 + np.log(2), 1000 - np.log(2)], rtol=1e-6)


def test_logsumexp_of_infinities() -> None:
    x = pel.vector("x")
    f = pel.function([x], pel.log(pel.exp(x).sum()), mode="numpy")
    with np.errstate(divide="ignore"):
        assert f([-np.inf, -np.inf]) == -np.inf
    assert f([np.inf, 0.0]) == np.inf


def test_gradient_with_respect_to_a_constant_expression() -> None:
    w = pel.constant(2.0) * 3
    assert pel.function([], pel.grad(w**2, w), mode="numpy")() == 12


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_out_of_bounds_index_raises_error(mode: str) -> None:
    x = pel.vector("x")
    with pytest.raises(ShapeError, match=r"x, of shape \(2,\): index 5 is out of bounds for axis 0"):
        pel.function([x], x[5], mode=mode)([0.5, 1.0])


def test_true_is_not_an_index() -> None:
    with pytest.raises(ShapeError, match="an index consists of integers, slices"):
        pel.vector("x")[True]


def test_copies_of_an_expression_are_the_same_object() -> None:
    y = pel.vector("x") + 1
    assert copy.copy(y) is y
    assert copy.deepcopy([y])[0] is y


def test_ragged_rows_raise_error() -> None:
    with pytest.raises(DtypeError, match="Expected numbers, in rows of equal length"):
        pel.shared([[1], [1, 2]])


def test_big_endian_array_is_converted() -> None:
    assert pel.shared(np.ones(2, ">f4")).dtype.isnative


def test_input_without_a_name_raises_error() -> None:
    with pytest.raises(TypeError, match="Expected the name of an input first"):
        pel.vector(3)
    with pytest.raises(ShapeError, match=r"pel.vector has 1 dimension. Received: shape=3"):
        pel.vector("x", shape=3)


def test_float16_uniform_samples_are_below_one() -> None:
    rng = pel.random.Generator(1)
    u = pel.function([], rng.uniform(size=(20_000,), dtype="float16"), mode="numpy")()
    assert u.dtype == np.float16
    assert 0 <= u.min() <= u.max() < 1
    z = pel.function([], rng.normal(size=(20_000,), dtype="float16"), mode="numpy")()
    assert np.isfinite(z).all()


def test_gradient_of_a_scan_over_zero_steps_is_zero() -> None:
    x, w = pel.matrix("x", shape=("t", 3)), pel.shared(np.ones(3, "float32"), "w")
    h = pel.scan(lambda x_t, s: pel.tanh(x_t + w * s), x, pel.zeros(3))
    f = pel.function([x], pel.grad((h**2).sum(), w), mode="numpy")
    np.testing.assert_array_equal(f(np.zeros((0, 3), "float32")), np.zeros(3))


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_integer_division_by_zero_returns_zero(mode: str, dtype: str) -> None:
    i, j = pel.vector("i", dtype=dtype), pel.vector("j", dtype=dtype)
    quotients = pel.function([i, j], [i // j, i % j, i // 0], mode=mode)
    values = np.array([7, 5, 0], dtype), np.array([0, 2, 0], dtype)
    np.testing.assert_array_equal(quotients(*values), [[0, 2, 0], [0, 1, 0], [0, 0, 0]])


def test_negative_power_of_an_integer_raises_error() -> None:
    i = pel.ivector("i")
    with pytest.raises(
        DtypeError, match=r"i \*\* -1: an integer cannot be raised to a negative power\..*'float32'\) \*\* -1"
    ):
        i**-1
    assert (i**-1.0).dtype == np.float32
