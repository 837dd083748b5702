"""What loops compute once it is known what is wanted of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.dead_outputs import eliminate_dead_outputs
from pellucid.graph.expr import Expr, Input
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological

X = Input("x", ("t", 3), "float64")
H = Input("h", (3,), "float64")
W = Input("w", (3, 3), "float64")
RNG = np.random.default_rng(0)
VALUES = {X: RNG.normal(size=(5, 3)), H: RNG.normal(size=3), W: RNG.normal(size=(3, 3)) / 2}


def loops_in(outputs: list[Expr]) -> list[Expr]:
    """Return the scans of a graph, inputs first."""
    return [e for e in topological(outputs) if e.op is not None and e.op.name == "scan_loop"]


def shapes(loop: Expr) -> list[Any]:
    """Return the shapes of a loop's results."""
    return [t.shape for t in loop.types]


def same(outputs: list[Expr], by_numpy: Any, by_xla: Any) -> list[Expr]:
    """Narrow expressions, and hold them to the values of what they were."""
    fewer = eliminate_dead_outputs(outputs)
    for run in (by_numpy, by_xla):
        for a, b in zip(run(outputs, VALUES), run(fewer, VALUES), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert all(a is b for a, b in zip(eliminate_dead_outputs(fewer), fewer, strict=True))
    return fewer


def two_chains() -> list[Expr]:
    """Write a loop of two states that know nothing of one another, and a result of each."""
    made: list[Expr] = pel.scan(lambda x, a, b: [pel.tanh(x + a @ W), b * 0.5 + 1, a * 2, b.sum()], X, [H, 2 * H])
    return made


def test_a_state_that_nothing_depends_on_is_not_carried(by_numpy: Any, by_xla: Any) -> None:
    _, _, _, sums = two_chains()
    [fewer] = same([sums], by_numpy, by_xla)
    [loop] = loops_in([fewer])
    assert shapes(loop) == [("t",), (3,)]
    assert W not in set(topological([fewer]))
    assert X in set(loop.inputs)  # which alone says how many steps there are


def test_a_state_that_another_needs_is_carried_but_not_stacked(by_numpy: Any, by_xla: Any) -> None:
    swapped = pel.scan(lambda x, a, b: [b + x, a * 2], X, [H, 2 * H])
    [fewer] = same([swapped[0]], by_numpy, by_xla)
    assert shapes(loops_in([fewer])[0]) == [("t", 3), (3,), (3,)]


def test_the_length_stays_when_all_sequences_go(by_numpy: Any) -> None:
    x = Input("x", (5, 3), "float64")
    [powers] = eliminate_dead_outputs([pel.scan(lambda x, a, b: [a * 2, b + x], x, [H, H])[0]])
    [loop] = loops_in([powers])
    assert loop.inputs == (H,)
    assert loop.settings["length"] == 5
    np.testing.assert_allclose(by_numpy([powers], VALUES)[0][-1], 32 * VALUES[H])


@pytest.mark.parametrize("wanted", [[0], [1], [2], [0, 2]])
def test_a_gradient_computes_what_is_wanted(wanted: list[int], by_numpy: Any, by_xla: Any) -> None:
    cost = (pel.scan(lambda x, h: pel.tanh(x + h @ W), X, H) ** 2).sum()
    gradients = [pel.grad(cost, [X, H, W])[i] for i in wanted]
    fewer = same([cost, *gradients], by_numpy, by_xla)
    forward, back = loops_in(fewer)
    assert shapes(forward) == [("t", 3), (3,)]
    # The gradients of sequences are stacked, the others carried; that of the state always is.
    expected = [("t", 3)] * (0 in wanted) + [(3,)] + [(3, 3)] * (2 in wanted)
    assert shapes(back) == expected


def test_the_last_state_and_its_gradient_share_one_loop() -> None:
    x, w = pel.matrix("x", shape=("t", 3)), pel.shared(np.eye(3, dtype="float32"), "w")
    last = pel.simplify(pel.scan(lambda x, h: pel.tanh(x + h @ w), x, pel.zeros(3))[-1])
    [alone] = eliminate_dead_outputs([last])
    assert shapes(loops_in([alone])[0]) == [(3,)]
    cost = eliminate_dead_outputs([(last**2).sum()])[0]
    assert len(loops_in(eliminate_dead_outputs(simplify_all([cost, pel.grad(cost, w)])))) == 2


def test_loops_inside_a_step_are_narrowed_too(by_numpy: Any, by_xla: Any) -> None:
    def row(x: Expr, h: Expr) -> Expr:
        sums, _ = pel.scan(lambda e, s, p: [s + e, p * e], x, [h.sum(), W.sum()])
        return h * sums[-1]

    [fewer] = same([pel.scan(row, X, H)], by_numpy, by_xla)
    [outer] = loops_in([fewer])
    [inner] = loops_in(list(outer.settings["body"].outputs))
    assert inner.settings["states"] == 1
    assert W not in set(topological([fewer]))


def test_a_program_is_narrowed() -> None:
    x, w = pel.matrix("x", shape=("t", 3)), pel.shared(np.eye(3, dtype="float32"), "w")
    cost = (pel.scan(lambda x, h: pel.tanh(x + h @ w), x, pel.zeros(3)) ** 2).sum()
    f = pel.function([x], cost, updates={w: w - pel.grad(cost, w)})
    forward, back = loops_in([*f.program.outputs, *f.program.updates.values()])
    assert shapes(back) == [(3,), (3, 3)]
    assert shapes(forward) == [("t", 3), (3,)]


def test_a_hundred_loops_in_a_chain_are_narrowed() -> None:
    e: Any = X
    for _ in range(100):
        e, _ = pel.scan(lambda x, h: [x + h, x * 2], e, H)
    [fewer] = eliminate_dead_outputs([e])
    assert len(loops_in([fewer])) == 100
    assert all(shapes(loop) == [("t", 3), (3,)] for loop in loops_in([fewer]))
