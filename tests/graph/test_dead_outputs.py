"""Tests of the elimination of unused results of loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.graph.passes import eliminate_dead_outputs
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological

X = Input("x", ("t", 3), "float64")
H = Input("h", (3,), "float64")
W = Input("w", (3, 3), "float64")
RNG = np.random.default_rng(0)
VALUES = {X: RNG.normal(size=(5, 3)), H: RNG.normal(size=3), W: RNG.normal(size=(3, 3)) / 2}


def find_loops(outputs: list[Expr]) -> list[Expr]:
    return [e for e in topological(outputs) if e.op is not None and e.op.name == "scan_loop"]


def shapes(loop: Expr) -> list[Any]:
    return [t.shape for t in loop.types]


def check_eliminate(outputs: list[Expr], by_numpy: Any, by_xla: Any) -> list[Expr]:
    """Eliminate dead outputs, and check that values stay and that a second pass changes nothing."""
    pruned = eliminate_dead_outputs(outputs)
    for run in (by_numpy, by_xla):
        for a, b in zip(run(outputs, VALUES), run(pruned, VALUES), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert all(a is b for a, b in zip(eliminate_dead_outputs(pruned), pruned, strict=True))
    return pruned


def make_two_chains() -> list[Expr]:
    """Return the results of a loop with two independent states."""
    made: list[Expr] = pel.scan(lambda x, a, b: [pel.tanh(x + a @ W), b * 0.5 + 1, a * 2, b.sum()], X, [H, 2 * H])
    return made


def test_unused_states_are_removed(by_numpy: Any, by_xla: Any) -> None:
    _, _, _, sums = make_two_chains()
    [pruned] = check_eliminate([sums], by_numpy, by_xla)
    [loop] = find_loops([pruned])
    assert shapes(loop) == [("t",), (3,)]
    assert W not in set(topological([pruned]))
    assert X in set(loop.inputs)  # it determines the number of steps


def test_states_needed_by_others_are_carried_but_not_stacked(by_numpy: Any, by_xla: Any) -> None:
    swapped = pel.scan(lambda x, a, b: [b + x, a * 2], X, [H, 2 * H])
    [pruned] = check_eliminate([swapped[0]], by_numpy, by_xla)
    assert shapes(find_loops([pruned])[0]) == [("t", 3), (3,), (3,)]


def test_length_is_kept_if_all_sequences_are_removed(by_numpy: Any) -> None:
    x = Input("x", (5, 3), "float64")
    [powers] = eliminate_dead_outputs([pel.scan(lambda x, a, b: [a * 2, b + x], x, [H, H])[0]])
    [loop] = find_loops([powers])
    assert loop.inputs == (H,)
    assert loop.settings["length"] == 5
    np.testing.assert_allclose(by_numpy([powers], VALUES)[0][-1], 32 * VALUES[H])


@pytest.mark.parametrize("requested", [[0], [1], [2], [0, 2]])
def test_gradient_computes_only_the_requested_results(requested: list[int], by_numpy: Any, by_xla: Any) -> None:
    cost = (pel.scan(lambda x, h: pel.tanh(x + h @ W), X, H) ** 2).sum()
    gradients = [pel.grad(cost, [X, H, W])[i] for i in requested]
    pruned = check_eliminate([cost, *gradients], by_numpy, by_xla)
    forward, back = find_loops(pruned)
    assert shapes(forward) == [("t", 3), (3,)]
    # Gradients of sequences are stacked. The others are carried, that of the state in every case.
    expected = [("t", 3)] * (0 in requested) + [(3,)] + [(3, 3)] * (2 in requested)
    assert shapes(back) == expected


def test_last_state_and_its_gradient_share_one_loop() -> None:
    x, w = pel.matrix("x", shape=("t", 3)), pel.shared(np.eye(3, dtype="float32"), "w")
    last = pel.simplify(pel.scan(lambda x, h: pel.tanh(x + h @ w), x, pel.zeros(3))[-1])
    [alone] = eliminate_dead_outputs([last])
    assert shapes(find_loops([alone])[0]) == [(3,)]
    cost = eliminate_dead_outputs([(last**2).sum()])[0]
    assert len(find_loops(eliminate_dead_outputs(simplify_all([cost, pel.grad(cost, w)])))) == 2


def test_inner_loops_are_pruned(by_numpy: Any, by_xla: Any) -> None:
    def row(x: Expr, h: Expr) -> Expr:
        sums, _ = pel.scan(lambda e, s, p: [s + e, p * e], x, [h.sum(), W.sum()])
        return h * sums[-1]

    [pruned] = check_eliminate([pel.scan(row, X, H)], by_numpy, by_xla)
    [outer] = find_loops([pruned])
    [inner] = find_loops(list(outer.settings["body"].outputs))
    assert inner.settings["states"] == 1
    assert W not in set(topological([pruned]))


def test_programs_are_pruned() -> None:
    x, w = pel.matrix("x", shape=("t", 3)), pel.shared(np.eye(3, dtype="float32"), "w")
    cost = (pel.scan(lambda x, h: pel.tanh(x + h @ w), x, pel.zeros(3)) ** 2).sum()
    f = pel.function([x], cost, updates={w: w - pel.grad(cost, w)})
    forward, back = find_loops([*f.program.outputs, *f.program.updates.values()])
    assert shapes(back) == [(3,), (3, 3)]
    assert shapes(forward) == [("t", 3), (3,)]


def test_a_chain_of_a_hundred_loops_is_pruned() -> None:
    e: Any = X
    for _ in range(100):
        e, _ = pel.scan(lambda x, h: [x + h, x * 2], e, H)
    [pruned] = eliminate_dead_outputs([e])
    assert len(find_loops([pruned])) == 100
    assert all(shapes(loop) == [("t", 3), (3,)] for loop in find_loops([pruned]))
