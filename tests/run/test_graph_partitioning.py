"""Partitioned programs have the results of whole ones."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import graph_partitioning, xla


@pytest.fixture
def small_partitions(monkeypatch):
    monkeypatch.setattr(graph_partitioning, "PARTITION_SIZE", 7)
    monkeypatch.setattr(xla, "MAX_EXPRESSIONS", 0)


def make_chain(length: int):
    """Return the input, the weights and the sum of a chain of ops."""
    x, table = pel.vector("x", shape=(3,)), pel.constant(np.linspace(0, 1, 1500).reshape(3, 500))
    w = pel.shared([1.0, 0.5, 0.2], "w")
    y = x
    for i in range(length):
        y = pel.tanh(y * w) if i % 2 else y + table[:, i]
    return x, w, y.sum()


def test_partitions_have_the_results_of_the_whole_program(small_partitions, monkeypatch):
    x, w, cost = make_chain(12)
    outputs, updates = [cost, pel.grad(cost, x), w, pel.constant(2.0)], {w: w - 0.1 * pel.grad(cost, w)}
    argument = [0.1, 0.2, 0.3]
    partitioned = pel.function([x], outputs, updates=updates)
    found, after = [partitioned(argument), partitioned(argument)], w.get_value()
    assert len(partitioned.backend.compiled["call", (((3,), np.dtype("float32")),)].partitions) > 5
    w.set_value([1.0, 0.5, 0.2])
    monkeypatch.setattr(xla, "MAX_EXPRESSIONS", 10**9)
    whole = pel.function([x], outputs, updates=updates)
    for a, b in zip(found, [whole(argument), whole(argument)], strict=True):
        for part, expected in zip(a, b, strict=True):
            np.testing.assert_allclose(part, expected, rtol=2e-6)
    np.testing.assert_allclose(after, w.get_value(), rtol=2e-6)


def test_ops_with_several_results_cross_partitions(small_partitions):
    xs = pel.vector("xs", shape=(4,))
    stacked, doubled = pel.scan(lambda x, h: (h + x, 2 * h), xs, 0.0)
    total = stacked
    for _ in range(20):
        total = pel.sin(total + doubled)
    f = pel.function([xs], [total, stacked])
    g = pel.function([xs], [total, stacked], mode="numpy")
    for a, b in zip(f([1.0, 2.0, 3.0, 4.0]), g([1.0, 2.0, 3.0, 4.0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_new_state_does_not_share_memory(small_partitions):
    a, b = pel.shared([1.0], "a"), pel.shared([2.0], "b")
    pel.function([], updates={a: b})()
    pel.function([], updates={a: a + 1}).repeat(3)
    assert (a.get_value().tolist(), b.get_value().tolist()) == ([5], [2])


def test_variables_with_the_same_update_do_not_share_memory(small_partitions):
    a, b = pel.shared([1.0], "a"), pel.shared([2.0], "b")
    new = pel.tanh(a + b)
    c = pel.function([], [new], updates={a: new, b: new})()[0]
    pel.function([], updates={a: a + 1}, mode="xla").repeat(1)  # a loop, which donates the old value
    pel.function([], updates={b: b + 2}, mode="xla").repeat(1)
    assert (a.get_value() - c, b.get_value() - c) == (1, 2)


def test_only_shared_buffers_are_copied():
    import jax

    leaf, computed = jax.numpy.ones(3), jax.numpy.zeros(3)
    results = graph_partitioning.copy_shared_buffers([computed, leaf, computed], [leaf])
    assert results[0] is computed
    pointers = {each.unsafe_buffer_pointer() for each in (leaf, *results)}
    assert len(pointers) == 4
    assert [each.tolist() for each in results] == [[0, 0, 0], [1, 1, 1], [0, 0, 0]]


@pytest.mark.slow
def test_a_chain_of_thousands_compiles_and_runs():
    x, w, cost = make_chain(0)
    for i in range(5000):
        cost = pel.sin(cost) if i % 2 else cost * w[0]
    f = pel.function([x], cost)
    assert f.program.size > graph_partitioning.MAX_EXPRESSIONS
    np.testing.assert_allclose(f([0.1, 0.2, 0.3]), pel.function([x], cost, mode="numpy")([0.1, 0.2, 0.3]), rtol=1e-3)
