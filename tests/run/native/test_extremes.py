"""Edge cases of generated C: the smallest integer, empty axes, shifts, and rare primitives of JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native.compiler import find_compiler
from tests.run.native.test_loops import compare_with_interpreter

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

FEW, MANY = 3, 20
"""Batches that are not vectorized, and that are."""


@pytest.mark.usefixtures("optimized_code")
@pytest.mark.parametrize("rows", [FEW, MANY])
def test_the_smallest_integer_and_ties_that_are_rounded_to_even(rows: int) -> None:
    x, y = pel.matrix("x", shape=("n", 3), dtype="int32"), pel.matrix("y", shape=("n", 4))
    smallest = np.int32(-(2**31))
    f = pel.function([x, y], [(x + smallest) > 0, (x - smallest) // 3, (x * smallest) // 7, pel.round(y)])
    integers, ties = np.array([-1, 0, 5], "int32"), np.float32([0.5, 1.5, 2.5, -3.5])
    compare_with_interpreter(f, 1, np.tile(integers, (rows, 1)), np.tile(ties, (rows, 1)))


@pytest.mark.parametrize("rows", [0, FEW, MANY])
def test_an_axis_may_be_empty(rows: int) -> None:
    x, empty = pel.matrix("x", shape=("n", 3)), pel.matrix("empty", shape=("n", 0))
    w = pel.shared(np.ones((3, 2), "float32"), "w")
    product = empty @ np.ones((0, 4), "float32")
    loss = pel.tanh(x @ w).sum() + empty.sum() + (product**2).sum()
    f = pel.function(
        [x, empty], [empty.sum(axis=1), product, empty.prod(axis=1), loss], updates={w: w - pel.grad(loss, w)}
    )
    compare_with_interpreter(f, 2, np.ones((rows, 3), "float32"), np.ones((rows, 0), "float32"), tolerance=1e-6)


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_scan_may_have_no_steps(length: int) -> None:
    x, w = pel.matrix("x", shape=("n", 3)), pel.shared(np.ones(3, "float32"), "w")
    h = pel.scan(lambda x_t, h: pel.tanh(h + x_t * w), x, np.zeros(3, "float32"))
    f = pel.function([x], h, updates={w: w - pel.grad(h.sum(), w)})
    compare_with_interpreter(f, 2, np.ones((length, 3), "float32"), tolerance=1e-6)


def test_products_of_samples_with_each_other_are_not_vectorized() -> None:
    x = pel.matrix("x", shape=(17, 17), dtype="float64")
    values = np.random.default_rng(0).normal(size=(17, 17)) / 4
    products = (x @ x, x.T @ x, x.T @ x.T, (2 * x) @ (2 * x) @ x)
    compare_with_interpreter(pel.function([x], [product.sum(axis=0) for product in products]), 1, values)


def test_rows_gathered_from_samples() -> None:
    rng = np.random.default_rng(0)
    x, w = pel.matrix("x", shape=(20, 3), dtype="float64"), pel.shared(np.ones((3, 3)), "w")
    i, j = (pel.ivector(name, shape=(20,)) for name in "ij")
    arguments = [rng.normal(size=(20, 3)), *rng.integers(-20, 20, (2, 20)).astype("int32")]
    assert (
        "lane_mask"
        not in compare_with_interpreter(pel.function([x, i], pel.softmax(x)[i]), 1, *arguments[:2]).partition(
            "void run"
        )[2]
    )
    p = pel.softmax(x @ w)[i]
    loss = (pel.tanh(p)[j] * p).sum()
    compare_with_interpreter(pel.function([x, i, j], [p, loss], updates={w: w - pel.grad(loss, w)}), 3, *arguments)
    rows = pel.function([x, i], [(pel.tanh(x[i] @ w) ** 2).sum()], updates={w: 0.9 * w})
    assert "_sums" in compare_with_interpreter(rows, 2, *arguments[:2])


@pytest.mark.usefixtures("optimized_code")
def test_rare_primitives_of_jax() -> None:
    import jax

    lax, shifts = jax.lax, (jax.lax.shift_left, jax.lax.shift_right_logical, jax.lax.shift_right_arithmetic)

    def step(x: Any) -> list[Any]:
        return [
            lax.reduce_and(x[:2], (0,)) * 1000 + lax.reduce_and(x[:1] - 13, (0,)),
            x.at[x[1] - 5].subtract(5),
            lax.round(x / 4, lax.RoundingMethod.AWAY_FROM_ZERO),
            *(shift(x, count) for shift in shifts for count in (x[:1] - 13, x[:1] + 20)),  # by -1 and 32 bits
        ]

    x = pel.vector("x", dtype="int32")
    by_c, by_xla = (
        pel.function([x], list(pel.from_jax(step)(x)), mode=mode).repeat(1, np.array([12, 6, -5, 14], "int32"))
        for mode in ("native", "xla")
    )
    for found, expected in zip(by_c, by_xla, strict=True):
        np.testing.assert_array_equal(found, expected)
    bits, subtracted, rounded, *shifted = (found[0].tolist() for found in by_c)
    assert bits == 3999
    assert subtracted == [12, 1, -5, 14]
    assert rounded == [3, 2, -1, 4]
    assert [values[2] for values in shifted] == [0, 0, 0, 0, -1, -1]
