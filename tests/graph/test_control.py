"""Tests of cond, while_loop, map and folds: values, gradients and which branch is computed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import DtypeError, GradientError, ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.passes import eliminate_dead_outputs
from pellucid.graph.traversal import topological

X = Input("x", (4,), "float64")
S = Input("s", (), "float64")
VALUES = {X: np.array([0.5, -1.0, 2.0, 0.25]), S: np.array(0.8)}


def make_cond() -> Expr:
    return pel.cond(S > 0, lambda: pel.tanh(X * S).sum(), lambda: (X**2).sum() - S)


@pytest.mark.parametrize("s", [0.8, -0.8])
def test_cond_returns_value_and_gradients_of_the_selected_branch(
    s: float, by_numpy: Any, by_xla: Any, check_gradient: Any
) -> None:
    values = {**VALUES, S: np.array(s)}
    expected = np.tanh(values[X] * s).sum() if s > 0 else (values[X] ** 2).sum() - s
    for run in (by_numpy, by_xla):
        np.testing.assert_allclose(run([make_cond()], values)[0], expected)
    check_gradient(make_cond() ** 2, values, [X, S])


def test_only_the_selected_branch_is_computed() -> None:
    y = pel.cond(S > 0, lambda: pel.log(S), lambda: pel.exp(S))
    gradient = pel.grad(y, S)
    with np.errstate(all="raise"):  # log(-1) would raise
        [value, d] = evaluate(np, [y, gradient], {S: np.array(-1.0)})
    assert value == d == np.exp(-1.0)


def test_endless_loop_in_the_other_branch_is_not_run(by_numpy: Any) -> None:
    never = pel.cond(
        S > 0,
        lambda: S,
        lambda: pel.while_loop(lambda h: pel.constant(np.array(True)), lambda h: h, S),
    )
    assert by_numpy([never], VALUES)[0] == 0.8


def test_cond_with_several_results_operands_and_nested_cond(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    def then(a: Expr, b: Expr) -> list[Expr]:
        return [pel.cond(a.sum() > 2, lambda: a * b, lambda: a / b), b]

    first, second = pel.cond(S > 0, then, lambda a, b: [a, b * a.sum()], X, S)
    for sign in (1, -1):
        values = {**VALUES, S: np.array(0.8 * sign)}
        a, b = values[X], values[S]
        expected = [a / b, b] if sign > 0 else [a, b * a.sum()]
        for run in (by_numpy, by_xla):
            for found, true in zip(run([first, second], values), expected, strict=True):
                np.testing.assert_allclose(found, true)
        check_gradient((first**2).sum() * second, values, [X, S])


def test_gradient_flows_through_captured_values(by_numpy: Any) -> None:
    h = pel.exp(X)
    y = pel.cond(S > 0, lambda: (h**2).sum(), lambda: h.sum())
    [found] = by_numpy([pel.grad(y + h.sum(), h)], VALUES)
    np.testing.assert_allclose(found, 2 * np.exp(VALUES[X]) + 1)


def test_cond_inside_scan(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    states = pel.scan(lambda x, h: pel.cond(x > 0, lambda: h * x + S, lambda: pel.sin(h)), X, S)
    h, expected = 0.8, []
    for x in VALUES[X]:
        h = h * x + 0.8 if x > 0 else np.sin(h)
        expected.append(h)
    for run in (by_numpy, by_xla):
        np.testing.assert_allclose(run([states], VALUES)[0], expected)
    check_gradient((states**2).sum(), VALUES, [X, S])


def test_cond_supports_inference_and_output_pruning(by_numpy: Any) -> None:
    rng = pel.random.Generator(0)
    first, second = pel.cond(S > 0, lambda: [rng.dropout(X, 0.5), S * 2], lambda: [X * S, S])
    assert rng.state in set(topological([first]))
    ready = pel.inference(first)
    assert rng.state not in set(topological([ready]))
    np.testing.assert_array_equal(by_numpy([ready], VALUES)[0], VALUES[X])
    assert X not in set(topological(eliminate_dead_outputs([second])))
    np.testing.assert_array_equal(by_numpy(eliminate_dead_outputs([second]), VALUES)[0], 1.6)


def test_cond_prints_its_branches() -> None:
    s = pel.scalar("s")
    y = pel.cond(s > 0, lambda: pel.sqrt(s), lambda: -s)
    assert str(y) == "cond(s > 0, sqrt(s), -s)"
    assert r"\begin{cases} \sqrt{s} & \text{if } s > 0" in pel.latex(y)
    both = pel.cond(s > 0, lambda: [pel.sqrt(s), s], lambda: [s, -s])
    assert r"\begin{cases} \left[ \sqrt{s}, s \right] &" in pel.latex(both[0])


def test_python_numbers_take_the_dtype_of_the_other_values(by_numpy: Any) -> None:
    value, flag = pel.cond(S > 0, lambda: [0.0, True], lambda: [S, S < -1])
    assert (value.dtype, flag.dtype) == (np.float64, bool)
    sums, counts = pel.scan(lambda x, s, n: [s + x, n + 1], X, [0, pel.zeros((), dtype="int32")])
    assert (sums.dtype, counts.dtype) == (np.float64, np.int32)
    h, _ = pel.while_loop(lambda h, n: n < 3, lambda h, n: [h * S, n + 1], [S, 0])
    assert by_numpy([sums[-1], h], VALUES) == [VALUES[X].sum(), pytest.approx(0.8**4)]


def collatz(n: Expr) -> Any:
    """Count the Collatz steps to 1."""
    return pel.while_loop(
        lambda n, count: n > 1,
        lambda n, count: [pel.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1],
        [n, pel.zeros((), dtype="int64")],
    )


def test_while_loop(by_numpy: Any, by_xla: Any) -> None:
    n = Input("n", (), "int64")
    for run in (by_numpy, by_xla):
        last, count = run(collatz(n), {n: np.array(27)})
        assert (last, count) == (1, 111)
        last, count = run(collatz(n), {n: np.array(1)})
        assert (last, count) == (1, 0)


def newton_sqrt(maximum: int | None = None) -> Any:
    """Square root of s with Newton's method."""
    return pel.while_loop(lambda h: abs(h * h - S) > 1e-9, lambda h: (h + S / h) / 2, S, maximum=maximum)


