"""Tests of taps, truncated gradients and checkpoints against loops unrolled in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.passes import eliminate_dead_outputs
from pellucid.graph.traversal import topological

W = Input("w", (), "float64")


def step(*arguments: Any) -> Expr:
    """Mix all arguments nonlinearly, each with a different weight."""
    total = arguments[0]
    for divisor, value in enumerate(arguments[1:], start=2):
        total = total + value / divisor
    return pel.tanh(total * W)


def unroll(x: Expr, h: Expr, lags: list[int], state_lags: list[int], reverse: bool, truncate: int | None) -> list[Expr]:
    """Unroll the loop, with `stop_gradient` on the steps that a truncated gradient excludes."""
    count, low, high = len(x), min(lags), max(lags)
    states = {t: h[len(h) + t] for t in range(-len(h), 0)}
    length = count - (high - low)
    weights: Any = W
    results: list[Expr | None] = [None] * length
    for i in range(length):
        t = length - 1 - i if reverse else i
        has_gradient = truncate is None or i >= length - truncate
        arguments = [*(x[t + lag - low] for lag in lags), *(states[i + lag] for lag in state_lags)]
        if not has_gradient:
            arguments = [pel.stop_gradient(a) for a in arguments]
        total = arguments[0]
        for divisor, value in enumerate(arguments[1:], start=2):
            total = total + value / divisor
        states[i] = pel.tanh(total * (weights if has_gradient else pel.stop_gradient(weights)))
        if not has_gradient:
            states[i] = pel.stop_gradient(states[i])
        results[t] = states[i]
    return [r for r in results if r is not None]


@settings(max_examples=15)
@given(data=st.data())
def test_a_loop_matches_the_unrolled_loop(data: Any) -> None:
    lags = data.draw(st.lists(st.integers(-2, 2), min_size=1, max_size=3, unique=True))
    state_lags = data.draw(st.lists(st.integers(-3, -1), min_size=1, max_size=3, unique=True))
    count = data.draw(st.integers(max(lags) - min(lags) + 1, 8))
    reverse = data.draw(st.booleans())
    truncate, checkpoint = data.draw(
        st.one_of(
            st.tuples(st.none(), st.none()),
            st.tuples(st.integers(1, 9), st.none()),
            st.tuples(st.none(), st.one_of(st.just(True), st.integers(1, 9))),
        )
    )
    compare_with_unrolled_loop(lags, state_lags, count, reverse=reverse, truncate=truncate, checkpoint=checkpoint)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("truncate", [1, 3])
def test_a_truncated_loop_matches_the_unrolled_loop(truncate: int, reverse: bool) -> None:
    compare_with_unrolled_loop([0], [-1], 6, reverse=reverse, truncate=truncate, checkpoint=None)
    compare_with_unrolled_loop([-1, 1], [-2, -1], 7, reverse=reverse, truncate=truncate, checkpoint=None)


def compare_with_unrolled_loop(
    lags: list[int], state_lags: list[int], count: int, *, reverse: bool, truncate: int | None, checkpoint: Any
) -> None:
    """Compare the states of a loop and their gradients with those of the same steps written one after the other."""
    x, h = Input("x", (count,), "float64"), Input("h", (-min(state_lags),), "float64")
    rng = np.random.default_rng(count)
    values = {x: rng.normal(size=count), h: rng.normal(size=-min(state_lags)), W: np.array(0.7)}
    found = pel.scan(
        step, pel.taps(x, lags), pel.taps(h, state_lags), reverse=reverse, truncate=truncate, checkpoint=checkpoint
    )
    expected = pel.stack(unroll(x, h, lags, state_lags, reverse, truncate))
    outputs: list[Expr] = []
    for states in (found, expected):
        cost = (states**2).sum() + 3 * states[0 if reverse else -1]
        outputs += [states, *pel.grad(cost, [x, h, W], disconnected="zero")]
    half = len(outputs) // 2
    values_found = evaluate(np, outputs, values)
    for a, b in zip(values_found[:half], values_found[half:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.sample(2)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("checkpoint", [True, 1, 3, 100])
def test_checkpoints_do_not_change_gradients(
    checkpoint: Any, reverse: bool, by_numpy: Any, by_xla: Any, check_gradient: Any
) -> None:
    x, h, w = Input("x", (10, 2), "float64"), Input("h", (2,), "float64"), Input("w", (2, 2), "float64")
    rng = np.random.default_rng(0)
    values = {x: rng.normal(size=(10, 2)), h: rng.normal(size=2), w: rng.normal(size=(2, 2))}

    def cost(checkpoint: Any = None) -> Expr:
        states, squares = pel.scan(
            lambda x_t, h: [pel.tanh(x_t + h @ w), (h**2).sum()], x, h, reverse=reverse, checkpoint=checkpoint
        )
        return (states**3).sum() + squares.sum() + states[0 if reverse else -1].sum()

    gradients = [pel.grad(cost(), [x, h, w]), pel.grad(cost(checkpoint), [x, h, w])]
    outputs = [*gradients[0], *gradients[1]]
    for run in (by_numpy, by_xla) if checkpoint == 3 else (by_numpy,):  # a checkpoint after some steps, and a rest
        found = run(outputs, values)
        for a, b in zip(found[:3], found[3:], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11)
    check_gradient(cost(checkpoint), values, [x, h, w])


def count_stacked_elements(outputs: Any) -> int:
    """Count the elements of the stacked results of the outermost loops."""
    return sum(
        int(np.prod(t.shape))
        for e in topological(outputs)
        if e.op is not None and e.op.name == "scan_loop"
        for t in e.types
        if e.ndim
    )


def test_checkpoints_store_the_square_root_of_all_states() -> None:
    n = 10_000
    h, w = pel.vector("h", shape=(1,)), pel.shared(np.ones(1, "float32"), "w")

    def gradient(checkpoint: Any) -> Any:
        states = pel.scan(lambda h: pel.tanh(h * w), (), h, length=n, checkpoint=checkpoint)
        return pel.function([h], pel.grad(states[-1].sum(), w))

    plain, checkpointed = gradient(None), gradient(True)
    np.testing.assert_allclose(checkpointed([0.5]), plain([0.5]), rtol=1e-4)
    assert count_stacked_elements(plain.program.outputs) >= n
    assert count_stacked_elements(checkpointed.program.outputs) <= 3 * n**0.5


def test_a_truncated_gradient_of_a_named_length(by_numpy: Any) -> None:
    x, h = Input("x", ("t",), "float64"), Input("h", (), "float64")
    states = pel.scan(lambda x_t, h: h * x_t, x, h, truncate=3)
    gradients = pel.grad(states[-1], [x, h])
    long, start = by_numpy(gradients, {x: np.array([2.0, 3, 5, 7, 11]), h: np.array(1.0)})
    np.testing.assert_allclose(long, [0, 0, 6 * 77, 30 * 11, 210])
    assert start == 0
    short, start = by_numpy(gradients, {x: np.array([2.0, 3]), h: np.array(1.0)})
    np.testing.assert_allclose(short, [3, 2])
    assert start == 6


def test_taps_of_sequences_and_states(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (6,), "float64")
    value = np.arange(6.0) ** 2
    differences = pel.scan(lambda before, now: now - before, pel.taps(x, [-1, 0]))
    fibonacci, sums = pel.scan(lambda b, a, s: [a + b, s + a], (), [pel.taps([0.0, 1.0], [-1, -2]), 0.0], length=6)
    for run in (by_numpy, by_xla):
        found = run([differences, fibonacci, sums], {x: value})
        np.testing.assert_array_equal(found[0], np.diff(value))
        np.testing.assert_array_equal(found[1], [1, 2, 3, 5, 8, 13])
        np.testing.assert_array_equal(found[2], [0, 1, 2, 4, 7, 12])


def test_a_tapped_state_is_stacked_once() -> None:
    states = pel.scan(lambda a, b: a + b, (), pel.taps([0.0, 1.0], [-2, -1]), length=6)
    [fewer] = eliminate_dead_outputs([states])
    assert [t.shape for t in fewer.inputs[0].types] == [(6,), (), ()]


def test_non_sequences_are_the_last_arguments(by_numpy: Any, check_gradient: Any) -> None:
    x, w = Input("x", (4,), "float64"), Input("w", (), "float64")
    states = pel.scan(lambda x_t, h, w, two: h * w + two * x_t, x, pel.constant(np.float64(1)), [w, 2.0])
    values = {x: np.arange(4.0), w: np.array(0.5)}
    h = 1.0
    for x_t in range(4):
        h = h * 0.5 + 2 * x_t
    assert by_numpy([states[-1]], values)[0] == h
    check_gradient((states**2).sum(), values, [x, w])


def test_the_program_size_does_not_depend_on_the_number_of_steps() -> None:
    def size(n: int) -> int:
        x, w = pel.matrix("x", shape=(n, 3)), pel.shared(np.eye(3, dtype="float32"), "w")
        cost = (pel.scan(lambda x_t, h: pel.tanh(x_t + h @ w), x, pel.zeros(3)) ** 2).sum()
        return pel.function([x], [cost, pel.grad(cost, w)]).program.size

    assert size(1000) == size(10)


def test_gradients_taken_separately_share_one_loop() -> None:
    x, w, b = pel.matrix("x", shape=("t", 3)), pel.shared(np.ones(3), "w"), pel.shared(np.zeros(3), "b")
    cost = (pel.scan(lambda x_t, h: pel.tanh(x_t + h * w + b), x, pel.zeros(3, dtype="float64")) ** 2).sum()
    f = pel.function([x], [cost, pel.grad(cost, w), pel.grad(cost, b)])
    loops = [e for e in topological(f.program.outputs) if e.op is not None and e.op.name == "scan_loop"]
    assert len(loops) == 2


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (
            lambda x, h: pel.taps(x, [1, 1]),
            ValueError,
            r"expected lags without duplicates, such as \[-2, -1\]. Received: lags",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h, x, pel.taps(h, [-1, 0])),
            ValueError,
            r"scan: expected negative lags of a state. Received: lags \[-1, 0\]",
        ),
        (
            lambda x, h: pel.scan(lambda x, a, b: a, x, pel.taps(h, [-3, -1])),
            ShapeError,
            r"scan: lags \[-3, -1\] need 3 initial states along the first axis, the oldest first. Received: h, of type",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h, x, h, truncate=0),
            ValueError,
            "scan: expected truncate to be an integer of 1 or more. Received: truncate=0",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h, x, h, truncate=1.5),
            ValueError,
            "scan: expected truncate to be an integer of 1 or more. Received: truncate=1.5",
        ),
        (
            lambda x, h: pel.scan(lambda h: h, init=h, length=-1),
            ValueError,
            "scan: expected length to be an integer of 0 or more. Received: length=-1",
        ),
        (
            lambda x, h: pel.while_loop(lambda h: h.sum() > 0, lambda h: h, h, maximum=-1),
            ValueError,
            "while_loop: expected maximum to be an integer of 0 or more. Received: maximum=-1",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h, x, h, checkpoint=-1),
            ValueError,
            "scan: expected checkpoint to be an integer of 1 or more. Received: checkpoint=-1",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h, x, h, truncate=2, checkpoint=2),
            ValueError,
            "truncate and checkpoint exclude each other",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h, x, h, checkpoint=True),
            ShapeError,
            "checkpoints require a known number of steps. Received: t. Declare the length of the sequences, or pass "
            "checkpoint=1, which stores all states",
        ),
        (
            lambda x, h: pel.scan(lambda x, h: h + x, pel.vector("u"), 0.0, checkpoint=True),
            ShapeError,
            "checkpoints require a known number of steps. Received: an unknown number. Declare the length",
        ),
    ],
)
def test_invalid_arguments_raise_errors(write: Any, error: type[Exception], message: str) -> None:
    x, h = Input("x", ("t", 2), "float64"), Input("h", (2,), "float64")
    with pytest.raises(error, match=message):
        write(x, h)
