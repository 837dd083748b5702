"""Right and wrong answers to the exercises of chapter 2, and words that the checker's messages must contain."""

import functools

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.exercises import chapter2

RIGHT = [
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
    ("slope", "(w * x - y) * x", "the factor `2` is missing"),
    ("slope", "2 * (w * x - y)", "the factor `x` is missing"),
    ("slope", "2 * (y - w * x) * x", "sign"),
    ("slope", "2 * (w * x + y) * x", "the sign of `y`"),
    ("slope", "2 * (w * x - y) * w", "`w` stands where `x` belongs"),
    ("slope", "2 * (w * x - y) * x**2", "extra factor `x`"),
    ("dw", "mean((w * x + b - y) * x)", "the factor `2` is missing"),
    ("dw", "2 * mean(w * x + b - y)", "the factor `x` is missing"),
    ("dw", "2 * sum((w * x + b - y) * x)", "a mean over the samples"),
    ("dw", "2 * mean((y - w * x - b) * x)", "sign"),
    ("dw", "2 * mean((w * x - y) * x)", "the bias `b` is missing"),
    ("db", "mean(w * x + b - y)", "the factor `2` is missing"),
    ("db", "2 * sum(w * x + b - y)", "a mean over the samples"),
    ("db", "2 * mean(w * x - y)", "the bias `b` is missing"),
    ("db", "2 * mean((w * x + b - y) * x)", "the factor `x` is too much"),
    ("step", "w + rate * dw", "gradient descent subtracts it"),
    ("step", "w - dw", "the factor `rate` is missing"),
    ("step", "-rate * dw", "the term `w` is missing"),
]


def test_the_references_are_the_gradients_of_the_losses():
    exercises = {exercise.name: exercise for exercise in chapter2.define_exercises()}
    random = np.random.default_rng(0)
    for name, variable in (("slope", "w"), ("dw", "w"), ("db", "b")):
        given = exercises[name].given
        error = given["w"] * given["x"] + given.get("b", 0.0) - given["y"]
        loss = error**2 if name == "slope" else (error**2).mean()
        values = {letter: random.normal(size=(4,) * e.ndim).astype("float32") for letter, e in given.items()}
        inputs = {given[letter]: value for letter, value in values.items()}
        expected = pel.grad(loss, given[variable]).eval(inputs, mode="numpy")
        assert exercises[name].reference.eval(inputs, mode="numpy") == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"2.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG, ignore_case=True) == []
