"""Logistic regression on two moons."""

from typing import Annotated

import numpy as np

from pellucid.optional_packages import require_packages
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment


@experiment(
    "logistic",
    "One straight line between two moons",
    r"p(y = 1 \mid x) = \sigma(w \cdot x + b) = \frac{1}{1 + e^{-(w \cdot x + b)}}",
    r"\min_{w, b} \; \frac{1}{2} {\lVert w \rVert}^2 - C \sum_n \log \, p(y_n \mid x_n)",
    chapters=(3,),
)
def logistic(
    run: RunContext,
    *,
    points: Annotated[int, Range(20), "training points"] = 200,
    noise: Annotated[float, Range(0), "standard deviation of the noise"] = 0.2,
    folds: Annotated[int, Range(2, 10), "folds of the cross-validation that selects C"] = 5,
) -> ExperimentResult:
    """A logistic regression has a straight line as its decision boundary. The two moons interlock. How many points can
    one line separate?
    """
    with require_packages("The experiment logistic"):
        from sklearn.linear_model import LogisticRegressionCV

    from pellucid.course.networks.moons import MOONS
    from pellucid.data import moons
    from pellucid.show.plots.plots import decision_boundary
    from pellucid.tracking.comparison import describe_better_classifier

    X, y = moons(points, noise=noise, seed=run.seed)
    X_new, y_new = moons(2000, noise=noise, seed=run.seed + 1)
    with run.clock("training"):
        classifier = LogisticRegressionCV(
            cv=folds, l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False
        ).fit(X, y)
    accuracy = float(classifier.score(X, y))
    held_out = float(classifier.score(X_new, y_new))
    majority_right = y_new == np.bincount(y).argmax()
    majority_accuracy = float(majority_right.mean())
    wrong = int((classifier.predict(X) != y).sum())
    run.save_figure(
        "boundary",
        "Decision boundary of the logistic regression",
        decision_boundary(classifier.predict_proba, X, y, class_names=MOONS),
        reading="Two interlocking moons of points, and the straight line where both classes have probability 1/2. "
        f"{describe_errors(wrong, points)}",
    )
    return ExperimentResult(
        Score("held-out accuracy", held_out),
        baseline=Score("majority class", majority_accuracy),
        measures={
            "training_accuracy": accuracy,
            "held_out_accuracy": held_out,
            "majority_accuracy": majority_accuracy,
            "weights": classifier.coef_[0],
            "bias": classifier.intercept_[0],
            "C": classifier.C_,
        },
        lines=[
            f"training accuracy {accuracy:.3f} on {points} points",
            f"held-out accuracy {held_out:.3f} on {len(y_new)} points",
            f"the line: {classifier.coef_[0, 0]:.3f} x₁ + {classifier.coef_[0, 1]:.3f} x₂ + "
            f"{classifier.intercept_[0]:.3f} = 0, with C = {classifier.C_:.3g}".replace("+ -", "- "),
        ],
        findings=[
            describe_errors(wrong, points),
            describe_better_classifier(
                "the line", classifier.predict(X_new) == y_new, "the majority class", majority_right, "held-out points"
            ),
        ],
    )


def describe_errors(wrong: int, points: int) -> str:
    """Return how many training points are on the wrong side of the line.

    >>> describe_errors(30, 200)
    '30 of the 200 training points are on the wrong side of the line.'
    """
    if wrong == 0:
        return f"The line separates all {points:,} training points."
    verb = "is" if wrong == 1 else "are"
    return f"{wrong:,} of the {points:,} training points {verb} on the wrong side of the line."
