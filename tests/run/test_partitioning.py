"""Programs too large for one piece: the same numbers from many."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import partitioning, xla


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(partitioning, "PIECE", 7)
    monkeypatch.setattr(xla, "LARGEST", 0)


def chain(length: int):
    """A chain of ops, its sum and the gradient of it."""
    x, table = pel.vector("x", shape=(3,)), pel.constant(np.linspace(0, 1, 1500).reshape(3, 500))
    w = pel.shared([1.0, 0.5, 0.2], "w")
    y = x
    for i in range(length):
        y = pel.tanh(y * w) if i % 2 else y + table[:, i]
    return x, w, y.sum()


def test_pieces_give_the_numbers_of_the_whole(small_pieces, monkeypatch):
    x, w, cost = chain(40)
    outputs, updates = [cost, pel.grad(cost, x), w, pel.constant(2.0)], {w: w - 0.1 * pel.grad(cost, w)}
    given = [0.1, 0.2, 0.3]
    in_pieces = pel.function([x], outputs, updates=updates)
    found, after = [in_pieces(given), in_pieces(given)], w.get_value()
    assert len(in_pieces.backend.compiled["call", (((3,), np.dtype("float32")),)].segments) > 10
    w.set_value([1.0, 0.5, 0.2])
    monkeypatch.setattr(xla, "LARGEST", 10**9)
    whole = pel.function([x], outputs, updates=updates)
    for a, b in zip(found, [whole(given), whole(given)], strict=True):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-6)
    np.testing.assert_allclose(after, w.get_value(), rtol=2e-6)


def test_ops_of_several_results_cross_from_piece_to_piece(small_pieces):
    xs = pel.vector("xs", shape=(4,))
    stacked, doubled = pel.scan(lambda x, h: (h + x, 2 * h), xs, 0.0)
    total = stacked
    for _ in range(20):
        total = pel.sin(total + doubled)
    f = pel.function([xs], [total, stacked])
    g = pel.function([xs], [total, stacked], mode="numpy")
    for a, b in zip(f([1.0, 2.0, 3.0, 4.0]), g([1.0, 2.0, 3.0, 4.0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_new_state_is_nobody_elses(small_pieces):
    a, b = pel.shared([1.0], "a"), pel.shared([2.0], "b")
    pel.function([], updates={a: b})()
    pel.function([], updates={a: a + 1}).repeat(3)
    assert (a.get_value().tolist(), b.get_value().tolist()) == ([5], [2])


def test_a_chain_of_thousands_compiles_and_runs():
    x, w, cost = chain(0)
    for i in range(5000):
        cost = pel.sin(cost) if i % 2 else cost * w[0]
    f = pel.function([x], cost)
    assert f.program.size > partitioning.LARGEST
    np.testing.assert_allclose(f([0.1, 0.2, 0.3]), pel.function([x], cost, mode="numpy")([0.1, 0.2, 0.3]), rtol=1e-3)
