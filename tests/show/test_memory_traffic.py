"""Bytes that fused programs move, counted by hand."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.show.costs.memory_traffic import iter_bits

X, W = pel.matrix("X", shape=(10, 20)), pel.matrix("W", shape=(20, 30))
FLOAT = 4


def count(*outputs: pel.Expr) -> tuple[int, int]:
    traffic = pel.cost(list(outputs)).traffic
    return traffic.moved // FLOAT, traffic.working_set // FLOAT


def test_a_chain_of_elementwise_ops_reads_and_writes_once() -> None:
    assert count(pel.tanh(2 * X + 1) - X) == (200 + 200, 400)


def test_a_product_writes_its_result() -> None:
    assert count(pel.tanh(2 * (X @ W) + 1)) == (200 + 600 + 300 + 300 + 300, 200 + 600 + 300 + 300)


def test_an_operand_of_a_product_is_in_memory() -> None:
    assert count(pel.tanh(X) @ W) == (200 + 200 + 200 + 600 + 300, 200 + 600 + 200 + 300)
    assert count(X.T.reshape(20, 10).T @ W) == (200 + 600 + 300, 200 + 600 + 300)


def test_operands_of_reductions_are_fused() -> None:
    assert count((X * X).sum()) == (200 + 1, 201)
    assert count(pel.exp(X).sum(axis=1)) == (200 + 10, 210)


def test_a_value_that_two_loops_use_is_read_twice() -> None:
    z = X @ W
    assert count(z.sum(), pel.tanh(z)) == (800 + 300 + 300 + 1 + 300 + 300, 800 + 300 + 1 + 300)


def test_indexing_reads_what_it_selects() -> None:
    table, index = pel.matrix("table", shape=(1000, 8)), pel.ivector("index", shape=(5,))
    assert count(2 * table[index]) == (40 + 5 + 40, 40 + 5 + 40)
    assert count(2 * X[:2]) == (40 + 40, 40 + 40)


def test_the_gradient_of_indexing_writes_the_table() -> None:
    table, index = pel.matrix("table", shape=(1000, 8)), pel.ivector("index", shape=(5,))
    [row] = [r for r in pel.cost(pel.grad((table[index] ** 2).sum(), table)) if r.expr.op.name == "add_at"]
    moved, _ = count(row.expr)
    # The selected rows and the index are read, the gradient of the rows is written and read, the table's is written.
    assert moved == (40 + 5 + 40) + (40 + 5 + 8000)


def test_shapes_are_not_read() -> None:
    assert count(pel.zeros_like(X)) == (200, 200)
    assert count(pel.grad(X.sum(), X)) == (200, 200)


def test_a_loop_moves_its_sequences_and_results() -> None:
    h = pel.scan(lambda x_t, h: pel.tanh(h + x_t), X, pel.zeros(20))
    moved, _ = count(h)
    assert 200 + 200 <= moved <= 200 + 200 + 40


def test_the_update_of_weights_reads_and_writes_them() -> None:
    w = pel.shared(np.ones((20, 30), "float32"), "w")
    g = pel.matrix("g", shape=(20, 30))
    step = pel.function([g], updates={w: w - 0.1 * g})
    assert pel.cost(step).traffic.moved == 3 * 600 * FLOAT


@pytest.mark.parametrize("bits", [0, 1, 0b1010, 1 << 200])
def test_bits_are_positions_of_ones(bits: int) -> None:
    assert sum(1 << position for position in iter_bits(bits)) == bits


def test_leaves_of_the_working_set_count_once() -> None:
    assert count(X + X.T.T, X * 2) == (400 + 400, 200 + 400)
