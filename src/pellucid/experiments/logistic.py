"""Logistic regression on two moons: how far one straight line goes."""

from typing import Annotated

import numpy as np

from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment


@experiment(
    "logistic",
    "One straight line between two moons",
    r"p(y = 1 \mid x) = \sigma(w \cdot x + b) = \frac{1}{1 + e^{-(w \cdot x + b)}}",
    r"\min_{w, b} \; \frac{1}{2} {\lVert w \rVert}^2 - C \sum_n \log \, p(y_n \mid x_n)",
)
def logistic(
    run: Run,
    *,
    points: Annotated[int, Range(20), "points to learn from"] = 200,
    noise: Annotated[float, Range(0), "how far points stray from their moon"] = 0.2,
    folds: Annotated[int, Range(2, 10), "parts of the cross-validation that chooses C"] = 5,
) -> Outcome:
    """A logistic regression weighs two coordinates and can only draw a straight line through the plane.
    The moons are bent into each other, so it stays wrong on their tips: what a hidden layer is for.
    """
    from sklearn.linear_model import LogisticRegressionCV

    from pellucid.data import moons
    from pellucid.show.plots import decision_boundary

    X, y = moons(points, noise=noise, seed=run.seed)
    X_new, y_new = moons(2000, noise=noise, seed=run.seed + 1)
    with run.clock("training"):
        classifier = LogisticRegressionCV(
            cv=folds, l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False
        ).fit(X, y)
    accuracy = float(classifier.score(X, y))
    held_out = float(classifier.score(X_new, y_new))
    larger_class = float(np.bincount(y_new).max() / len(y_new))
    run.figure(
        "boundary",
        "The best straight line",
        decision_boundary(classifier.predict_proba, X, y),
        reading="Two moons of points, bent into each other, and the straight line where the regression is undecided. "
        "The tip of each moon lies on the other's side of the line; no straight line could put both right.",
    )
    return Outcome(
        Score("held-out accuracy", held_out),
        baseline=Score("always the larger class", larger_class),
        measures={
            "training_accuracy": accuracy,
            "held_out_accuracy": held_out,
            "larger_class": larger_class,
            "weights": classifier.coef_[0],
            "bias": classifier.intercept_[0],
            "C": classifier.C_,
        },
        lines=[
            f"training accuracy {accuracy:.3f} on {points} points",
            f"held-out accuracy {held_out:.3f} on {len(y_new)} others",
            f"the line: {classifier.coef_[0, 0]:.3f} x + {classifier.coef_[0, 1]:.3f} y + "
            f"{classifier.intercept_[0]:.3f} = 0, with C = {classifier.C_:.3g}",
        ],
    )
