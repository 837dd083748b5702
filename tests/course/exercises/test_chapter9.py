"""Exercises of chapter 9: right answers pass, wrong answers get their mistake named."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid import nn
from pellucid.course.exercise_data import draw_customers, draw_digits, load_mislabeled_digits, load_patients
from pellucid.course.exercises.planted_faults import compute_probabilities, fit_logistic

WRONG_ROWS = [80, 129, 168, 193, 199]

RIGHT = [
    ("balanced", "(TP / (TP + FN) + TN / (TN + FP)) / 2"),
    ("balanced", "1 - 0.5 * (FN / (TP + FN) + FP / (FP + TN))"),
    ("centered", "X_test - mean(X_train, axis=0)"),
    ("centered", "X_test - sum(X_train, axis=0) / 6"),
    ("leak", "bed"),
    ("wrong_labels", WRONG_ROWS),
    ("wrong_labels", np.array(WRONG_ROWS)[::-1]),
    ("wrong_labels", {*WRONG_ROWS}),
    ("wrong_labels", np.isin(np.arange(200), WRONG_ROWS)),
]
WRONG = [
    ("balanced", "(TP / (TP + FP) + TN / (TN + FN)) / 2", "`FP` stands where `FN` belongs"),
    ("balanced", "TP / (TP + FN) + TN / (TN + FP)", "The factor `1/2` is missing"),
    ("balanced", "TP / (TP + FN) / 2", "balanced accuracy: The term `TN / (TN + FP)` is missing"),
    ("balanced", "(TP + TN) / (TP + TN + FP + FN)", "The factor `TP + FN` is missing"),
    ("centered", "X_test - mean(X_test, axis=0)", "`X_test` stands where `X_train` belongs"),
    ("centered", "X_train - mean(X_train, axis=0)", "`X_train` stands where `X_test` belongs"),
    ("centered", "X_test - mean(X_train)", "axis 0"),
    ("leak", "temperature", "before the diagnosis"),
    ("leak", "pulse", "before the diagnosis"),
    ("leak", "age", "no leak"),
    ("leak", "pressure", "nothing to do with this illness"),
    ("leak", "ill", "the target itself"),
    ("leak", "room", "no column 'room'. Its columns: age, temperature"),
    ("leak", 4, "as a string, received int"),
    (
        "wrong_labels",
        [129, 152, 193, 28, 199],
        "You found 3 of 5. Image 28 is right after all: its label is 8, and it sh",
    ),
    (
        "wrong_labels",
        [129, 152, 193, 28, 199],
        "Image 152 is right after all: its label is 8, and it shows an 8. It is d",
    ),
    ("wrong_labels", WRONG_ROWS[:4], "You found 4 of 5."),
    ("wrong_labels", [*WRONG_ROWS, 17], "You found 5 of 5. Image 17 is right after all"),
    ("wrong_labels", range(200), "193 further images"),
    ("wrong_labels", [], "no image. 5 labels are wrong"),
    ("wrong_labels", [200], "There is no image 200: they are numbered from 0 to 199"),
    ("wrong_labels", [-1], "There is no image -1"),
    ("wrong_labels", [80.5], "whole numbers"),
    ("wrong_labels", np.zeros(5, dtype=bool), "a mask of shape (200,), received shape (5,)"),
    ("wrong_labels", "80", "Received str"),
    ("wrong_labels", 80, "Received int"),
]


@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"9.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


def find_majority(labels: Any) -> Any:
    classes, counts = np.unique(labels, return_counts=True)
    return classes[counts.argmax()]


BASELINES: list[tuple[Any, str]] = [
    (lambda train, test: np.mean(test == find_majority(train)), "Right."),
    (lambda train, test: np.mean(test == find_majority(test)), "You used test labels"),
    (lambda train, test: np.mean(train == find_majority(train)), "the accuracy on the training labels"),
    (lambda train, test: np.sum(test == find_majority(train)), "That is a count"),
    (lambda train, test: 100 * np.mean(test == find_majority(train)), "That is a percentage"),
    (lambda train, test: np.mean(test != find_majority(train)), "That is the error rate"),
    (lambda train, test: 1 / len(np.unique(train)), "guessing"),
    (lambda train, test: find_majority(train), "Your function returned 0 for training labels"),
    (lambda train, test: "cat" if train[0] == "dog" else 0.6, "You returned the most frequent class"),
    (lambda train, test: None, "Your function returned None"),
    (lambda train, test: train[99], "Your function stopped with IndexError"),
    (lambda train, test: ..., "not answered yet"),
    (0.6, "Expected the function measure_baseline, received float"),
]


def test_baselines() -> None:
    for answer, words in BASELINES:
        result = pel.course.check("9.measure_baseline", answer)
        assert result.correct == (words == "Right."), words
        assert words in result.message


def test_one_column_alone_predicts_the_target_without_correlating() -> None:
    patients = load_patients()
    ill = patients["ill"] == 1
    assert not set(patients["bed"][ill]) & set(patients["bed"][~ill])
    assert abs(np.corrcoef(patients["bed"], ill)[0, 1]) < 0.1
    for name in ("age", "temperature", "pulse", "pressure"):
        assert set(patients[name][ill]) & set(patients[name][~ill])


def test_wrong_labels_are_those_with_the_largest_cross_validated_losses_only() -> None:
    images, labels = load_mislabeled_digits()
    _, digits, wrong = draw_digits()
    assert np.flatnonzero(wrong).tolist() == WRONG_ROWS == np.flatnonzero(labels != digits).tolist()
    probabilities = compute_probabilities()
    assert probabilities[wrong].max() < 0.7 * probabilities[~wrong].min()
    X, y = images.reshape(200, -1), labels == 8
    p = fit_logistic(X, y, strength=0.0, steps=400, rate=0.1)(X)
    assert set(np.argsort(np.where(y, p, 1 - p))[:5]) != set(WRONG_ROWS)


def test_the_lab_of_the_chapter_needs_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr("pellucid.run.wasm.module.compile_module", refuse)
    monkeypatch.setattr("pellucid.run.wasm.module_store.load_cached", lambda path: None)
    monkeypatch.chdir(tmp_path)
    customers = draw_customers()
    lines = [",".join(customers), *(",".join(map(str, row)) for row in zip(*customers.values(), strict=True))]
    Path("customers.csv").write_text("\n".join(lines))
    draw = nn.initializers.GlorotUniform(seed=0)
    model = pel.Sequential(
        [
            nn.Input((2,)),
            nn.Dense(4, "tanh", kernel_initializer=draw, name="hidden"),
            nn.Dense(2, "softmax", kernel_initializer=draw, name="output"),
        ]
    )
    for parameter in model.parameters:  # as after training
        parameter.set_value(parameter.get_value() + 1)
    lab = pel.lab(model, "customers.csv", target="cancelled", features=["years", "calls"])
    assert lab.to_spec()["modules"]
    assert lab.rows.class_names == ("False", "True")
