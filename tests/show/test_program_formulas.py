"""Formulas of compiled programs."""

import numpy as np

import pellucid as pel
from pellucid.show.formulas.program_formulas import format_program, render_programs


def test_repeated_parts_get_names() -> None:
    x, W = pel.matrix("x"), pel.shared(np.ones((2, 3), "float32"), "W")
    h = pel.tanh(x @ W)
    loss = pel.square(h).sum()
    f = pel.function([x], [loss, h], updates={W: W - 0.1 * pel.grad(loss, W)})
    assert format_program(f) == [
        "h = tanh(x @ W)",
        "returns (h ** 2).sum()",
        "returns h",
        "W ← W - 0.1 * (x.T @ (2 * ((1 - h ** 2) * h)))",
    ]
    page = render_programs("Programs of a<b.py", [("theano.function", f)])
    assert "<h1>Programs of a&lt;b.py</h1>" in page
    assert "<h2>theano.function</h2>" in page
    assert page.count("&#x02190;") == 1  # the arrow of the update


def test_variables_of_one_name_are_numbered() -> None:
    x, W, V = pel.matrix("x"), pel.shared(np.ones((2, 2)), "W"), pel.shared(np.ones((2, 2)), "W")
    f = pel.function([x], (x @ W) @ V, updates={V: 2 * V})
    assert format_program(f) == ["returns cast(x, dtype=float64) @ W_1 @ W_2", "W_2 ← 2 * W_2"]


def test_loops_are_recurrences() -> None:
    x = pel.matrix("x", shape=("n", 2))
    states = pel.scan(lambda x_t, h: pel.tanh(x_t + h), x, pel.zeros((2,)))
    assert format_program(pel.function([x], states[-1])) == ["h[0] = 0", "h[t] = tanh(x[t] + h[t-1])", "returns h[T]"]


def test_a_program_without_formulas() -> None:
    x = pel.scalar("x")
    assert format_program(pel.function([x], x)) == ["returns x"]
