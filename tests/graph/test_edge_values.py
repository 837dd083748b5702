"""Values and gradients at the points where a formula as written would divide zero by zero."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import DtypeError, ShapeError


def gradient_at(cost: pel.Expr, x: pel.Expr, value: list[float]) -> np.ndarray:
    return pel.function([x], pel.grad(cost, x), mode="numpy", on_unused_input="ignore")(value)


def test_a_product_with_zeros_has_a_gradient() -> None:
    x = pel.vector("x")
    np.testing.assert_array_equal(gradient_at(x.prod(), x, [0, 0, 800]), [0, 0, 0])
    np.testing.assert_array_equal(gradient_at(x.prod(), x, [0, 2, 3]), [6, 0, 0])
    np.testing.assert_array_equal(gradient_at(x.prod(), x, [4, 2, 3]), [6, 12, 8])


def test_a_power_of_zero_has_a_gradient() -> None:
    x, y = pel.vector("x"), pel.vector("y")
    np.testing.assert_array_equal(gradient_at((x**0).sum(), x, [0, 1]), [0, 0])
    f = pel.function([x, y], pel.grad((x**y).sum(), x), mode="numpy")
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(f([0.0, 2.0], [0.0, 3.0]), [0, 12])


def test_what_a_condition_keeps_out_does_not_enter_the_gradient() -> None:
    x = pel.vector("x")
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(gradient_at(pel.where(x > 0, pel.log(x), 0).sum(), x, [0, 2]), [0, 0.5])


@pytest.mark.parametrize(
    "cost",
    [
        lambda z: -pel.log(pel.softmax(z)[1]),
        lambda z: -pel.log((pel.exp(z) / pel.exp(z).sum())[1]),
        lambda z: -pel.log(pel.take(pel.softmax(z), np.array([1]))).sum(),
    ],
)
def test_the_logarithm_of_one_probability_is_stable(cost: object) -> None:
    z = pel.vector("z")
    value, gradient = pel.function([z], [cost(z), pel.grad(cost(z), z)], mode="numpy")([1000.0, 0.0, 0.0])
    assert value == 1000
    np.testing.assert_array_equal(gradient, [1, -1, 0])


def test_logarithms_of_means_and_multiples_are_stable() -> None:
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


def test_a_gradient_by_a_constant_expression() -> None:
    w = pel.constant(2.0) * 3
    assert pel.function([], pel.grad(w**2, w), mode="numpy")() == 12


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_a_position_beyond_the_end_is_refused(mode: str) -> None:
    x = pel.vector("x")
    with pytest.raises(ShapeError, match=r"x, of shape \(2,\), has no index 5 in axis 0"):
        pel.function([x], x[5], mode=mode)([0.5, 1.0])


def test_true_is_no_position() -> None:
    with pytest.raises(ShapeError, match="is indexed by integers, slices"):
        pel.vector("x")[True]


def test_a_copy_of_an_expression_is_the_expression() -> None:
    y = pel.vector("x") + 1
    assert copy.copy(y) is y
    assert copy.deepcopy([y])[0] is y
    with pytest.raises(TypeError, match=r"The expression x \+ 1 cannot be pickled"):
        pickle.dumps(y)


def test_rows_of_unequal_length_are_no_numbers() -> None:
    with pytest.raises(DtypeError, match="Expected numbers, in rows of equal length"):
        pel.shared([[1], [1, 2]])


def test_a_big_endian_array_is_taken() -> None:
    assert pel.shared(np.ones(2, ">f4")).dtype.isnative


def test_a_name_comes_first() -> None:
    with pytest.raises(TypeError, match="Expected the name of an input first"):
        pel.vector(3)
    with pytest.raises(ShapeError, match=r"pel.vector has 1 dimension. Received: shape=3"):
        pel.vector("x", shape=3)


def test_halves_are_drawn_below_one() -> None:
    rng = pel.random.Generator(1)
    u = pel.function([], rng.uniform(size=(20_000,), dtype="float16"), mode="numpy")()
    assert u.dtype == np.float16
    assert 0 <= u.min() <= u.max() < 1
    z = pel.function([], rng.normal(size=(20_000,), dtype="float16"), mode="numpy")()
    assert np.isfinite(z).all()


def test_the_gradient_of_a_loop_over_nothing_is_nothing() -> None:
    x, w = pel.matrix("x", shape=("t", 3)), pel.shared(np.ones(3, "float32"), "w")
    h = pel.scan(lambda x_t, s: pel.tanh(x_t + w * s), x, pel.zeros(3))
    f = pel.function([x], pel.grad((h**2).sum(), w), mode="numpy")
    np.testing.assert_array_equal(f(np.zeros((0, 3), "float32")), np.zeros(3))


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_an_integer_divided_by_zero_is_zero(mode: str, dtype: str) -> None:
    i, j = pel.vector("i", dtype=dtype), pel.vector("j", dtype=dtype)
    quotients = pel.function([i, j], [i // j, i % j, i // 0], mode=mode)
    given = np.array([7, 5, 0], dtype), np.array([0, 2, 0], dtype)
    np.testing.assert_array_equal(quotients(*given), [[0, 2, 0], [0, 1, 0], [0, 0, 0]])


def test_integers_to_negative_powers_are_refused_where_they_are_written() -> None:
    i = pel.ivector("i")
    with pytest.raises(
        DtypeError, match=r"i \*\* -1: expected integers to the power of 0 or more\..*'float32'\) \*\* -1"
    ):
        i**-1
    assert (i**-1.0).dtype == np.float32
