"""What a graph costs before it runs."""

import pytest

import pellucid as pel
from pellucid.show import operations

X, W = pel.matrix("X", shape=("n", 3)), pel.matrix("W", shape=(3, 2))


def test_a_product_of_matrices_is_two_operations_for_every_pair():
    [row] = operations(X @ W, {"n": 100})
    assert (row.expr, row.operations, row.elements, row.bytes) == (X @ W, 2 * 100 * 3 * 2, 200, 800)


def test_what_is_shared_is_counted_once():
    h = pel.tanh(X @ W)
    once, both = operations(h, {"n": 10}), operations([h.sum(), (h + h).sum()], {"n": 10})
    assert both.operations == once.operations + 20 + 20 + 20
    assert len(both) == 5
    assert both.elements == 20 + 20 + 1 + 20 + 1
    assert both.bytes == 4 * both.elements


def test_leaves_and_views_cost_nothing():
    assert operations(X, {"n": 3}).operations == 0
    assert len(operations(X, {"n": 3})) == 0
    flat = operations(X.T.reshape(-1), {"n": 3})
    assert (flat.operations, flat.rows[-1].elements) == (0, 9)


def test_a_loop_counts_its_step_as_often_as_it_runs():
    x = pel.matrix("x", shape=("t", 4))
    h = pel.scan(lambda x_t, h: h + x_t * x_t, x, pel.zeros(4))
    assert operations(h, {"t": 7}).operations == 7 * 8
    gradient = pel.grad(h.sum(), x)
    assert operations(gradient, {"t": 7}).operations > 7 * 8


def test_sizes_that_the_graph_leaves_open_are_found():
    rest = operations(X[1:] * 2, {"n": 10})
    assert (rest.operations, rest.rows[0].elements) == (27, 27)


def test_a_table_can_be_printed():
    assert str(operations((X @ W).sum(), {"n": 1000})).splitlines() == [
        "     operations  elements  bytes  expression",
        "[1]      12,000     2,000  8,000  X @ W",
        "[2]       2,000         1      4  [1].sum()",
        "         14,000     2,001  8,004  in all",
    ]


@pytest.mark.parametrize(
    ("expr", "sizes", "message"),
    [
        (X @ W, {}, r"The cost of X depends on the size n\. Give it: sizes=\{'n': 128\}"),
        (X @ W, {"n": 1, "m": 2}, r"No size is named 'm'\.( Did you mean 'n'\?)? Received: sizes=\{'n': 1, 'm': 2\}"),
        (
            pel.vector("x") + 1,
            {},
            r"The cost of x depends on a size without a name\. Name it where its inputs are",
        ),
    ],
)
def test_a_size_that_is_missing_or_misspelt_is_named(expr, sizes, message):
    with pytest.raises(pel.ShapeError, match=message):
        operations(expr, sizes)
