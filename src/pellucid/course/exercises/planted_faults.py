"""Checkers of the exercises on data: a baseline, a column that leaks the target, and wrong labels of images."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

from pellucid.course.checker import CheckResult
from pellucid.course.exercise_data import WRONG_LABELS, draw_digits, load_mislabeled_digits, load_patients
from pellucid.typing import Array

BASELINE_LABELS = (
    ([0] * 7 + [1] * 3, [0, 0, 0, 1, 1]),
    (["dog", "cat", "cat", "owl", "cat"], ["owl", "owl", "owl", "cat", "dog", "owl", "cat"]),
)
"""Labels for training and for testing. Their most frequent classes differ in the second pair."""


def check_baseline(answer: object) -> CheckResult:
    """Check a function ``measure_baseline(y_train, y_test)``."""
    if not callable(answer):
        return CheckResult(False, f"Expected the function measure_baseline, received {type(answer).__name__}.")
    for train, test in BASELINE_LABELS:
        try:
            value = answer(np.array(train), np.array(test))
        except Exception as error:
            return CheckResult(False, f"Your function stopped with {type(error).__name__}: {error}")
        if value is ...:
            return CheckResult(False, "measure_baseline is not answered yet: replace `...` by the accuracy.")
        wrong = find_baseline_mistake(np.array(train), np.array(test), value)
        if wrong is not None:
            return wrong
    return CheckResult(
        True,
        "Right. Training labels choose the class, and test labels measure it. A network must beat this number to have "
        "learned anything from its inputs.",
    )


def find_baseline_mistake(train: Array, test: Array, value: Any) -> CheckResult | None:
    """Return what is wrong about the value for some labels."""
    hint = ("Which class is most frequent among the training labels? How often is it the true class of a test label?",)
    classes, counts = np.unique(train, return_counts=True)
    choice = classes[counts.argmax()]
    accuracy = float((test == choice).mean())
    try:
        number = float(value)
    except (TypeError, ValueError):
        if isinstance(value, str) and value == choice:
            return CheckResult(False, "You returned the most frequent class. Return its accuracy on the test labels.")
        return CheckResult(False, f"Expected an accuracy, a number. Your function returned {value!r}.", hint)
    if np.isclose(number, accuracy):
        return None
    test_counts = np.unique(test, return_counts=True)[1]
    mistakes = {
        100 * accuracy: "That is a percentage. An accuracy is a fraction from 0 to 1.",
        1 - accuracy: "That is the error rate. The accuracy is 1 minus that.",
        float((test == choice).sum()): "That is a count. Divide it by the number of test labels.",
        float((train == choice).mean()): "That is the accuracy on the training labels. Training labels choose the "
        "class; measure it on the test labels, as for every other model.",
        test_counts.max() / len(test): "You used test labels: they chose the class. A baseline learns from training "
        "labels only, as every other model.",
        1 / len(classes): "That is the accuracy of guessing all classes equally often. Always answering the most "
        "frequent class is a stronger baseline.",
    }
    for wrong, message in mistakes.items():
        if np.isclose(number, wrong):
            return CheckResult(False, message, hint)
    shown = f"training labels {train.tolist()} and test labels {test.tolist()}"
    return CheckResult(False, f"Your function returned {number:g} for {shown}.", hint)


LEAK = "bed"
REASONS = {
    "age": "The age of a patient is known at admission, and alone says little about the illness. It is no leak.",
    "temperature": "The temperature is the best honest sign: ill patients have fever. But it is measured at admission, "
    "before the diagnosis, and it is often wrong. To be useful is no leak.",
    "pulse": "The pulse is measured at admission, before the diagnosis, and is often wrong. To be useful is no leak.",
    "pressure": "The blood pressure is measured at admission, and has nothing to do with this illness.",
    "ill": "This column is the target itself. Which of the inputs gives it away?",
}
LEAK_HINTS = (
    "Ask of each column: when is it known, before or after the diagnosis?",
    "Try each column alone: how well does it predict the target for patients that were not used? An honest column is "
    "often wrong.",
    "A leak need not be a straight line. Sort the patients by one column, and print `ill` in this order.",
)


def check_leak(answer: object) -> CheckResult:
    """Check the name of the column that leaks."""
    patients = load_patients()
    if not isinstance(answer, str):
        return CheckResult(False, f"Expected the name of a column as a string, received {type(answer).__name__}.")
    name = answer.strip()
    if name == LEAK:
        beds, ill = patients[LEAK], patients["ill"] == 1
        slope = np.corrcoef(beds, ill)[0, 1]
        return CheckResult(
            True,
            f"Right. All ill patients lie in beds {beds[ill].min()} to {beds[ill].max()}, and no other patient does: "
            f"beds are given after the diagnosis. The correlation is only {slope:.2f}, because the ward is in the "
            "middle. Without this column you measure what the network can do for a new patient.",
        )
    if name in REASONS:
        return CheckResult(False, REASONS[name], LEAK_HINTS)
    return CheckResult(False, f"The table has no column {name!r}. Its columns: {', '.join(patients)}.")


LABEL_HINTS = (
    "Train on a part of the images, and compute the loss of each image that training did not use. Do so for all parts.",
    "A model that has trained on an image may have learned its wrong label by heart. Its loss then hides the fault.",
    "Sort the images by their loss, and look at the first ten.",
)


def check_wrong_labels(answer: object) -> CheckResult:
    """Check the numbers of the images whose labels are wrong."""
    _, digits, wrong = draw_digits()
    try:
        found = read_rows(answer, len(digits))
    except ValueError as error:
        return CheckResult(False, str(error))
    hits = [row for row in found if wrong[row]]
    others = [row for row in found if not wrong[row]]
    if len(hits) == WRONG_LABELS and not others:
        return CheckResult(
            True,
            f"Right: all {WRONG_LABELS} wrong labels, and no other. Correct or remove them in the training set. In a "
            "test set they would put a limit on every accuracy.",
        )
    if not found:
        return CheckResult(False, f"Your answer has no image. {WRONG_LABELS} labels are wrong.", LABEL_HINTS)
    parts = [f"You found {len(hits)} of {WRONG_LABELS}."]
    parts += [explain_right_label(row) for row in others[:2]]
    if len(others) > 2:
        parts.append(f"{len(others) - 2} further images of your answer have right labels too.")
    return CheckResult(False, " ".join(parts), LABEL_HINTS)


def read_rows(answer: object, count: int) -> list[int]:
    """Return row numbers in ascending order, from numbers or from a mask."""
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise ValueError(f"Expected the numbers of images, such as [3, 17]. Received {type(answer).__name__}.")
    values = np.asarray(list(answer))
    if values.dtype == bool:
        if values.shape != (count,):
            raise ValueError(f"Expected a mask of shape ({count},), received shape {values.shape}.")
        values = np.flatnonzero(values)
    if values.size and (values.ndim != 1 or not np.issubdtype(values.dtype, np.integer)):
        raise ValueError("Expected whole numbers of images, such as [3, 17].")
    outside = [int(row) for row in values if not 0 <= row < count]
    if outside:
        raise ValueError(f"There is no image {outside[0]}: they are numbered from 0 to {count - 1}.")
    return sorted({int(row) for row in values})


def explain_right_label(row: int) -> str:
    """Return why the label of an image is right, with the probability from models that have not seen the image."""
    label, probability = load_mislabeled_digits()[1][row], compute_probabilities()[row]
    text = f"Image {row} is right after all: its label is {label}, and it shows {'an 8' if label == 8 else 'a 3'}."
    if probability < 0.5:
        return f"{text} It is drawn unusually: models that have not seen it give its label only {probability:.2f}."
    return f"{text} Models that have not seen it give its label {probability:.2f}."


@functools.cache
def compute_probabilities() -> Array:
    """Return the probability of each label by logistic regression, cross-validated with ten parts."""
    images, labels = load_mislabeled_digits()
    X = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), -1)
    y, part = labels == 8, np.arange(len(images)) % 10
    probabilities = np.empty(len(images))
    for k in range(10):
        held_out = part == k
        p = fit_logistic(X[~held_out], y[~held_out])(X[held_out])
        probabilities[held_out] = np.where(y[held_out], p, 1 - p)
    return probabilities


def fit_logistic(X: Array, y: Array, strength: float = 0.01, steps: int = 300, rate: float = 0.5) -> Any:
    """Return the function that predicts probabilities, after gradient descent on cross-entropy and penalty."""
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in range(steps):
        d = (1 / (1 + np.exp(-(X @ w + b))) - y) / len(X)
        w, b = w - rate * (X.T @ d + strength * w), b - rate * d.sum()
    return lambda X: 1 / (1 + np.exp(-(X @ w + b)))