def test_bounded_while_loop_has_same_value_and_a_gradient(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    for run in (by_numpy, by_xla):
        unbounded, bounded, short = run([newton_sqrt(), newton_sqrt(20), newton_sqrt(1)], VALUES)
        assert unbounded == bounded
        np.testing.assert_allclose(unbounded, 0.8**0.5)
        np.testing.assert_allclose(short, 0.9)
        np.testing.assert_allclose(run([pel.grad(newton_sqrt(20), S)], VALUES)[0], 0.5 / 0.8**0.5, rtol=1e-6)
    check_gradient(newton_sqrt(20), VALUES, [S])


def test_gradient_of_unbounded_while_loop_raises_error() -> None:
    message = r"has no gradient, because .* Write pel.while_loop\(..., maximum=n\).*pel.scan\(..., length=n\)"
    with pytest.raises(GradientError, match=message):
        pel.grad(newton_sqrt(), S)


def test_random_draws_differ_between_while_loop_steps(by_numpy: Any, by_xla: Any) -> None:
    rng = pel.random.Generator(5)
    states = pel.while_loop(
        lambda u, i: i < 3,
        lambda u, i: [pel.concatenate([u[1:], rng.random(1)]), i + 1],
        [pel.zeros(3), pel.zeros((), dtype="int32")],
    )
    values = {rng.state: rng.get_state()}
    a, b = by_numpy(states, values)[0], by_xla(states, values)[0]
    np.testing.assert_array_equal(a, b)
    assert len(set(a.tolist())) == 3


def test_while_loop_supports_inference(by_numpy: Any) -> None:
    rng = pel.random.Generator(5)
    loop = pel.while_loop(lambda h: h.sum() < 100, lambda h: rng.dropout(2 * h, 0.1), X)
    ready = pel.inference(loop)
    assert rng.state in set(topological([loop])) - set(topological([ready]))
    np.testing.assert_array_equal(by_numpy([ready], VALUES)[0], 64 * VALUES[X])


def test_folds(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    def step(x: Expr, h: Expr) -> Expr:
        return pel.sin(h + x) * S

    def step_by_numpy(x: float, h: float) -> float:
        return float(np.sin(h + x) * 0.8)

    forward = functools.reduce(lambda h, x: step_by_numpy(x, h), VALUES[X], 0.5)
    backward = functools.reduce(lambda h, x: step_by_numpy(x, h), VALUES[X][::-1], 0.5)
    half = pel.constant(np.float64(0.5))
    folds = [
        pel.foldl(step, X, half),
        pel.reduce(step, X, half),
        pel.foldr(step, X, half),
        pel.reduce(step, X, half, reverse=True),
    ]
    for run in (by_numpy, by_xla):
        np.testing.assert_allclose(run(folds, VALUES), [forward, forward, backward, backward])
    check_gradient(folds[0] * folds[2], VALUES, [X, S])


def test_map_over_several_sequences(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    both, first = pel.map(lambda x, y, s: [x * y + s, x], [X, X[::-1]], S)
    x = VALUES[X]
    for run in (by_numpy, by_xla):
        found = run([both, first], VALUES)
        np.testing.assert_allclose(found[0], x * x[::-1] + 0.8)
        np.testing.assert_allclose(found[1], x)
    check_gradient((both**2).sum(), VALUES, [X, S])
    assert np.reshape(by_numpy([pel.map(lambda x: x * 2, X)], VALUES), -1).tolist() == (2 * x).tolist()


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: pel.cond(X > 0, lambda: S, lambda: S),
            ShapeError,
            r"cond: expected a single boolean as the condition. Received: x > 0, of type bool \(4,\). Reduce it with",
        ),
        (
            lambda: pel.cond(S, lambda: S, lambda: S),
            DtypeError,
            "cond: expected a boolean condition. Received: s, which is float64. Compare it, as in x > 0",
        ),
        (
            lambda: pel.cond(S > 0, lambda: [S, X], lambda: [S]),
            ShapeError,
            "cond: both branches must return the same number of results, .* Received: 2 from then and 1 from otherwise",
        ),
        (
            lambda: pel.cond(S > 0, lambda: S, lambda: X),
            ShapeError,
            r"cond: result 0 is float64 \(\) in then, s, and float64 \(4,\) in otherwise, x. .* Make their shapes",
        ),
        (
            lambda: pel.cond(S > 0, lambda: S, lambda: pel.zeros(())),
            DtypeError,
            r"cond: result 0 is float64 \(\) in then, s, and float32 \(\) in otherwise, .* Cast one",
        ),
        (
            lambda: pel.while_loop(lambda h: h > 0, lambda h: h.sum(), X),
            ShapeError,
            "while_loop: expected a single boolean as the condition",
        ),
        (
            lambda: pel.while_loop(lambda h: h.sum() > 0, lambda h: h.sum(), X),
            ShapeError,
            r"while_loop: state 0 is initially float64 \(4,\) and the step returns float64 \(\); both must be the same",
        ),
        (
            lambda: pel.while_loop(lambda h: h > 0, lambda h: [h, h], S),
            ShapeError,
            "while_loop: expected the step to return its 1 states only. Received: 2 results",
        ),
        (
            lambda: pel.while_loop(lambda h: h > 0, lambda h: [h, h], S, maximum=3),
            ShapeError,
            "while_loop: expected the step to return its 1 states only. Received: 2 results",
        ),
        (lambda: pel.map(lambda s: s, S), ShapeError, "map: expected sequences of at least one axis. Received: s"),
        (lambda: pel.foldl(lambda x, h: h.sum(), X, X), ShapeError, "foldl: state 0 is initially"),
    ],
)
def test_invalid_arguments_raise_errors(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()
