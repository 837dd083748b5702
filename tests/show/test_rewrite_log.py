"""The rewrite log: text by phase, and numerical checks."""

import re

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.rewrite_rule import RULES
from pellucid.show.rewriting.rewrite_log import find_changed_parts
from pellucid.show.rewriting.rewrite_log_check import evaluate_assumption

x, y = pel.vector("x"), pel.vector("y")


def rewritten(e):
    journal = pel.Journal()
    pel.simplify(e, journal=journal)
    return journal


def test_steps_are_grouped_by_phase_and_numbered_in_order():
    journal = rewritten(pel.log(pel.exp(x).sum()) + pel.sin((x + y) + (x + y)))
    assert str(journal).splitlines() == [
        "stabilize",
        "   1  log_sum_exp: log(exp(x).sum())  →  logsumexp(x)",
        "      whole expression: ⟦logsumexp(x)⟧ + sin(x + y + (x + y))",
        "algebra",
        "   2  add_same: x + y + (x + y)  →  2 * (x + y)",
        "      whole expression: logsumexp(x) + sin(⟦2 * (x + y)⟧)",
    ]
    assert len(journal) == 2
    assert str(pel.Journal()) == ""


def test_sides_with_equal_text_are_shown_as_calls():
    journal = rewritten(x**2)
    assert str(journal).splitlines() == ["algebra", "   1  power_two: power(x, 2)  →  square(x)"]
    assert "power(x, 2)</mark></code>" in journal._repr_html_()
    assert journal.check({"x": [3.0]}).table()[1][2:4] == ["power(x, 2)", "square(x)"]


def test_an_assumption_names_the_matched_expression():
    assert "(when sin(y) > 0)" in str(rewritten(pel.exp(pel.log(pel.sin(y)))))


def test_a_rewrite_that_avoids_overflow_is_more_accurate():
    [row] = rewritten(pel.log(pel.exp(x).sum())).check({"x": [1000.0, 0.0]}).rows
    assert row.error_before == np.inf
    assert row.error_after < 1e-6
    assert row.verdict == "more accurate"
    assert row.agrees


def test_rewrites_keep_the_value_where_their_assumptions_hold():
    journal = rewritten(pel.exp(pel.log(y)) + ((x + y) + (x + y)) * 1)
    good = journal.check({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    assert good.agrees
    assert {row.verdict for row in good.rows} == {"same"}
    bad = journal.check({x: [1.0, 2.0], y: [-3.0, 4.0]})
    row = next(row for row in bad.rows if row.step.rule.name == "exp_log")
    assert row.violations == 1
    assert row.verdict == "different: y > 0 does not hold at 1 element"
    assert not bad.agrees
    assert "y > 0 does not hold" in str(bad)


def test_steps_inside_a_loop_are_not_computed():
    w = pel.shared(0.5, "w")
    journal = rewritten(pel.scan(lambda x_t, h: pel.log(1 + pel.exp(x_t + w * h)), x, 0.0)[-1])
    verdicts = {row.step.rule.name: row.verdict for row in journal.check({"x": [1.0, 2.0]}).rows}
    assert verdicts["log_one_plus"] == "inside a loop"
    assert verdicts["last_state"] == "same"


def test_the_journal_of_a_network_is_sound(rng):
    X, t = pel.matrix("X", shape=("n", 2)), pel.ivector("t", shape=("n",))
    W = pel.shared(rng.standard_normal((2, 3)).astype("float32"), "W")
    loss = pel.losses.sparse_categorical_crossentropy(t, pel.softmax(X @ W)).mean()
    journal = rewritten(loss)
    check = journal.check({"X": (100 * rng.standard_normal((4, 2))).astype("float32"), "t": [0, 1, 2, 0]})
    assert len(check.rows) == len(journal) > 1
    assert check.agrees


def test_pages_are_self_contained():
    journal = rewritten(pel.exp(pel.log(y)) + y + y)
    page = journal.check({"y": [-1.0, 2.0]}).html()
    assert "<table>" in page
    assert 'class="wrong"' in page
    assert "http:" not in page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert "<table>" in journal._repr_html_()


def read_rows(journal):
    """Return the sides of each step in the HTML of a journal, one pair for each step."""
    rows = re.findall(r">before</small> (.*?)</div>.*?>after</small> (.*?)</div>", journal._repr_html_())
    assert len(rows) == len(journal.steps)
    return rows


def test_both_sides_frame_what_changed():
    x_sum, s = x.sum(), pel.matrix("s", shape=("n", 3))
    costs = [
        pel.log(pel.exp(x).sum()) * x_sum,
        (x + y + (x + y)).sum(),
        pel.log(pel.softmax(s)).sum(),
        (x * x).sum() + 1,
    ]
    for cost in costs:
        for before, after in read_rows(rewritten(cost)):
            assert before != after
            for side in (before, after):
                # The frame is a border, not only a color, and the color of the text is that of the page.
                assert side.count("border: 2px solid") == side.count('style="border') >= 1
                assert "color: inherit" in side


def test_the_frame_is_around_the_changed_part_of_the_whole_expression():
    before, after = read_rows(rewritten(pel.log(pel.exp(x).sum()) * (1 + y.sum())))[0]
    frames = [re.search(r'<mrow style="border[^>]*>(.*?)</mrow></mrow>', side)[1] for side in (before, after)]
    assert ">y<" not in "".join(frames)
    assert ">y<" in before
    assert ">y<" in after
    assert "logsumexp" in frames[1]


def test_the_smallest_changed_part_is_found():
    inner, other = pel.exp(x), x * y
    before, after = pel.tanh(inner + pel.log(y)), pel.tanh(other + pel.log(y))
    assert find_changed_parts(before, after) == (inner, other)
    assert find_changed_parts(inner, other) == (inner, other)


def test_missing_values_are_reported():
    with pytest.raises(pel.InputError, match=r"journal\.check: no value was given for y"):
        rewritten(y + y).check({"x": [1.0]})


@pytest.mark.parametrize(
    ("when", "values", "holds"),
    [
        ("x > 0", {"x": [1.0, 0.0]}, [True, False]),
        ("x, y > 0", {"x": [1.0, 1.0], "y": [1.0, -1.0]}, [True, False]),
        ("y is finite", {"y": [np.inf, 1.0]}, [False, True]),
        ("y != 0 where c fails", {"y": [0.0, 0.0], "c": [True, False]}, [True, False]),
        ("y != 0 where c holds", {"y": [0.0, 0.0], "c": [True, False]}, [False, True]),
        ("the sum of x stays in range", {"x": [[1e308, 1e308]]}, False),
        ("x is not singular", {"x": [[[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]]}, [False, True]),
        ("1 / 2 where x = 0", {"x": [0.0, 2.0]}, [False, True]),
    ],
)
def test_assumptions_are_computed(when, values, holds):
    found = evaluate_assumption(when, {name: np.array(v) for name, v in values.items()})
    assert found.tolist() == holds


def test_the_assumption_of_every_rule_can_be_evaluated():
    for rule in RULES.values():
        if rule.when:
            values = {name: np.array([[True]]) if name == "c" else np.array([[1.0]]) for name in rule.holes}
            message = f"{rule.name} assumes {rule.when!r}, which evaluate_assumption cannot evaluate"
            assert evaluate_assumption(rule.when, values) is not None, message
    assert evaluate_assumption("the moon is full", {}) is None
