"""Checker of the exercise on regularization strengths: it records which points and labels a function uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.course.checker import CheckResult
from pellucid.typing import Array

STRENGTHS = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 0.5, 10.0)
SPLITS = 8
SEEDS = (80, 149)
"""Seeds of two problems with different best strengths, found by search: each mistake gives a wrong strength on one."""


@dataclass
class Usage:
    """What a learner's function did with one problem."""

    labels_read: set[tuple[str, int]] = field(default_factory=set)
    fits: list[tuple[float, Array]] = field(default_factory=list)


class Split:
    """Training, validation and test points of one random split. Reading labels is recorded."""

    def __init__(self, parts: dict[str, tuple[Array, Array]], number: int, usage: Usage) -> None:
        self._parts, self._number, self._usage = parts, number, usage

    def _get_labels(self, part: str) -> Array:
        self._usage.labels_read.add((part, self._number))
        return self._parts[part][1].copy()

    @property
    def X_train(self) -> Array:
        """Inputs to train on."""
        return self._parts["training"][0].copy()

    @property
    def y_train(self) -> Array:
        """Targets to train on."""
        return self._get_labels("training")

    @property
    def X_validation(self) -> Array:
        """Inputs that training does not use."""
        return self._parts["validation"][0].copy()

    @property
    def y_validation(self) -> Array:
        """Targets that training does not use."""
        return self._get_labels("validation")

    @property
    def X_test(self) -> Array:
        """Inputs of the final test."""
        return self._parts["test"][0].copy()

    @property
    def y_test(self) -> Array:
        """Targets of the final test."""
        return self._get_labels("test")


class Polynomial:
    r"""Polynomial of degree 11 with a penalty on its coefficients, :math:`\frac{1}{n} |A w - y|^2 + \lambda |w|^2`."""

    def __init__(self, X: Array, y: Array, strength: float) -> None:
        A = expand_powers(X)
        penalty = strength * np.eye(A.shape[1])
        penalty[0, 0] = 0  # the bias is not penalized
        self.coefficients = np.linalg.solve(A.T @ A / len(A) + penalty + 1e-12 * np.eye(len(penalty)), A.T @ y / len(A))

    def predict(self, X: Array) -> Array:
        """Return the outputs."""
        predicted: Array = expand_powers(X) @ self.coefficients
        return predicted

    def loss(self, X: Array, y: Array) -> float:
        """Return the mean squared error."""
        return float(((self.predict(X) - np.asarray(y)) ** 2).mean())


def expand_powers(X: Array) -> Array:
    return np.asarray(X, dtype=float)[:, np.newaxis] ** np.arange(12)


class Problem:
    """Noisy samples of a sine curve, several random splits of them, and test points."""

    usage: Usage

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, 75)
        y = np.sin(3 * X) + rng.normal(0, 0.3, len(X))
        test = X[30:], y[30:]
        self.usage, self.splits = Usage(), []
        for number in range(SPLITS):
            order = rng.permutation(30)
            parts = {"training": order[:18], "validation": order[18:]}
            named = {name: (X[rows], y[rows]) for name, rows in parts.items()} | {"test": test}
            self.splits.append(Split(named, number, self.usage))
        self.named_parts = [split._parts for split in self.splits]

    def fit(self, X: Array, y: Array, strength: float) -> Polynomial:
        """Train a model, and record on which labels and with which strength."""
        self.usage.fits.append((float(strength), np.array(y, dtype=float)))
        return Polynomial(np.asarray(X), np.asarray(y), float(strength))

    def compute_losses(self, part: str) -> Array:
        """Return the loss on a part for each strength and split, shape (strengths, splits)."""
        return np.array(
            [
                [Polynomial(*parts["training"], strength).loss(*parts[part]) for parts in self.named_parts]
                for strength in STRENGTHS
            ]
        )

    def find_best(self) -> float:
        """Return the strength with the lowest mean validation loss."""
        return STRENGTHS[int(self.compute_losses("validation").mean(axis=1).argmin())]


def check_strength_choice(answer: object) -> CheckResult:
    """Check a function ``choose_strength(strengths, splits, fit)``."""
    if not callable(answer):
        return CheckResult(False, f"Expected the function choose_strength, received {type(answer).__name__}.")
    for seed in SEEDS:
        problem = Problem(seed)
        try:
            chosen = answer(list(STRENGTHS), list(problem.splits), problem.fit)
        except Exception as error:
            stopped = CheckResult(False, f"Your function stopped with {type(error).__name__}: {error}")
            used_test_labels = find_test_label_use(problem)
            return stopped if used_test_labels is None else used_test_labels
        for wrong in (find_misuse(problem), find_wrong_choice(problem, chosen)):
            if wrong is not None:  # the truth value of a result is whether the answer is right
                return wrong
    return CheckResult(
        True,
        "Right. Each strength was judged by its mean loss on validation points of all splits, and the test labels "
        "stayed unread. They can now say how good the chosen strength is.",
    )


