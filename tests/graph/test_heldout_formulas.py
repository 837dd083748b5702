"""Tests that count the held-out naive formulas that pellucid evaluates accurately."""

from __future__ import annotations

import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
from stability import CASES
from stability.case import Case
from stability.evaluation import compute_results, run_compiled
from stability.heldout import HELDOUT, HELDOUT_FAMILIES
from stability.high_precision import TOLERANCE, Formula, compute_reference

from pellucid.graph.evaluate import evaluate
from pellucid.graph.rewriter import simplify_all

SAMPLE = HELDOUT[::5]
RIGHT_IN_SAMPLE = 97
RIGHT = 460
"""Numbers of formulas that were right when last measured. Raise them when rules improve."""
BATCH = 40


def interpret(inputs: list[Any], outputs: list[Any], values: list[Any]) -> list[Any]:
    """Interpret simplified expressions; overflow of intermediate values is allowed."""
    with np.errstate(all="ignore"):
        return evaluate(np, simplify_all(outputs), dict(zip(inputs, values, strict=True)))


def find_wrong(rows: list[Case], run: Any) -> list[str]:
    """Return the formulas whose value or gradient is wrong in float32."""
    wrong = []
    for i in range(0, len(rows), BATCH):
        batch = rows[i : i + BATCH]
        with warnings.catch_warnings():
            # The build may warn that a formula overflows, which is the purpose of these formulas.
            warnings.simplefilter("ignore")
            results = compute_results(batch, "float32", run)
        for row, found in zip(batch, results, strict=True):
            exact = compute_reference(row)
            if max(e.error(f, "float32") for e, f in zip(exact, found, strict=True)) > TOLERANCE["float32"]:
                wrong.append(row.formula)
    return wrong


def test_the_corpus_is_large_and_separate_from_the_tables_of_the_rules() -> None:
    formulas = [row.formula for row in HELDOUT]
    assert len(formulas) >= 600
    assert len(set(formulas)) == len(formulas)
    assert not set(formulas) & {row.formula for row in CASES}


@pytest.mark.slow
def test_most_sampled_heldout_formulas_are_right() -> None:
    wrong = find_wrong(SAMPLE, interpret)
    assert len(SAMPLE) - len(wrong) >= RIGHT_IN_SAMPLE, "\n".join(wrong)


@pytest.mark.slow
def test_most_heldout_formulas_are_right() -> None:
    wrong = find_wrong(HELDOUT, run_compiled)
    assert len(HELDOUT) - len(wrong) >= RIGHT, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("family", HELDOUT_FAMILIES)
def test_references_do_not_depend_on_precision_or_step(family: str) -> None:
    """Compare the references with 300 digits, and their gradients with two other steps."""
    for row in HELDOUT_FAMILIES[family]:
        value, gradient = (reference.value for reference in compute_reference(row))
        digits = max(300, compute_reference(row)[0].digits)
        with mpmath.workdps(digits):
            formula = Formula(row, digits)
            compare(row.formula, value, formula.value(formula.at))
            for exponent in (40, 65):
                parts = formula.derivatives(formula.cost, formula.at, mpmath.mpf(10) ** -exponent)
                compare(row.formula, gradient, np.stack([part for *_, part in parts], axis=-1))


def compare(name: str, expected: Any, found: Any) -> None:
    """Compare numbers of mpmath to 12 digits."""
    a, b = expected.astype("float64"), found.astype("float64")
    np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-39, err_msg=name)
