"""Right and wrong answers to the exercises of chapter 2, and words that the checker's messages must contain."""

import pytest

import pellucid as pel
from pellucid.course.exercises import chapter2

RIGHT = [
    *((exercise.name, exercise.solution) for exercise in chapter2.define_exercises()),
    ("slope", "2 * w * x**2 - 2 * x * y"),
    ("slope", "-2 * x * (y - w * x)"),
    ("dw", "mean(2 * x * (w * x + b - y))"),
    ("dw", "2 * (w * mean(x**2) + b * mean(x) - mean(x * y))"),
    ("db", "mean(2 * (w * x + b - y))"),
    ("db", "2 * (w * mean(x) + b - mean(y))"),
    ("step", "w + rate * (-dw)"),
    ("step", "-dw * rate + w"),
]

WRONG = [
    ("slope", "(w * x - y) * x", "2"),
    ("slope", "2 * (w * x - y)", "x"),
    ("slope", "2 * (y - w * x) * x", "sign"),
    ("slope", "2 * (w * x + y) * x", "sign"),
    ("slope", "2 * (w * x - y) * w", "w"),
    ("dw", "mean((w * x + b - y) * x)", "2"),
    ("dw", "2 * mean(w * x + b - y)", "x"),
    ("dw", "2 * sum((w * x + b - y) * x)", "mean"),
    ("dw", "2 * mean((y - w * x - b) * x)", "sign"),
    ("dw", "2 * mean((w * x - y) * x)", "b"),
    ("db", "mean(w * x + b - y)", "2"),
    ("db", "2 * sum(w * x + b - y)", "mean"),
    ("db", "2 * mean(w * x - y)", "b"),
    ("step", "w + rate * dw", "sign"),
    ("step", "w - dw", "rate"),
    ("step", "-rate * dw", "w"),
]


@pytest.mark.parametrize(("name", "formula"), RIGHT)
def test_right_answers_are_accepted(name, formula):
    result = pel.course.check(f"2.{name}", formula)
    assert result.correct, result.message


@pytest.mark.parametrize(("name", "formula", "words"), WRONG)
def test_the_message_names_the_mistake(name, formula, words):
    result = pel.course.check(f"2.{name}", formula)
    assert not result.correct
    assert words in result.message.lower()
