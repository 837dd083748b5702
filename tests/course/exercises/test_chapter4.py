"""Exercises of chapter 4: right answers pass, wrong answers get their mistake named."""

import functools

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.exercise import Exercise
from pellucid.course.exercises import list_exercises

RIGHT = [
    ("d2", "(p - Y) / n"),
    ("d2", "p / n - Y / n"),
    ("d2", "(softmax(a1 @ W2 + b2) - Y) / n"),
    ("d2", "-(Y - p) / n"),
    ("dW2", "a1.T @ d2 + lam * W2"),
    ("dW2", "(d2.T @ a1).T + W2 * lam"),
    ("dW2", "tanh(z1).T @ (p - Y) / n + lam * W2"),
    ("db2", "sum(d2, axis=0)"),
    ("db2", "d2.sum(axis=0)"),
    ("db2", "mean(p - Y, axis=0)"),
    ("d1", "(d2 @ W2.T) * (1 - a1**2)"),
    ("d1", "(1 - a1) * (1 + a1) * (d2 @ W2.T)"),
    ("d1", "(d2 @ W2.T) - (d2 @ W2.T) * a1 * a1"),
    ("dW1", "X.T @ d1 + lam * W1"),
    ("dW1", "lam * W1 + (d1.T @ X).T"),
    ("db1", "sum(d1, axis=0)"),
    ("db1", "d1.sum(axis=0)"),
]
WRONG = [
    ("d2", "p / n", "Y"),
    ("d2", "(Y - p) / n", "sign"),
    ("d2", "p - Y", "n"),
    ("d2", "(p - Y) * p * (1 - p) / n", "p"),
    ("dW2", "z1.T @ d2 + lam * W2", "a1"),
    ("dW2", "a1.T @ d2", "lam"),
    ("dW2", "a1.T @ d2 + 2 * lam * W2", "2"),
    ("db2", "mean(d2, axis=0)", "mean"),
    ("db2", "sum(d2, axis=0) + lam * b2", "lam"),
    ("d1", "d2 @ W2.T", "1 - a1"),
    ("d1", "(d2 @ W2.T) * (1 - a1)", "1 - a1"),
    ("d1", "(d2 @ W2.T) * a1 * (1 - a1)", "tanh"),
    ("d1", "(d2 @ W2.T) * (1 - z1**2)", "z1"),
    ("d1", "(d2 @ W2.T) * (1 - tanh(a1)**2)", "a1"),
    ("d1", "(d2 @ dW2.T) * (1 - a1**2)", "dW2"),
    ("d1", "(d2 @ (W2 - rate * dW2).T) * (1 - a1**2)", "W2"),
    ("dW1", "X.T @ d1 / n + lam * W1", "n"),
    ("dW1", "X.T @ d1", "lam"),
    ("db1", "mean(d1, axis=0)", "mean"),
    ("db1", "sum(d1, axis=1)", "axis"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"4.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


def test_references_are_the_gradients_of_the_loss() -> None:
    exercises = list_exercises(4)
    given = {name: e for x in exercises.values() if isinstance(x, Exercise) for name, e in x.given.items()}
    W1, W2, lam = given["W1"], given["W2"], given["lam"]
    cross_entropy = -(given["Y"] * pel.log(given["p"])).sum(axis=1).mean()
    loss = cross_entropy + lam / 2 * ((W1**2).sum() + (W2**2).sum())
    wrt = {"d2": "s", "dW2": "W2", "db2": "b2", "d1": "z1", "dW1": "W1", "db1": "b1"}
    rng = np.random.default_rng(0)
    values = {
        name: rng.normal(size=[5 if size == "n" else size for size in given[name].shape])
        for name in ("X", "W1", "b1", "W2", "b2", "lam")
    }
    values["y"] = np.array([0, 2, 1, 1, 0], "int32")
    for name, variable in wrt.items():
        exercise = exercises[name]
        assert isinstance(exercise, Exercise)
        true = pel.grad(loss, given[variable])
        needed = {leaf.name for e in (true, exercise.reference) for leaf in pel.ancestors(e) if leaf.op is None}
        known = {k: v for k, v in values.items() if k in needed}
        found, expected = exercise.reference.eval(known, mode="numpy"), true.eval(known, mode="numpy")
        np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=name)
