"""Both sides of every rewrite rule on random instances at ordinary values, and how often each rule fires."""

from __future__ import annotations

import dis
import itertools
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest
from rule_formulas import FORMULAS
from rule_instances import InfiniteOperands, Operands, compare_rewrites, draw_instance

import pellucid as pel
from pellucid.graph import rewrite_rule, rules
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.gamma import gammaln
from pellucid.graph.rewrite_rule import FOLD, RULES

NAMES = [name for name in RULES if name != FOLD.name]

FEW, MANY = 3, 40
"""Random formulas in which a rule must fire, in the fast and in the slow test."""


def check_rewrites(name: str, build: Callable[[Operands], Expr], wanted: int) -> None:
    """Compare both sides of all rewrites of random formulas, until a rule has fired in as many as wanted."""
    count = 0
    for seed in range(12 * wanted):
        operands = Operands(np.random.default_rng([seed, *name.encode()]))
        try:
            e = build(operands)
        except ShapeError:  # settings of the pattern that do not fit each other
            continue
        fired, wrong = compare_rewrites(e, operands.values)
        assert not wrong, "\n".join(wrong)
        count += fired[name] > 0
        if count == wanted:
            return
    raise AssertionError(f"{name} fired in {count} of {12 * wanted} formulas, such as {e}")


def check_instances(name: str, wanted: int) -> None:
    check_rewrites(name, lambda operands: draw_instance(RULES[name], operands), wanted)


CASES = [(name, k) for name, builds in FORMULAS.items() for k in range(len(builds))]


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_keeps_the_values_of_its_instances(name: str) -> None:
    check_instances(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_keeps_the_values_of_many_instances(name: str) -> None:
    check_instances(name, MANY)


@pytest.mark.parametrize(("name", "k"), CASES)
def test_a_rule_keeps_the_values_of_a_formula(name: str, k: int) -> None:
    check_rewrites(name, FORMULAS[name][k], FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "k"), CASES)
def test_a_rule_keeps_the_values_of_many_formulas(name: str, k: int) -> None:
    check_rewrites(name, FORMULAS[name][k], MANY)


NOT_AT_INFINITY = {
    **dict.fromkeys(
        [
            *("box_cox", "box_cox_of_one_plus", "compound_of_quotient", "log_of_one_minus_compound"),
            *(
                "log_of_one_minus_power",
                "power_of_one_minus",
                *("power_of_one_minus_power_minus_one", "log_of_probability_power"),
                "power_of_one_plus",
            ),
        ],
        "infinite exponents",
    ),
    **dict.fromkeys(
        ["normalized_positive_product", "softmax_of_all", "softmax_of_exp", "weighted_softmax_of_exp"],
        "the softmax of infinity is NaN",
    ),
    **dict.fromkeys(["inverse_of_inverse", "inverse_times", "times_inverse"], "matrices with infinities"),
    "exp_over_erfc": "rounding of the factor sqrt(1/2)",
    "function_over_factor_of_argument": "arguments that are divided by 0",
    "log_of_shifted_exp": "bounded by the largest number",
    "over_own_exponential_sum": "the difference of equal infinities is 0 in exp_difference",
}
"""Rules that may replace a finite value by NaN where an operand is infinite, and why."""