def find_test_label_use(problem: Problem) -> CheckResult | None:
    """Return a result if a function read test labels."""
    if any(part == "test" for part, _ in problem.usage.labels_read):
        return CheckResult(
            False,
            "You used test labels: your function read y_test. A strength that test labels chose looks better on them "
            "than on new points, and then nothing is left that could measure it.",
            ("Which part of a split is there to choose settings?", "Compare the losses on X_validation, y_validation."),
        )
    return None


def find_misuse(problem: Problem) -> CheckResult | None:
    """Return what is wrong about the data that a function used."""
    fits = problem.usage.fits
    used_test_labels = find_test_label_use(problem)
    if used_test_labels is not None:
        return used_test_labels
    if not fits:
        return CheckResult(
            False,
            "Your function trained no model. Call fit(X, y, strength) for each strength and each split.",
            ("The losses of trained models decide, not the strengths themselves.",),
        )
    held_out = [parts["validation"][1] for parts in problem.named_parts]
    training = [set(parts["training"][1]) for parts in problem.named_parts]
    if any(not any(set(labels) <= known for known in training) for _, labels in fits):
        known = any(np.isin(labels, np.concatenate(held_out)).any() for _, labels in fits)
        cause = "You trained on validation points" if known else "You trained on points that no training set has"
        return CheckResult(
            False,
            f"{cause}. A model that has seen the validation labels is judged on its own examples; small strengths win.",
            ("Call fit with X_train and y_train of one split.",),
        )
    return find_unused(problem)


def find_unused(problem: Problem) -> CheckResult | None:
    """Return which strengths, validation points or splits a function did not use."""
    tried = {strength for strength, _ in problem.usage.fits}
    missing = [f"{strength:g}" for strength in STRENGTHS if strength not in tried]
    if missing:
        return CheckResult(
            False,
            f"You did not try all strengths: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.",
            ("Loop over all of `strengths`. A return inside the loop ends it early.",),
        )
    validated = {number for part, number in problem.usage.labels_read if part == "validation"}
    if not validated:
        return CheckResult(
            False,
            "You minimized the training loss: no validation label was read. The smallest strength always has the "
            "lowest training loss, because the penalty only hinders the fit.",
            ("Train on the training points, and compare losses on points that training did not use.",),
        )
    if len(validated) == 1:
        return CheckResult(
            False,
            "You used only one split. Its few validation points favor a strength by chance; another split favors "
            "another one.",
            ("Average the validation loss over all splits.",),
        )
    if len(validated) < SPLITS:
        return CheckResult(False, f"You used {len(validated)} of {SPLITS} splits. Average over all of them.")
    return None


def find_wrong_choice(problem: Problem, chosen: Any) -> CheckResult | None:
    """Return what is wrong about the returned value."""
    if chosen is None:
        return CheckResult(False, "Your function returned nothing. End it with `return` and the strength.")
    try:
        value = float(chosen)
    except (TypeError, ValueError):
        return CheckResult(
            False, f"Expected one of the strengths, a number. Your function returned {type(chosen).__name__}."
        )
    best = problem.find_best()
    if value == best:
        return None
    validation = problem.compute_losses("validation")
    return CheckResult(False, explain_choice(problem, value, validation), list_choice_hints(validation, value))


def explain_choice(problem: Problem, value: float, validation: Array) -> str:
    """Return how a wrong value may have come about."""
    mean = validation.mean(axis=1)
    if value not in STRENGTHS:
        if value == int(mean.argmin()):
            return "You returned the position of the best strength in the list. Return the strength itself."
        if np.isclose(value, mean.min()) or np.isclose(value, mean.min() * SPLITS):
            return "You returned the lowest loss. Return the strength that has it."
        return f"Your function returned {value:g}, which is none of the strengths in the list."
    if value == STRENGTHS[int(mean.argmax())]:
        return "You took the strength with the largest validation loss. A loss measures errors: the lowest is best."
    if value == STRENGTHS[int(problem.compute_losses("training").mean(axis=1).argmin())]:
        return (
            "You minimized the training loss. The smallest strength always has the lowest training loss, because the "
            "penalty only hinders the fit. Compare the losses on the validation points."
        )
    if value == STRENGTHS[int(validation[:, -1].argmin())]:
        return (
            "Only the last split decided. The loss of each split seems to replace the loss of the split before; "
            "add them up for each strength."
        )
    if value == STRENGTHS[int(np.unravel_index(validation.argmin(), validation.shape)[0])]:
        return (
            "You took the lowest loss of any single split. One lucky split decides then. Average over the splits "
            "first, and take the minimum of the means."
        )
    return f"Strength {value:g} does not have the lowest mean validation loss over all splits."


def list_choice_hints(validation: Array, value: float) -> tuple[str, ...]:
    """Return hints; the last one has the mean losses."""
    hints = ["For each strength, collect one validation loss per split, and average them."]
    if value in STRENGTHS:
        mean = validation.mean(axis=1)
        hints.append(
            f"The mean validation loss at your strength is {mean[STRENGTHS.index(value)]:.3f}; the lowest is "
            f"{mean.min():.3f}."
        )
    return tuple(hints)
