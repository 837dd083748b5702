"""Tests of nested loops and branches, with random draws: values, first and second gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Expr, Input

RNG = pel.random.Generator(3)
X = Input("x", (7, 3), "float64")
H = Input("h", (3,), "float64")
W = Input("w", (3, 3), "float64")
P = Input("p", (), "float64")
NUMBERS = np.random.default_rng(0)
VALUES = {
    X: NUMBERS.normal(size=(7, 3)),
    H: NUMBERS.normal(size=3),
    W: NUMBERS.normal(size=(3, 3)) / 2,
    P: np.array(0.7),
    RNG.state: RNG.get_state(),
}


def loop_in_branch() -> Expr:
    def then() -> Expr:
        last: Expr = pel.scan(lambda x, h: pel.tanh(x + h @ W), X, H)[-1]
        return last.sum()

    return pel.cond(P > 0, then, lambda: (X * P).sum())


def nested_checkpoints() -> Expr:
    def row(x: Expr, h: Expr) -> Any:
        return pel.scan(lambda e, s: pel.tanh(s * e + h[0]), x, h.sum(), checkpoint=2)

    return (pel.scan(row, X, H, checkpoint=3) ** 2).sum()


def draws_in_a_branch_of_a_loop() -> Expr:
    def thinned(h: Expr) -> Any:
        return pel.cond(P > 0, lambda: RNG.dropout(h, 0.5), lambda: h * P)

    return (pel.scan(lambda x, h: pel.tanh(thinned(x + h @ W)), X, H) ** 2).sum()


def draws_in_nested_loops() -> Expr:
    def row(x: Expr, h: Expr) -> Any:
        return pel.scan(lambda e, s: RNG.dropout(pel.tanh(s * e + h), 0.3), x, h)[-1]

    return (pel.scan(row, X[:3], H) ** 2).sum()


def draws_between_checkpoints() -> Expr:
    return (pel.scan(lambda x, h: RNG.dropout(pel.tanh(h @ W + x), 0.3), X, H, checkpoint=2) ** 2).sum()


def one_sequence_twice() -> Expr:
    return (pel.scan(lambda a, b, h: pel.tanh(a * b + h @ W), [X, X], H, checkpoint=3) ** 2).sum()


def a_branch_in_a_loop_of_unknown_length() -> Expr:
    def grown(h: Expr) -> Any:
        return pel.cond(h.sum() > P, lambda: h * 1.5, lambda: h + P)

    last: Expr = pel.while_loop(lambda h: (h**2).sum() < 50, grown, H, maximum=12)
    return last.sum()


BUILDS = [
    loop_in_branch,
    nested_checkpoints,
    draws_in_a_branch_of_a_loop,
    draws_in_nested_loops,
    draws_between_checkpoints,
    one_sequence_twice,
    a_branch_in_a_loop_of_unknown_length,
]


@pytest.mark.parametrize("build", BUILDS)
def test_gradients_match_finite_differences(build: Callable[[], Expr], check_gradient: Any) -> None:
    check_gradient(build(), VALUES, [X, H, W, P])


SLOW_TO_COMPILE = (draws_in_nested_loops, draws_between_checkpoints)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "build", [pytest.param(b, marks=[pytest.mark.slow] if b in SLOW_TO_COMPILE else []) for b in BUILDS]
)
def test_interpreter_function_and_xla_agree(build: Callable[[], Expr], by_numpy: Any, by_xla: Any) -> None:
    cost, wrt = build(), [X, H, W, P]
    outputs = [cost, *pel.grad(cost, wrt, disconnected="zero")]
    interpreted, compiled = by_numpy(outputs, VALUES), by_xla(outputs, VALUES)
    RNG.set_state(VALUES[RNG.state])
    f = pel.function(wrt, outputs, on_unused_input="ignore", mode="numpy")
    for a, b, c in zip(interpreted, compiled, f(*[VALUES[w] for w in wrt]), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(c, a, rtol=1e-9, atol=1e-12)