PARTS = 10


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("instances", [2, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("part", range(PARTS))
def test_rules_keep_finite_values_of_infinite_operands(part: int, instances: int) -> None:
    failed = []
    for name in sorted(set(NAMES) - set(NOT_AT_INFINITY))[part::PARTS]:
        builds = [lambda operands, rule=RULES[name]: draw_instance(rule, operands), *FORMULAS.get(name, ())]
        for build, seed in itertools.product(builds, range(instances)):
            operands = InfiniteOperands(np.random.default_rng([seed, *name.encode()]))
            try:
                e = build(operands)
            except ShapeError:
                continue
            _, wrong = compare_rewrites(e, operands.values)
            failed += [text for text in wrong if text.split(":")[0] not in {"simplify", *NOT_AT_INFINITY}]
    assert not failed, "\n".join(failed)


AT_INFINITY: dict[str, Callable[[Any, Any], Any]] = {
    "shift of a sum of exponentials": lambda p, q: pel.exp(p) / (pel.exp(p) + 1 / q),
    "difference of roots": lambda p, q: 1 / (pel.sqrt(1 + 3 / q) - 1),
    "difference of cubes": lambda p, q: 1 / (p**3 - pel.log(q) ** 3),
    "square that overflows": lambda p, q: 1 - 1 / (1 + (p * 1e200) ** 2),
    "nested sums of exponentials": lambda p, q: p / (pel.exp(1 / q) * (pel.exp(2 / q) - pel.exp(p)) + 1000),
    "equal sigmoids": lambda p, q: pel.sigmoid(p / q) - pel.sigmoid(1 / q),
    "product with a logarithm": lambda p, q: pel.xlogy((p - 2) * (p - 0.5), pel.sigmoid(pel.log(q))),
    "power of a vanishing probability": lambda p, q: pel.log(
        pel.softmax(pel.stack([p, pel.log(q)]), axis=0)[1] ** ((p - 2) * (p - 0.5))
    ),
    "root of 0": lambda p, q: pel.sqrt(pel.abs(q) ** 2 + q) - pel.abs(q),
}


@pytest.mark.parametrize("mode", ["numpy", "xla", "native"])
def test_values_at_infinite_intermediate_results(mode: Any) -> None:
    p, q = pel.vector("p", dtype="float64"), pel.vector("q", dtype="float64")
    f, unchanged = (
        pel.function([p, q], [form(p, q) for form in AT_INFINITY.values()], mode=mode, rewrite=rewrite)
        for rewrite in (True, False)
    )
    with np.errstate(all="ignore"):
        for name, found, wanted in zip(AT_INFINITY, f([2, 0.5], [0, 0]), unchanged([2, 0.5], [0, 0]), strict=True):
            assert np.isfinite(wanted).all(), name
            np.testing.assert_allclose(found, wanted, err_msg=name)


FOLDER = str(Path(rules.__file__).parent)

DECLINES = ("return None", "return False", "continue", "raise ", "else None", "pass")
"""Beginnings of lines at which a rule does not apply."""

UNREACHED = {
    "gamma_differences.py": ["form[e] = form.get(e, 0.0) + scale", "stack.append((-weight, e.inputs[0]))"],
    "scaled_exponentials.py": ["return exponent", "return Scaled(e, None)", "return mantissa"],
}
"""Lines for long sums, for negated sums, which are written as differences, and for products without exponentials."""


def list_codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from list_codes(constant)


def list_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of functions in a file, but those at which a rule does not apply."""
    text = path.read_text("utf-8")
    for code in list_codes(compile(text, str(path), "exec")):
        for n in {n for _, n in dis.findlinestarts(code) if n and n != code.co_firstlineno}:
            line = text.splitlines()[n - 1].strip()
            if not line.startswith((*DECLINES, *UNREACHED.get(path.name, ()))):
                yield n, line


@pytest.mark.slow
def test_the_instances_reach_every_line_of_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(FOLDER):
            return None
        ran.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before, paths = sys.gettrace(), sorted(Path(FOLDER).glob("*.py"))
    sys.settrace(trace)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(rewrite_rule, "RULES", {})
            for path in paths:  # the functions that write rules
                runpy.run_path(str(path))
        for name in NAMES:
            check_instances(name, 8)
        for name, k in CASES:
            check_rewrites(name, FORMULAS[name][k], FEW)
    finally:
        sys.settrace(before)
    missed = [f"{path.name}:{n}: {line}" for path in paths for n, line in list_lines(path) if (str(path), n) not in ran]
    assert not missed, "\n".join(missed)


X, Y, Z = (Input(name, (4,), "float64") for name in "xyz")
VALUES = {X: np.array([0.3, 0.7, 1.5, 2.5]), Y: np.array([0.5, 2.0, 0.2, 1.0]), Z: np.array([-0.3, -0.7, -1.5, -2.5])}

FOUND: dict[str, tuple[str, Callable[[], Expr]]] = {
    "gamma functions that all cancel": (
        "difference_of_gammaln",
        lambda: gammaln(3.5 * X) - gammaln(X + 2.5 * X),
    ),
    "logarithm of a negative multiple": (
        "difference_of_count_terms",
        lambda: gammaln((1 - Z) / 2) - gammaln(-Z / 2) - 0.5 * pel.log(-3 * Z),
    ),
    "logarithm of the inverse": (
        "difference_of_gammaln",
        lambda: gammaln(3 / X + 0.5) - gammaln(3 / X) - 0.5 * pel.log(X),
    ),
    "logarithm of an inverse": (
        "sum_of_count_terms",
        lambda: gammaln(3 / X + 0.5) - gammaln(3 / X) + 0.5 * pel.log(X),
    ),
    "number times powers": ("log_of_product_of_powers", lambda: pel.log(3 * (1 + X) ** Y * X**Y)),
}
"""Formulas that a rule computed inaccurately or not at all."""


@pytest.mark.parametrize("name", FOUND)
def test_formulas_on_which_a_rule_failed(name: str) -> None:
    rule, build = FOUND[name]
    fired, wrong = compare_rewrites(build(), VALUES)
    assert fired[rule]
    assert not wrong


@pytest.mark.parametrize("rule", ["log_of_product", "log_of_quotient"])
def test_the_logarithm_of_two_negative_factors_is_not_split(rule: str) -> None:
    total, negative = Z * pel.exp(X) + (Z - 1) * pel.exp(Y), Z - 2
    fired, wrong = compare_rewrites(pel.log(total * negative if rule == "log_of_product" else total / negative), VALUES)
    assert not fired[rule]
    assert not wrong
