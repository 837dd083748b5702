"""Exercises of chapter 5: right answers pass, wrong answers get their mistake named."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.exercises import list_exercises
from pellucid.course.exercises.strength_choice import SEEDS, SPLITS, STRENGTHS, Problem, check_strength_choice

RIGHT = [
    ("penalty", "lam / 2 * (sum(W1**2) + sum(W2**2))"),
    ("penalty", "0.5 * lam * sum(W1 * W1) + 0.5 * lam * sum(W2 * W2)"),
    ("step", "W1 - rate * (dW1 + lam * W1)"),
    ("step", "(1 - rate * lam) * W1 - rate * dW1"),
    ("bias2", "(mean(estimates) - truth)**2"),
    ("bias2", "(truth - sum(estimates) / 7)**2"),
]
WRONG = [
    ("penalty", "lam / 2 * (sum(W1**2) + sum(W2**2) + sum(b1**2) + sum(b2**2))", "bias"),
    ("penalty", "lam * (sum(W1**2) + sum(W2**2))", "factor"),
    ("penalty", "lam / 2 * sum(W1**2)", "W2"),
    ("step", "W1 - rate * dW1", "lam"),
    ("step", "W1 + rate * (dW1 + lam * W1)", "sign"),
    ("step", "W1 - rate * (dW1 + 2 * lam * W1)", "factor"),
    ("bias2", "mean((estimates - truth)**2)", "squared bias"),
]


@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"5.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


Fit = Callable[..., Any]


def compute_losses(strengths: list[float], splits: list[Any], fit: Fit) -> Any:
    return np.array(
        [[fit(t.X_train, t.y_train, s).loss(t.X_validation, t.y_validation) for t in splits] for s in strengths]
    )


def use_mean(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return strengths[int(compute_losses(strengths, splits, fit).mean(axis=1).argmin())]


def use_median(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return strengths[int(np.median(compute_losses(strengths, splits, fit), axis=1).argmin())]


def vote(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return strengths[int(np.bincount(compute_losses(strengths, splits, fit).argmin(axis=0)).argmax())]


def use_predictions(strengths: list[float], splits: list[Any], fit: Fit) -> np.float64:
    totals = np.zeros(len(strengths))
    for t in reversed(splits):
        for i, s in enumerate(strengths):
            model = fit(t.X_train, t.y_train, s)
            totals[i] += ((model.predict(t.X_validation) - t.y_validation) ** 2).sum()
    return np.float64(strengths[totals.argmin()])


def test_ways_to_choose_a_strength() -> None:
    for choose in (use_mean, use_median, vote, use_predictions):
        assert check_strength_choice(choose).correct, choose.__name__


def use_test_labels(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return min(strengths, key=lambda s: sum(fit(t.X_train, t.y_train, s).loss(t.X_test, t.y_test) for t in splits))


def peek_at_test_labels(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    print(splits[0].y_test.mean())
    return use_mean(strengths, splits, fit)


def use_training_loss(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return min(strengths, key=lambda s: sum(fit(t.X_train, t.y_train, s).loss(t.X_train, t.y_train) for t in splits))


def use_training_loss_after_all(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    compute_losses(strengths, splits, fit)
    return use_training_loss(strengths, splits, fit)


def use_one_split(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return use_mean(strengths, splits[:1], fit)


def use_three_splits(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return use_mean(strengths, splits[:3], fit)


def return_in_the_loop(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    for s in strengths:
        compute_losses([s], splits, fit)
        return s
    return 0.0


def skip_the_last(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return use_mean(strengths[:-1], splits, fit)


def take_the_largest(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return strengths[int(compute_losses(strengths, splits, fit).mean(axis=1).argmax())]


def overwrite(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return strengths[int(compute_losses(strengths, splits, fit)[:, -1].argmin())]


def take_a_lucky_split(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return strengths[int(compute_losses(strengths, splits, fit).min(axis=1).argmin())]


def train_on_everything(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    def measure(s: float) -> float:
        models = [
            fit(np.r_[t.X_train, t.X_validation], np.r_[t.y_train, t.y_validation], s).loss(
                t.X_validation, t.y_validation
            )
            for t in splits
        ]
        return float(np.mean(models))

    return min(strengths, key=measure)


def return_a_position(strengths: list[float], splits: list[Any], fit: Fit) -> int:
    return int(compute_losses(strengths, splits, fit).mean(axis=1).argmin())


def return_a_loss(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    return float(compute_losses(strengths, splits, fit).mean(axis=1).min())


def return_nothing(strengths: list[float], splits: list[Any], fit: Fit) -> None:
    compute_losses(strengths, splits, fit)


def return_the_list(strengths: list[float], splits: list[Any], fit: Fit) -> list[float]:
    compute_losses(strengths, splits, fit)
    return strengths


def return_a_middle(strengths: list[float], splits: list[Any], fit: Fit) -> float:
    compute_losses(strengths, splits, fit)
    return strengths[4]


MISTAKES: list[tuple[Any, str]] = [
    (use_test_labels, "You used test labels"),
    (peek_at_test_labels, "You used test labels"),
    (use_training_loss, "You minimized the training loss: no validation label was read"),
    (use_training_loss_after_all, "You minimized the training loss"),
    (use_one_split, "You used only one split"),
    (use_three_splits, "You used 3 of 8 splits"),
    (return_in_the_loop, "You did not try all strengths: 0.001, 0.01, 0.03, 0.1, 0.5, 10 are missing"),
    (skip_the_last, "You did not try all strengths: 10 is missing"),
    (take_the_largest, "largest validation loss"),
    (overwrite, "Only the last split decided"),
    (take_a_lucky_split, "lowest loss of any single split"),
    (train_on_everything, "You trained on validation points"),
    (return_a_position, "position of the best strength"),
    (return_a_loss, "You returned the lowest loss"),
    (return_nothing, "returned nothing"),
    (return_the_list, "Your function returned list"),
    (return_a_middle, "Strength 0.1 does not have the lowest mean validation loss"),
    (lambda strengths, splits, fit: strengths[1], "Your function trained no model"),
    (lambda strengths, splits, fit: splits[99], "Your function stopped with IndexError"),
    (lambda strengths, splits, fit: splits[0].y_test - splits[0].y_train, "You used test labels"),
    (lambda strengths, splits, fit: fit(splits[0].X_test, np.ones(45), 1.0), "points that no training set has"),
    ("0.01", "Expected the function choose_strength, received str"),
]


def test_mistakes_in_choosing_a_strength() -> None:
    for choose, words in MISTAKES:
        result = check_strength_choice(choose)
        assert not result.correct, choose
        assert words in result.message


def test_the_solution_of_the_code_exercise_is_right() -> None:
    exercise = list_exercises(5)["choose_strength"]
    names: dict[str, Any] = {}
    exec(exercise.solution, names)
    assert exercise.check(names["choose_strength"]).correct
    exec(exercise.stub, names)
    assert not exercise.check(names["choose_strength"]).correct


def test_wrong_ways_lead_to_other_strengths() -> None:
    for seed in SEEDS:
        problem = Problem(seed)
        best = problem.find_best()
        for part in ("training", "test"):
            assert STRENGTHS[int(problem.compute_losses(part).mean(axis=1).argmin())] != best, (seed, part)
        assert problem.compute_losses("validation").shape == (len(STRENGTHS), SPLITS)
