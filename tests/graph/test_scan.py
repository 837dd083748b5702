"""Tests of `scan` against NumPy loops, with gradients against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.rewriter import simplify
from pellucid.graph.traversal import topological

X = Input("x", ("t", 3), "float64")
H = Input("h", (3,), "float64")
W = Input("w", (3, 3), "float64")
RNG = np.random.default_rng(0)
VALUES = {X: RNG.normal(size=(5, 3)), H: RNG.normal(size=3), W: RNG.normal(size=(3, 3)) / 2}


def recurrence(reverse: bool = False) -> Expr:
    return pel.scan(lambda x, h: pel.tanh(x + h @ W), X, H, reverse=reverse)


def expected(reverse: bool = False) -> np.ndarray:
    h, result = VALUES[H], np.empty((5, 3))
    for t in reversed(range(5)) if reverse else range(5):
        h = result[t] = np.tanh(VALUES[X][t] + h @ VALUES[W])
    return result


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_matches_a_numpy_loop(reverse: bool, by_numpy: Any, by_xla: Any) -> None:
    states = recurrence(reverse)
    assert states.shape == ("t", 3)
    last = simplify(states[0 if reverse else -1])
    for run in (by_numpy, by_xla):
        found, final = run([states, last], VALUES)
        np.testing.assert_allclose(found, expected(reverse), rtol=1e-12)
        np.testing.assert_allclose(final, expected(reverse)[0 if reverse else -1], rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_last_state_is_read_without_the_stack(reverse: bool) -> None:
    last = simplify(recurrence(reverse)[0 if reverse else -1])
    assert last.op is not None
    assert last.op.name == "output"
    assert last.settings["index"] == 1


@pytest.mark.parametrize("reverse", [False, True])
def test_backpropagation_through_time(reverse: bool, check_gradient: Any) -> None:
    states = recurrence(reverse)
    check_gradient((states**2).sum(), VALUES, [X, H, W])
    check_gradient((states[0 if reverse else -1] ** 2).sum() + states[2, 1], VALUES, [X, H, W])


def test_numpy_and_xla_agree_on_gradients(by_numpy: Any, by_xla: Any) -> None:
    cost = (recurrence() ** 2).sum()
    first = pel.grad(cost, [X, H, W])
    second = pel.grad(sum(((g**2).sum() for g in first[1:]), (first[0] ** 2).sum()), [X, H, W])
    for a, b in zip(by_numpy([*first, *second], VALUES), by_xla([*first, *second], VALUES), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_several_states_sequences_and_results(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    Y = Input("y", ("t",), "float64")
    values = {**VALUES, Y: RNG.normal(size=5)}

    def step(x: Expr, y: Expr, h: Expr, c: Expr) -> list[Expr]:
        c = c * 0.5 + pel.sigmoid(x) * y
        h = pel.tanh(h @ W + c)
        return [h, c, (h * c).sum()]

    hs, cs, products = pel.scan(step, [X, Y], [H, 2 * H])
    h, c = VALUES[H], 2 * VALUES[H]
    for t in range(5):
        c = c * 0.5 + values[Y][t] / (1 + np.exp(-values[X][t]))
        h = np.tanh(h @ VALUES[W] + c)
    for run in (by_numpy, by_xla):
        found_h, found_c, found_p = run([hs[-1], cs[-1], products[-1]], values)
        np.testing.assert_allclose(found_h, h)
        np.testing.assert_allclose(found_c, c)
        np.testing.assert_allclose(found_p, (h * c).sum())
    check_gradient((products**2).sum() + cs[-1].sum() + hs[1].sum(), values, [X, Y, H, W])


def test_a_cost_that_uses_one_of_several_results(check_gradient: Any) -> None:
    states, squares = pel.scan(lambda x, h: [pel.tanh(x + h), h**2], X, H)
    check_gradient(squares.sum(), VALUES, [X, H])
    check_gradient(states[-1].sum(), VALUES, [X, H])


def test_captured_expressions_are_computed_outside() -> None:
    outside = pel.exp(W)
    states = pel.scan(lambda x, h: pel.tanh(x + h @ outside), X, H)
    loop = states.inputs[0]
    assert outside in set(loop.inputs)
    assert outside not in set(topological(loop.settings["body"].outputs))


def test_a_captured_state_of_integers_and_a_counter(by_numpy: Any, by_xla: Any) -> None:
    start = pel.constant(np.int32(0))
    counts, states = pel.scan(lambda x, i, h: [i + 1, h + x * i.astype("float64")], X, [start, H])
    for run in (by_numpy, by_xla):
        found_counts, found = run([counts, states], VALUES)
        np.testing.assert_array_equal(found_counts, [1, 2, 3, 4, 5])
        np.testing.assert_allclose(found[-1], VALUES[H] + (VALUES[X] * np.arange(5)[:, None]).sum(0))
    [found] = by_numpy([pel.grad(states[-1].sum(), X)], VALUES)
    np.testing.assert_allclose(found, np.arange(5.0)[:, None] * np.ones(3))


def test_scan_without_sequences(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    states = pel.scan(lambda h: h @ W, (), H, length=4)
    assert states.shape == (4, 3)
    for run in (by_numpy, by_xla):
        np.testing.assert_allclose(run([states], VALUES)[0][-1], VALUES[H] @ np.linalg.matrix_power(VALUES[W], 4))
    check_gradient((states[-1] ** 2).sum(), VALUES, [H, W])


def test_scan_without_states(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    rows = pel.scan(lambda x: pel.sin(x) @ W, X)
    for run in (by_numpy, by_xla):
        np.testing.assert_allclose(run([rows], VALUES)[0], np.sin(VALUES[X]) @ VALUES[W])
    check_gradient((rows**2).sum(), VALUES, [X, W])


def test_nested_scans(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    def row(x: Expr, h: Expr) -> Expr:
        return pel.scan(lambda e, s: pel.tanh(s + e * h[0]), x, h.sum())

    states = pel.scan(row, X, H)
    h = VALUES[H]
    for t in range(5):
        s, first, result = h.sum(), h[0], []
        for e in VALUES[X][t]:
            s = np.tanh(s + e * first)
            result.append(s)
        h = np.array(result)
    for run in (by_numpy, by_xla):
        np.testing.assert_allclose(run([states], VALUES)[0][-1], h)
    check_gradient((states**2).sum(), VALUES, [X, H])


def test_an_outside_result_is_repeated(by_numpy: Any) -> None:
    states, same = pel.scan(lambda x, h: [x + h, pel.exp(H)], X, H)
    np.testing.assert_allclose(by_numpy([same], VALUES)[0], np.tile(np.exp(VALUES[H]), (5, 1)))
    assert states.shape == ("t", 3)


def test_steps_are_simplified_and_transformed_for_inference(by_numpy: Any) -> None:
    rng = pel.random.Generator(0)
    states = pel.scan(lambda x, h: pel.log(pel.exp(rng.dropout(x, 0.5))) + h * 1, X, H)
    body = simplify(states).inputs[0].settings["body"]
    assert "exp" not in str(body)
    [found] = by_numpy([pel.inference(states)], VALUES)
    np.testing.assert_allclose(found[-1], VALUES[X].sum(0) + VALUES[H])


def test_zero_steps(by_numpy: Any, by_xla: Any) -> None:
    empty = {**VALUES, X: np.empty((0, 3))}
    last = simplify(recurrence()[-1])
    for run in (by_numpy, by_xla):
        states, final = run([recurrence(), last], empty)
        assert states.shape == (0, 3)
        np.testing.assert_array_equal(final, VALUES[H])


def test_invalid_arguments_raise_errors() -> None:
    with pytest.raises(ShapeError, match=r"scan: expected length=\.\.\., the number of steps"):
        pel.scan(lambda h: h, (), H)
    with pytest.raises(ShapeError, match=r"scan: expected sequences of at least one axis. Received: s, a scalar"):
        pel.scan(lambda s, h: h, pel.scalar("s"), H)
    with pytest.raises(ShapeError, match=r"the step must return the 2 new states first. Received: 1 results"):
        pel.scan(lambda x, h, c: h, X, [H, H])
    with pytest.raises(
        ShapeError, match=r"state 0 is initially float64 \(3,\) and the step returns float64 \(\); both"
    ):
        pel.scan(lambda x, h: h.sum(), X, H)
    with pytest.raises(
        DtypeError, match=r"state 0 is initially float32 \(3,\) and the step returns float64 \(3,\); both"
    ):
        pel.scan(lambda x, h: h + x, X, pel.zeros(3))
    other = Input("y", ("u", 3), "float64")
    with pytest.raises(ShapeError, match=r"the sequences must be equally long. Received: lengths t, u"):
        pel.scan(lambda x, y, h: h, [X, other], H)


def test_swapped_states_and_duplicate_results(by_numpy: Any, check_gradient: Any) -> None:
    a, b, again = pel.scan(lambda x, a, b: [b, a + x, b], X, [H, 2 * H])
    found_a, found_b, found_again = by_numpy([a[-1], b[-1], again[-1]], VALUES)
    first, second = VALUES[H], 2 * VALUES[H]
    for x in VALUES[X]:
        before = second
        first, second = second, first + x
    np.testing.assert_allclose(found_a, first)
    np.testing.assert_allclose(found_b, second)
    np.testing.assert_allclose(found_again, before)
    check_gradient((a * b * again).sum(), VALUES, [X, H])


def test_a_step_that_ignores_its_arguments(check_gradient: Any) -> None:
    states = pel.scan(lambda x, h: pel.zeros_like(h), X, H)
    check_gradient(states.sum() + H.sum(), VALUES, [X, H])
