"""What is at the edge of what C can say: the least integer, axes without elements, shifts, JAX's rarer operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native.compiler import compiler
from tests.run.native.test_loops import compared

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")

FEW, MANY = 3, 20
"""Samples that are rows of an array, and samples that are lanes."""


@pytest.mark.parametrize("rows", [FEW, MANY])
def test_the_least_integer_has_the_type_of_the_others(rows: int) -> None:
    x = pel.matrix("x", shape=("n", 3), dtype="int32")
    least = np.int32(-(2**31))
    f = pel.function([x], [(x + least) > 0, (x - least) // 3, (x * least) // 7])
    compared(f, 1, np.tile(np.array([-1, 0, 5], "int32"), (rows, 1)))


@pytest.mark.parametrize("rows", [0, FEW, MANY])
def test_an_axis_may_have_no_elements(rows: int) -> None:
    x, none = pel.matrix("x", shape=("n", 3)), pel.matrix("none", shape=("n", 0))
    w = pel.shared(np.ones((3, 2), "float32"), "w")
    product = none @ np.ones((0, 4), "float32")
    loss = pel.tanh(x @ w).sum() + none.sum() + (product**2).sum()
    f = pel.function(
        [x, none], [none.sum(axis=1), product, none.prod(axis=1), loss], updates={w: w - pel.grad(loss, w)}
    )
    compared(f, 2, np.ones((rows, 3), "float32"), np.ones((rows, 0), "float32"), tolerance=1e-6)


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_loop_inside_a_step_may_have_no_turns(length: int) -> None:
    x, w = pel.matrix("x", shape=("n", 3)), pel.shared(np.ones(3, "float32"), "w")
    h = pel.scan(lambda x_t, h: pel.tanh(h + x_t * w), x, np.zeros(3, "float32"))
    f = pel.function([x], h, updates={w: w - pel.grad(h.sum(), w)})
    compared(f, 2, np.ones((length, 3), "float32"), tolerance=1e-6)


def test_samples_are_not_multiplied_with_themselves() -> None:
    x = pel.matrix("x", shape=(17, 17), dtype="float64")
    values = np.random.default_rng(0).normal(size=(17, 17)) / 4
    for product in (x @ x, x.T @ x, x.T @ x.T, (2 * x) @ (2 * x) @ x):
        compared(pel.function([x], product.sum(axis=0)), 1, values)


def test_rows_are_looked_up_among_as_many_samples() -> None:
    rng = np.random.default_rng(0)
    x, w = pel.matrix("x", shape=(20, 3), dtype="float64"), pel.shared(np.ones((3, 3)), "w")
    i, j = (pel.ivector(name, shape=(20,)) for name in "ij")
    given = [rng.normal(size=(20, 3)), *rng.integers(-20, 20, (2, 20)).astype("int32")]
    assert "live" not in compared(pel.function([x, i], pel.softmax(x)[i]), 1, *given[:2]).partition("void run")[2]
    p = pel.softmax(x @ w)[i]
    loss = (pel.tanh(p)[j] * p).sum()
    compared(pel.function([x, i, j], [p, loss], updates={w: w - pel.grad(loss, w)}), 3, *given)
    rows = pel.function([x, i], [(pel.tanh(x[i] @ w) ** 2).sum()], updates={w: 0.9 * w})
    assert "live[32]" in compared(rows, 2, *given[:2])


def by_jax(step: Any) -> Any:
    """Return one result of a loop that holds a function of JAX's, by C and by XLA."""
    x = pel.vector("x", dtype="int32")
    found = []
    for mode in ("native", "xla"):
        f = pel.function([x], pel.from_jax(step)(x), mode=mode)
        found.append(f.repeat(1, np.array([12, 6, -5, 14], "int32"))[0])
    np.testing.assert_array_equal(*found)
    return found[0].tolist()


def test_all_bits_take_part_in_a_reduction() -> None:
    import jax

    both = by_jax(lambda x: jax.lax.reduce_and(x[:2], (0,)) * 1000 + jax.lax.reduce_and(x[:1] - 13, (0,)))
    assert both == 3999


def test_a_scatter_takes_away_too() -> None:
    assert by_jax(lambda x: x.at[x[1] - 5].subtract(5)) == [12, 1, -5, 14]


def test_shifts_by_more_or_less_than_all_bits_leave_none() -> None:
    import jax

    for shift, left in (
        (jax.lax.shift_left, 0),
        (jax.lax.shift_right_logical, 0),
        (jax.lax.shift_right_arithmetic, -1),
    ):
        assert by_jax(lambda x, shift=shift: shift(x, x[:1] - 13))[2] == left
        assert by_jax(lambda x, shift=shift: shift(x, x[:1] + 20))[2] == left
