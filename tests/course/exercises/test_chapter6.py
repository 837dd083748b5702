"""Exercises of chapter 6: right answers pass, wrong answers get their mistake named."""

import functools
from typing import Any

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.exercises import list_exercises
from pellucid.course.exercises.stable_formulas import LOG_SOFTMAX, SOFTPLUS, VARIANCE, StableFormula

RIGHT = [
    ("gradient", "exp(s) / sum(exp(s))"),
    ("gradient", "softmax(s)"),
    ("shards", "(n1 * g1 + (n - n1) * g2) / n"),
    ("shards", "g2 + n1 / n * (g1 - g2)"),
]
WRONG = [
    ("gradient", "1 / sum(exp(s))", "exp"),
    ("gradient", "exp(s)", "sum"),
    ("shards", "n1 * g1 + (n - n1) * g2", "1/n"),
    ("shards", "(n1 * g1 + n * g2) / n", "n - n1"),
    ("shards", "(n1 * g1 - (n - n1) * g2) / n", "sign"),
]


@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"6.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


def softplus_by_branches(z: Any) -> Any:
    return z + np.log1p(np.exp(-z)) if z[0] > 0 else np.log1p(np.exp(z))


def log_softmax_in_two_steps(s: Any) -> Any:
    u = s - np.max(s)
    return u - np.log(np.sum(np.exp(u)))


STABLE: list[tuple[StableFormula, Any]] = [
    (SOFTPLUS, "maximum(z, 0) + log1p(exp(-abs(z)))"),
    (SOFTPLUS, lambda z: np.logaddexp(0, z)),
    (SOFTPLUS, pel.softplus),
    (SOFTPLUS, softplus_by_branches),
    (SOFTPLUS, pel.softplus(pel.vector("z"))),
    (LOG_SOFTMAX, "s - max(s) - log(sum(exp(s - max(s))))"),
    (LOG_SOFTMAX, log_softmax_in_two_steps),
    (LOG_SOFTMAX, pel.log_softmax),
    (LOG_SOFTMAX, lambda s: s - pel.logsumexp(s)),
    (VARIANCE, "mean((x - mean(x))**2)"),
    (VARIANCE, lambda x: np.sum((x - x.mean()) ** 2) / 3 if len(x) == 3 else ((x - x.mean()) ** 2).mean()),
    (VARIANCE, lambda x: ((x - x[0]) ** 2).mean() - (x - x[0]).mean() ** 2),
    (VARIANCE, np.var),
]


def test_stable_formulas_pass() -> None:
    for quantity, answer in STABLE:
        result = quantity.check(answer)
        assert result.correct, (answer, result.message)
        assert "at least 4 correct digits" in result.message


UNSTABLE: list[tuple[StableFormula, Any, str, str]] = [
    (SOFTPLUS, "log(1 + exp(z))", "`exp(z)` overflows: it would be about 10^43.4", "z + log(1 + exp(-z))"),
    (SOFTPLUS, "z + log(1 + exp(-z))", "loses the digits: its parts are near 30", "max(z, 0)"),
    (SOFTPLUS, "log1p(exp(z))", "At z = 100, your formula gives inf, and the true value is 100.", "Take z out"),
    (SOFTPLUS, "maximum(z, 0) + log(1 + exp(-abs(z)))", "`1 + exp(-abs(z))` is so close to 1", "log1p"),
    (SOFTPLUS, "log(1 + exp(-z))", "This is another quantity. At z = 0.5", "formula of the text"),
    (SOFTPLUS, "maximum(z, 0)", "This is another quantity", ""),
    (LOG_SOFTMAX, "log(exp(s) / sum(exp(s)))", "`exp(s)` overflows", "subtract the same number"),
    (LOG_SOFTMAX, "s - log(sum(exp(s)))", "`exp(s)` overflows", "subtract the same number"),
    (LOG_SOFTMAX, lambda s: np.log(pel.softmax(s)), "underflows", "Do not compute a probability first"),
    (LOG_SOFTMAX, "s - max(s) - log(sum(exp(s)))", "This is another quantity", ""),
    (LOG_SOFTMAX, "sum(s)", "expected a value of shape (3,). Your formula gives shape ()", ""),
    (VARIANCE, "mean(x**2) - mean(x)**2", "`(x ** 2).mean() - x.mean() ** 2` loses the digits", "Subtract first"),
    (VARIANCE, lambda x: np.sum((x - x.mean()) ** 2) / 2, "This is another quantity", ""),
    (VARIANCE, lambda x: float(np.mean(x * x) - np.mean(x) ** 2), "not stable. At x = [10000, 10001, 10002]", ""),
    (VARIANCE, "mean((x - mean(x))", "a `)` is missing", ""),
    (VARIANCE, lambda x: None, "it returns nothing", ""),
    (VARIANCE, lambda x: x.nothing, "stopped with", ""),
    (VARIANCE, 3, "expected a formula as text, a function or an expression, received int", ""),
]


def test_unstable_formulas_name_the_step() -> None:
    for quantity, answer, words, hint in UNSTABLE:
        result = quantity.check(answer)
        assert not result.correct, answer
        assert words in result.message
        assert hint in " ".join(result.hints), answer


def test_stubs_are_unstable_and_solutions_stable() -> None:
    for name in ("variance", "log_softmax", "softplus"):
        exercise: Any = list_exercises(6)[name]
        names: dict[str, Any] = {"np": np}
        exec(exercise.stub, names)
        assert "not stable" in exercise.check(names[name]).message, name
        exec(exercise.solution, names)
        assert exercise.check(names[name]).correct, name
