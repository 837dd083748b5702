"""Profiles: every expression is in the table, and the table adds up."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.profile import MAX_PRINTED_ROWS

both = pytest.mark.parametrize("by", ["numpy", "xla"])


@pytest.fixture
def step():
    X, w = pel.matrix("X"), pel.shared(np.ones((50, 50), "float32"), "w")
    return pel.function([X], pel.tanh(X @ w).sum(), updates={w: w + 1})


ONES = np.ones((200, 50), "float32")


@both
def test_time_and_bytes_of_expressions_and_of_the_whole_program(step, by, monkeypatch):
    monkeypatch.setenv("PELLUCID_KERNELS", "0")  # XLA counts the operations that it computes itself
    table = step.profile(ONES, by=by, repeats=3)
    rows = {row.expr.op.name: row for row in table.sorted("order")}
    assert list(rows) == ["matmul", "tanh", "sum", "add"]
    assert [row.bytes for row in rows.values()] == [40_000, 40_000, 4, 10_000]
    assert table.bytes == 90_004
    assert all(row.seconds > 0 for row in table)
    assert sum(row.share for row in table) == pytest.approx(1)
    assert sum(table.families.values()) == pytest.approx(table.seconds)
    assert set(table.ops) == {"matmul", "tanh", "sum", "add"}
    cost = table.whole
    assert 0 < cost.seconds < 1
    assert cost.compile_seconds > 0
    assert cost.operations >= 2 * 200 * 50 * 50
    assert cost.argument_bytes == ONES.nbytes + 10_000
    assert [w.get_value().max() for w in step.program.updates] == [1]  # nothing was updated


def test_the_slowest_expression_is_first(step):
    X = pel.matrix("X")
    table = pel.function([X], pel.sin(X @ X).sum() + X[0, 0], mode="numpy").profile(np.ones((400, 400), "float32"))
    assert table.whole is None
    assert [row.seconds for row in table] == sorted((row.seconds for row in table), reverse=True)
    assert str(table.rows[0].expr) in ("X @ X", "sin(X @ X)")
    lines = str(table).splitlines()
    assert "each computed separately by NumPy; median of 11 runs" in lines[0]
    assert lines[1].split() == ["time", "share", "bytes", "expression"]
    assert lines[-2].endswith("total")
    assert "100.0%" in lines[-2]
    assert lines[-1].startswith("by family: ")


def test_sorting_and_html(step):
    table = step.profile(ONES, repeats=1)
    assert [row.bytes for row in table.sorted("bytes")] == [40_000, 40_000, 10_000, 4]
    page = table._repr_html_()
    assert page.count("<tr>") == 6
    assert "tanh([1])" in page
    with pytest.raises(ValueError, match=r"Received: by='byte'\. Did you mean 'bytes'"):
        table.sorted("byte")
    with pytest.raises(ValueError, match=r"'numpy' or 'xla'\. Received: by='xl'\. Did you mean 'xla'"):
        step.profile(ONES, by="xl")
    with pytest.raises(ValueError, match=r"repeats to be an integer of 1 or more\. Received: repeats=0"):
        step.profile(ONES, repeats=0)


def test_a_long_table_is_shortened_and_adds_up():
    x = pel.scalar("x")
    e = x
    for _ in range(40):
        e = pel.sin(e)
    table = pel.function([x], e, mode="numpy").profile(1.0, repeats=1)
    assert len(table) == 40
    assert f"{40 - MAX_PRINTED_ROWS} more" in str(table)
    assert str(table).count("\n") == MAX_PRINTED_ROWS + 4


@both
def test_loops_and_ops_with_several_results(by):
    s = pel.vector("s")
    h, d = pel.scan(lambda s_t, h, d: (h + s_t, d * s_t), s, [0.0, 1.0])
    table = pel.function([s], h + d).profile(np.ones(7, "float32"), by=by, repeats=2)
    scan = next(row for row in table if row.expr.op.name == "scan_loop")
    assert scan.bytes >= 2 * 7 * 4
