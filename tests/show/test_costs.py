"""`cost`: operations, bytes, memory and predicted time."""

import pytest

import pellucid as pel
from pellucid.show import Machine, cost, this_machine

X, W = pel.matrix("X", shape=("n", 3)), pel.matrix("W", shape=(3, 2))


def test_a_matrix_product_counts_multiplications_and_additions():
    [row] = cost(X @ W, {"n": 100})
    assert (row.expr, row.operations, row.elements, row.bytes) == (X @ W, 2 * 100 * 3 * 2, 200, 800)


def test_shared_subexpressions_count_once():
    h = pel.tanh(X @ W)
    once, both = cost(h, {"n": 10}), cost([h.sum(), (h + h).sum()], {"n": 10})
    assert both.operations == once.operations + 20 + 20 + 20
    assert len(both) == 5
    assert both.elements == 20 + 20 + 1 + 20 + 1
    assert both.bytes == 4 * both.elements


def test_leaves_and_views_cost_nothing():
    assert cost(X, {"n": 3}).operations == 0
    assert len(cost(X, {"n": 3})) == 0
    flat = cost(X.T.reshape(-1), {"n": 3})
    assert (flat.operations, flat.rows[-1].elements) == (0, 9)


def test_a_loop_counts_its_step_as_often_as_it_runs():
    x = pel.matrix("x", shape=("t", 4))
    h = pel.scan(lambda x_t, h: h + x_t * x_t, x, pel.zeros(4))
    assert cost(h, {"t": 7}).operations == 7 * 8
    gradient = pel.grad(h.sum(), x)
    assert cost(gradient, {"t": 7}).operations > 7 * 8


def test_a_branch_costs_as_much_as_the_more_expensive_one():
    x, p = pel.matrix("x", shape=(4, 3)), pel.scalar("p")

    def costs(then, otherwise):
        return cost(pel.cond(p > 0, lambda: then(x), lambda: otherwise(x))).operations

    cheap, expensive = costs(pel.negative, pel.negative), costs(lambda x: pel.tanh(x) @ x.T @ x, pel.negative)
    assert expensive > cheap + 2 * 2 * 4 * 4 * 3
    assert costs(pel.negative, lambda x: pel.tanh(x) @ x.T @ x) == expensive
    assert costs(lambda x: pel.tanh(x) @ x.T @ x, lambda x: pel.tanh(x) @ x.T @ x) == expensive


def test_unknown_sizes_are_inferred():
    rest = cost(X[1:] * 2, {"n": 10})
    assert (rest.operations, rest.rows[0].elements) == (27, 27)


def test_a_table_can_be_printed():
    assert str(cost((X @ W).sum(), {"n": 1000})).splitlines() == [
        "     operations  elements  bytes  expression",
        "[1]      12,000     2,000  8,000  X @ W",
        "[2]       2,000         1      4  [1].sum()",
        "         14,000     2,001  8,004  total",
    ]


def test_parameters_count_in_each_row_and_once_in_total():
    U = pel.shared([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "U")
    c = cost((X @ U).sum() + (U**2).sum(), {"n": 1000})
    assert [r.parameters for r in c] == [6, 0, 6, 0, 0]
    assert c.parameters == 6
    assert str(c).splitlines()[::5] == [
        "     operations  elements  bytes  parameters  expression",
        "[5]           1         1      4           0  [2] + [4]",
    ]
    page = c._repr_html_()
    assert "<th style='text-align: right'>parameters</th>" in page
    assert f"<p>{c.describe_memory()}</p>" in page


@pytest.mark.parametrize(
    ("expr", "sizes", "message"),
    [
        (X @ W, {}, r"The cost of X depends on the size n\. Pass it: sizes=\{'n': 128\}"),
        (
            X @ W,
            {"n": 1, "m": 2},
            r"No dimension is named 'm'\.( Did you mean 'n'\?)? Received: sizes=\{'n': 1, 'm': 2\}",
        ),
        (
            pel.vector("x") + 1,
            {},
            r"The cost of x depends on an unnamed size\. Name it when you create its inputs",
        ),
    ],
)
def test_missing_and_misspelled_sizes_are_reported(expr, sizes, message):
    with pytest.raises(pel.ShapeError, match=message):
        cost(expr, sizes)


def test_results_are_freed_after_their_last_use():
    x = pel.vector("x", shape=(100,))
    e = x
    for _ in range(5):
        e = pel.tanh(e)
    c = cost(e)
    assert (c.leaves, c.peak, c.bytes, c.outputs) == (400, 800, 2000, 400)
    assert c.moved == 5 * 800


def test_a_view_keeps_its_base_alive():
    x = pel.matrix("x", shape=(10, 10))
    h = pel.tanh(x)
    c = cost(h.T.reshape(-1) * pel.exp(pel.sin(x)).reshape(-1))
    assert c.peak == 3 * 400
    assert [r.moved for r in c if r.expr.op.name in ("reshape", "transpose")] == [0, 0, 0]


def test_the_roofline_is_the_maximum_of_arithmetic_and_memory_time():
    machine = Machine(rate=1e9, bandwidth=1e9)
    A = pel.matrix("A", shape=(100, 100))
    product = cost(A @ A)
    assert product.seconds(machine) == pytest.approx(2e6 / 1e9)
    total = cost(pel.matrix("x", shape=(1000, 1000)).sum())
    assert total.seconds(machine) == pytest.approx(4_000_004 / 1e9)


def test_fusion_moves_less():
    machine = Machine(rate=1e15, bandwidth=1e9)
    x = pel.vector("x", shape=(1000,))
    c = cost((x + 1) * 2 - 3)
    assert c.fused_seconds(machine) < c.seconds(machine) / 2
    assert "with perfect fusion, " in c.predict(machine)
    assert "Memory: 4,012 bytes for inputs and parameters, 8,000 bytes at the peak for results." in c.predict(machine)


def test_a_function_counts_with_its_updates():
    x, w = pel.vector("x", shape=(3,)), pel.shared([1.0, 2.0, 3.0], "w")
    step = pel.function([x], (x * w).sum(), updates={w: w - 0.1 * x})
    assert {r.expr for r in cost(step)} >= {step.program.outputs[0], step.program.updates[w]}


def test_the_measurement_of_this_machine_is_kept():
    assert this_machine.cache_parameters() == {"maxsize": None, "typed": False}


@pytest.mark.slow
def test_this_machine_is_measured_once():
    assert this_machine() is this_machine()
    assert this_machine().rate > 1e8
    assert this_machine().bandwidth > 1e7
