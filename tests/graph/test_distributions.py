"""Tests of random distributions against SciPy, and of draws inside loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import pellucid as pel
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, Input

SIZE = 20_000
MIN_P_VALUE = 1e-3
"""Significance level of the statistical tests. Seeds are fixed, so that results do not vary."""


def draw(by_numpy: Any, by_xla: Any, rng: Any, *outputs: Expr, exact: bool = False) -> list[Any]:
    """Draw with NumPy and XLA, compare the samples and return them."""
    values = {rng.state: rng.get_state()}
    samples, xla_samples = by_numpy(list(outputs), values), by_xla(list(outputs), values)
    for a, b in zip(samples, xla_samples, strict=True):
        np.testing.assert_allclose(a, b, rtol=0 if exact else 2e-5, atol=0 if exact else 1e-5)
    return list(samples)


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("random", {}, stats.uniform()),
        ("uniform", {"low": -2.0, "high": 4.0}, stats.uniform(-2, 6)),
        ("standard_normal", {}, stats.norm()),
        ("normal", {"loc": 1.0, "scale": 3.0}, stats.norm(1, 3)),
        ("truncated_normal", {"loc": 1.0, "scale": 3.0}, stats.truncnorm(-2, 2, 1, 3)),
        ("exponential", {"scale": 3.0}, stats.expon(scale=3)),
        ("gumbel", {"loc": 1.0, "scale": 2.0}, stats.gumbel_r(1, 2)),
        ("laplace", {"loc": 1.0, "scale": 2.0}, stats.laplace(1, 2)),
    ],
)
def test_distributions(name: str, given: Any, expected: Any, dtype: str, by_numpy: Any, by_xla: Any) -> None:
    rng = pel.random.Generator(11)
    [found] = draw(by_numpy, by_xla, rng, getattr(rng, name)(**given, size=SIZE, dtype=dtype))
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    assert stats.kstest(found, expected.cdf).pvalue > MIN_P_VALUE
    error = 5 / SIZE**0.5
    assert abs(found.mean() - expected.mean()) < error * expected.std()
    assert abs(found.std() / expected.std() - 1) < 3 * error


def test_integers_are_uniform(by_numpy: Any, by_xla: Any) -> None:
    rng = pel.random.Generator(3)
    outputs = [
        rng.integers(7, size=SIZE),
        rng.integers(-3, 4, SIZE, dtype="int32"),
        rng.integers(-3, 3, SIZE, endpoint=True),
    ]
    found = draw(by_numpy, by_xla, rng, *outputs, exact=True)
    assert [f.dtype.name for f in found] == ["int64", "int32", "int64"]
    for f, low in zip(found, (0, -3, -3), strict=True):
        assert stats.chisquare(np.bincount(f - low, minlength=7)).pvalue > MIN_P_VALUE


def test_bernoulli_and_categorical(by_numpy: Any, by_xla: Any) -> None:
    rng, p = pel.random.Generator(5), np.array([0.1, 0.0, 0.6, 0.3])
    each = pel.constant(np.linspace(0, 1, 5))
    outputs = [
        rng.categorical(p=p, size=SIZE),
        rng.categorical(np.log(p[[0, 2, 3]]), size=SIZE),
        rng.categorical(p=np.tile(p, (SIZE, 1))),
        rng.bernoulli(pel.broadcast_to(each, (SIZE, 5))),
    ]
    first, logits, rows, coins = draw(by_numpy, by_xla, rng, *outputs, exact=True)
    assert first.shape == logits.shape == rows.shape == (SIZE,)
    for f in (first, rows):
        counts = np.bincount(f, minlength=4)
        assert counts[1] == 0
        assert stats.chisquare(counts[[0, 2, 3]], SIZE * p[[0, 2, 3]]).pvalue > MIN_P_VALUE
    assert stats.chisquare(np.bincount(logits), SIZE * p[[0, 2, 3]]).pvalue > MIN_P_VALUE
    np.testing.assert_allclose(coins.mean(0), np.linspace(0, 1, 5), atol=0.02)
    assert coins.mean(0)[0] == 0
    assert coins.mean(0)[4] == 1


def test_permutations_are_uniform(by_xla: Any) -> None:
    rng = pel.random.Generator(6)
    outputs = pel.map(lambda i: rng.permutation(3) + 0 * i, pel.arange(3000))
    [found] = by_xla([outputs], {rng.state: rng.get_state()})
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile([0, 1, 2], (3000, 1)))
    counts = np.unique(found @ [9, 3, 1], return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > MIN_P_VALUE


def test_permuting_an_axis_keeps_its_elements(by_numpy: Any, by_xla: Any) -> None:
    rng, x = pel.random.Generator(6), Input("x", ("n", 20), "float64")
    value = np.arange(100.0).reshape(5, 20)
    rows, columns = rng.permutation(x), rng.shuffle(x, axis=1)
    for run in (by_numpy, by_xla):
        a, b = run([rows, columns], {x: value, rng.state: rng.get_state()})
        np.testing.assert_array_equal(a[np.argsort(a[:, 0])], value)
        np.testing.assert_array_equal(b[:, np.argsort(b[0])], value)
        assert (b != value).any()


def test_choices(by_numpy: Any, by_xla: Any) -> None:
    rng, p = pel.random.Generator(8), np.array([0.5, 0.0, 0.2, 0.3])
    letters = pel.constant(np.arange(10.0, 14.0))
    outputs = [
        rng.choice(4, SIZE),
        rng.choice(letters, SIZE, p=p),
        rng.choice(1000, (10, 50), replace=False),
        rng.choice(letters, 3, replace=False, p=p),
        rng.choice(letters),
    ]
    even, chosen, distinct, likely, one = draw(by_numpy, by_xla, rng, *outputs, exact=True)
    assert stats.chisquare(np.bincount(even)).pvalue > MIN_P_VALUE
    counts = np.bincount((chosen - 10).astype(int), minlength=4)
    assert stats.chisquare(counts[[0, 2, 3]], SIZE * p[[0, 2, 3]]).pvalue > MIN_P_VALUE
    assert len(np.unique(distinct)) == 500
    assert sorted(likely) == [10, 12, 13]
    assert one.shape == ()


def test_choices_without_replacement_follow_their_probabilities(by_xla: Any) -> None:
    rng, p = pel.random.Generator(8), np.array([0.5, 0.0, 0.2, 0.3])
    outputs = pel.map(lambda i: rng.choice(4, 2, replace=False, p=p) + 0 * i, pel.arange(4000))
    [pairs] = by_xla([outputs], {rng.state: rng.get_state()})
    # The first element has probabilities p, the second p normalized over the remaining elements.
    expected = [p[i] * p[j] / (1 - p[i]) for i in (0, 2, 3) for j in (0, 2, 3) if i != j]
    seen = [((pairs[:, 0] == i) & (pairs[:, 1] == j)).sum() for i in (0, 2, 3) for j in (0, 2, 3) if i != j]
    assert stats.chisquare(seen, 4000 * np.array(expected)).pvalue > MIN_P_VALUE


def test_parameters_can_be_expressions_with_gradients(by_numpy: Any) -> None:
    rng = pel.random.Generator(1)
    loc, scale = Input("loc", (3,), "float64"), Input("scale", (), "float64")
    z = rng.normal(loc, scale)
    assert (z.shape, z.dtype) == ((3,), np.float64)
    values = {loc: np.array([1.0, 2.0, 3.0]), scale: np.array(2.0), rng.state: rng.get_state()}
    value, by_loc, by_scale = by_numpy([z, *pel.grad(z.sum(), [loc, scale])], values)
    np.testing.assert_array_equal(by_loc, np.ones(3))
    np.testing.assert_allclose(by_scale, ((value - values[loc]) / 2).sum())


def test_spawned_generators_are_independent_and_reproducible(by_numpy: Any) -> None:
    def states(seed: int) -> list[tuple[int, ...]]:
        rng = pel.random.Generator(seed)
        return [tuple(r.get_state().tolist()) for r in [rng, *rng.spawn(2), *rng.spawn(1)]]

    assert states(1) == states(1)
    assert len({*states(1), *states(2)}) == 8


def test_a_saved_state_is_restored() -> None:
    rng = pel.random.Generator(7)
    f = pel.function([], rng.random(3), mode="numpy")
    f()
    saved = rng.get_state()
    expected = f()
    f()
    rng.set_state(saved)
    np.testing.assert_array_equal(f(), expected)


def test_draws_differ_between_steps_and_are_reused_by_the_gradient(by_numpy: Any, by_xla: Any) -> None:
    rng, x = pel.random.Generator(2), Input("x", ("t", 50), "float64")
    states = pel.scan(lambda x_t: rng.dropout(x_t, 0.5), x)
    values = {x: np.ones((6, 50)), rng.state: rng.get_state()}
    for run in (by_numpy, by_xla):
        masks, gradient = run([states, pel.grad(states.sum(), x)], values)
        np.testing.assert_array_equal(masks, gradient)
        assert len(np.unique(masks, axis=0)) == 6
    np.testing.assert_array_equal(by_numpy([pel.inference(states)], values)[0], values[x])


@pytest.mark.parametrize("options", [{"reverse": True}, {"checkpoint": 3}])
def test_draws_in_steps_do_not_depend_on_loop_options(options: Any, by_numpy: Any, by_xla: Any) -> None:
    def gradient(**options: Any) -> Expr:
        states: Expr = pel.scan(lambda x, h: h + x * w * rng.random(dtype="float64"), x, 0 * w, **options)
        rng.draws = 0
        return pel.grad(states[0 if "reverse" in options else -1], w)

    rng, w, x = pel.random.Generator(2), Input("w", (), "float64"), pel.ones(7, dtype="float64")
    values = {w: np.array(1.0), rng.state: rng.get_state()}
    found = [v for run in (by_numpy, by_xla) for v in run([gradient(), gradient(**options)], values)]
    np.testing.assert_allclose(found, found[0], rtol=1e-12)


def test_draws_in_nested_steps_all_differ(by_numpy: Any, by_xla: Any) -> None:
    rng = pel.random.Generator(4)

    def row(i: Expr) -> Any:
        return pel.scan(lambda j: rng.random(dtype="float64") + 0 * (i + j), pel.zeros(5, dtype="float64"))

    table = pel.scan(row, pel.zeros(4, dtype="float64"))
    [found] = draw(by_numpy, by_xla, rng, table, exact=True)
    assert len(np.unique(found)) == 20


def test_draws_outside_a_step_are_the_same_at_every_step(by_numpy: Any) -> None:
    rng = pel.random.Generator(4)
    outside = rng.random(3)
    outputs = pel.scan(lambda: outside + 0, length=5)
    [found] = by_numpy([outputs], {rng.state: rng.get_state()})
    assert len(np.unique(found, axis=0)) == 1


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda rng: rng.normal((2, 3)), TypeError, r"Pass the shape by name, size=\(2, 3\)"),
        (lambda rng: rng.bernoulli(1.5), ValueError, "bernoulli: expected a probability from 0 to 1. Received: p=1.5"),
        (
            lambda rng: rng.integers(3, 3),
            ValueError,
            r"integers: expected a range of 1 to 2\*\*53 integers. Received: low=3, high=3",
        ),
        (lambda rng: rng.integers(np.int64(3), np.int64(1)), ValueError, "integers: expected a range.* low=3, high=1"),
        (
            lambda rng: rng.random(("n", 3)),
            ShapeError,
            r"Expected size to be .* Received: size=\('n', 3\). For the shape of an expression use like=",
        ),
        (lambda rng: rng.random(-1), ShapeError, "Expected size to be an integer of 0 or more.* Received: size=-1"),
        (
            lambda rng: rng.integers(2.5),
            DtypeError,
            "integers: expected bounds that are integers. Received: low=0, high=2.5",
        ),
        (
            lambda rng: rng.categorical(p=pel.vector("p"), size=3),
            ShapeError,
            r"Expected a known number of classes to draw size=3. Received: p, of shape \(\?,\). Declare its shape",
        ),
        (
            lambda rng: rng.categorical(p=pel.scalar("p")),
            ShapeError,
            "Expected probabilities of classes along the last axis. Received: p",
        ),
        (
            lambda rng: rng.dropout(pel.ivector("i"), 0.5),
            DtypeError,
            "dropout: expected real numbers. Received: i, which is int32; cast it first",
        ),
        (lambda rng: rng.categorical(), TypeError, "categorical: expected either logits or p"),
        (
            lambda rng: rng.choice(3, 4, replace=False),
            ShapeError,
            "choice: cannot choose 4 of 3 elements without replacement. Choose fewer, or set replace=True",
        ),
    ],
)
def test_invalid_arguments_raise_errors(write: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        write(pel.random.Generator(0))
