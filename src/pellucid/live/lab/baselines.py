"""Baselines of the lab as expressions of the data and the split, so that the page computes them for every split."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.concatenate import concatenate
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.softmax import softmax
from pellucid.live.lab.division import Division
from pellucid.live.lab.inputs import LabInputs
from pellucid.live.lab.training_step import average

ITERATIONS = 500
RIDGE = 1e-6
"""Added to variances in linear regression, so that columns without variance, or equal ones, have a solution."""


def score_baselines(inputs: LabInputs, division: Division) -> dict[str, list[Expr]]:
    """Return, for each baseline, the mean scores of the training rows and of the held-out rows."""
    z = (inputs.noisy_X - inputs.mean) / inputs.scale
    training, _ = division.weights
    if inputs.classes:
        scores = {
            "most frequent class": predict_most_frequent_class(inputs, training),
            "logistic regression": fit_logistic_regression(inputs, z, training).argmax(axis=1),
        }
        rows = {name: cast(predicted == inputs.y, inputs.X.dtype) for name, predicted in scores.items()}
    else:
        predictions = {
            "mean": average(inputs.y, training),
            "linear regression": fit_linear_regression(inputs, z, training),
        }
        rows = {name: abs(predicted - inputs.y) for name, predicted in predictions.items()}
    return {name: [average(row, weights) for weights in division.weights] for name, row in rows.items()}


def predict_most_frequent_class(inputs: LabInputs, weights: Expr) -> Expr:
    return (weights[:, None] * one_hot(inputs)).sum(axis=0).argmax()


def one_hot(inputs: LabInputs) -> Expr:
    labels = constant(np.arange(inputs.classes, dtype=np.int32))
    result: Expr = cast(inputs.y[:, None] == labels, inputs.X.dtype)
    return result


def fit_logistic_regression(inputs: LabInputs, z: Expr, weights: Expr) -> Expr:
    r"""Return scores of the classes, with the loss of scikit-learn's default: :math:`\sum L_i + \|W\|^2 / 2`.

    Gradient descent with Nesterov's momentum. The curvature is at most half the mean of :math:`|z|^2 + 1`, plus that of
    the penalty.
    """
    dtype, count = inputs.X.dtype, weights.sum()
    features = concatenate([z, inputs.present[:, None]], axis=1)
    truth = one_hot(inputs)
    penalty = constant(np.array([[1.0], [1.0], [0.0]], dtype)) / count  # not of the biases
    curvature = 0.5 * average((features**2).sum(axis=1), weights) + 1 / count
    ratio = (1 / (count * curvature)) ** 0.5
    momentum = (1 - ratio) / (1 + ratio)

    def step(theta: Expr, previous: Expr) -> list[Expr]:
        ahead = theta + momentum * (theta - previous)
        errors = weights[:, None] * (softmax(features @ ahead) - truth)
        gradient = features.T @ errors / count + penalty * ahead
        return [ahead - gradient / curvature, theta]

    start = constant(np.zeros((3, inputs.classes), dtype))
    states: Any = scan(step, init=[start, start], length=ITERATIONS)
    result: Expr = features @ states[0][-1]
    return result


def fit_linear_regression(inputs: LabInputs, z: Expr, weights: Expr) -> Expr:
    """Return the predictions of least squares: on one centered feature, and on the rest of the other."""
    a, b = (z[:, k] - average(z[:, k], weights) for k in range(2))
    center = average(inputs.y, weights)
    y = (inputs.y - center) / inputs.target_scale
    rest = b - regress(b, a, weights) * a  # orthogonal to a
    return center + inputs.target_scale * (regress(y, a, weights) * a + regress(y, rest, weights) * rest)


def regress(y: Expr, x: Expr, weights: Expr) -> Expr:
    """Return the slope of centered numbers."""
    return average(x * y, weights) / (average(x * x, weights) + RIDGE)
