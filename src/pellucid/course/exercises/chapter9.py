"""Exercises on data and evaluation: honest preprocessing, unbalanced classes, a baseline, a leak, and wrong labels."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise
from pellucid.course.exercises.planted_faults import check_baseline, check_leak, check_wrong_labels

BASELINE = '''\
def measure_baseline(y_train, y_test):
    """Accuracy on the test labels of the most frequent training class."""
'''

LEAK = """\
from pellucid.course.exercise_data import load_patients

patients = load_patients()  # columns by name; "ill" is the target
"""

WRONG_LABELS = """\
from pellucid.course.exercise_data import load_mislabeled_digits

images, labels = load_mislabeled_digits()  # 200 images of 3 and 8
"""


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    TP, FN, FP, TN = (pel.scalar(name, dtype="float64") for name in ("TP", "FN", "FP", "TN"))
    X_train = pel.matrix("X_train", shape=(6, 3), dtype="float64")
    X_test = pel.matrix("X_test", shape=(6, 3), dtype="float64")
    return [
        CodeExercise(
            name="measure_baseline",
            question="Write `measure_baseline(y_train, y_test)`: the accuracy on the test labels of a model that "
            "always answers the most frequent class of the training labels.",
            checker=check_baseline,
            stub=BASELINE + "    return ...\n",
            solution="import numpy as np\n\n\n"
            + BASELINE
            + """\
    classes, counts = np.unique(y_train, return_counts=True)
    return np.mean(y_test == classes[counts.argmax()])
""",
            why="The class is learned, so it comes from the training labels. The accuracy is measured, so it comes "
            "from the test labels.",
        ),
        Exercise(
            name="balanced",
            quantity="balanced accuracy",
            question="Of the images of class 1, `TP` were classified correctly and `FN` were not. Of class 0, `TN` "
            "were classified correctly and `FP` were not. Write the balanced accuracy: the mean of the "
            "recalls of both classes.",
            reference=(TP / (TP + FN) + TN / (TN + FP)) / 2,
            given={"TP": TP, "FN": FN, "FP": FP, "TN": TN},
            solution="(TP / (TP + FN) + TN / (TN + FP)) / 2",
            why="Each class counts the same, however rare it is. A constant prediction reaches one half.",
        ),
        Exercise(
            name="centered",
            quantity="centered test inputs",
            question="A pipeline subtracts the mean of each feature. Write the test inputs that it gives to the "
            "network, without a leak.",
            reference=X_test - X_train.mean(axis=0),
            given={"X_train": X_train, "X_test": X_test},
            solution="X_test - mean(X_train, axis=0)",
            why="The mean is learned from data, so it belongs to the model. With the mean of the test inputs, the "
            "prediction for one example would depend on the others.",
        ),
        CodeExercise(
            name="leak",
            question="`load_patients()` is a table of 400 patients: age, temperature, pulse, blood pressure, bed, and "
            "whether they are ill. A network reads it without a mistake. Which column leaks the target?",
            checker=check_leak,
            stub=LEAK + "leak = ...  # name of the column\n",
            solution="import numpy as np\n"
            + LEAK
            + """\
ill = patients["ill"]


def measure_accuracy(values):
    \"\"\"How often has the patient with the nearest value the same diagnosis?\"\"\"
    distances = np.abs(values[:, np.newaxis] - values) * 1.0
    np.fill_diagonal(distances, np.inf)
    return np.mean(ill[distances.argmin(axis=1)] == ill)


inputs = [name for name in patients if name != "ill"]
leak = max(inputs, key=lambda name: measure_accuracy(patients[name]))
""",
            why="Beds are given after the diagnosis: the ill patients lie together. For a new patient, the network "
            "has no bed to read.",
        ),
        CodeExercise(
            name="wrong_labels",
            question="`load_mislabeled_digits()` has 200 images of the digits 3 and 8. Five labels are wrong. Which "
            "images have them? Answer with their numbers, from 0.",
            checker=check_wrong_labels,
            stub=WRONG_LABELS + "wrong_labels = ...  # numbers of five images\n",
            solution="import numpy as np\n"
            + WRONG_LABELS
            + """\
X = images.reshape(200, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(200, 196)
y = labels == 8
loss = np.empty(200)
for part in range(10):
    held_out = np.arange(200) % 10 == part
    w, b = np.zeros(196), 0.0
    for step in range(300):  # logistic regression with a penalty
        p = 1 / (1 + np.exp(-(X[~held_out] @ w + b)))
        d = (p - y[~held_out]) / len(p)
        w, b = w - 0.5 * (X[~held_out].T @ d + 0.01 * w), b - 0.5 * d.sum()
    p = 1 / (1 + np.exp(-(X[held_out] @ w + b)))
    loss[held_out] = -np.log(np.where(y[held_out], p, 1 - p))
wrong_labels = np.argsort(loss)[-5:]
""",
            why="A model that has not seen an image is surprised by a wrong label: its loss is large. Then look, "
            "because an unusual drawing has a large loss, too.",
        ),
    ]
