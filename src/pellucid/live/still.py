"""Still pictures of a figure, for places where no script runs: the trained network, drawn in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.expr import Input, Shared
from pellucid.live.views.decision_boundary import DecisionBoundary
from pellucid.live.views.loss_surface import LossSurface
from pellucid.run.function import Function
from pellucid.show.plots.picture import Picture
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.live.interactive_figure import Figure


CURVE_POINTS = 200
"""Number of losses in the picture of a training."""


def draw_still_pictures(figure: Figure) -> list[Picture]:
    """Train with the initial values of the controls, on copies of the variables, and draw the result."""
    from pellucid.show.plots.plots import decision_boundary, learning_curves

    train = figure.train
    if train is None or figure.steps is None:
        values = {c.input: np.asarray(c.initial_value, c.input.dtype) for c in figure.controls if c.input is not None}
        return [picture for view in figure.views if (picture := view.draw_still(values)) is not None]
    copies = copy_variables(train)
    losses = run_training(figure, train.copy(swap=copies))
    pictures = []
    features, targets = figure.data.features, figure.data.targets
    boundary = next((v for v in figure.views if isinstance(v, DecisionBoundary)), None)
    if boundary is not None and features is not None and targets is not None and targets.dtype.kind in "iub":
        predict = copy_with_values(boundary.predict, copies)
        X, y = select_present(figure, features), select_present(figure, targets)
        correct = float((classify(predict(X)) == y).mean())
        text = f"Decision boundary after {figure.steps:,} steps: {correct:.1%} of {len(y):,} points are on their side."
        pictures.append(Picture(decision_boundary(predict, X, y, boundary.title), text, boundary.title))
    surface = next((v for v in figure.views if isinstance(v, LossSurface)), None)
    if surface is not None:
        pictures.append(surface.draw_descent(train, figure.steps, list_values(figure, train)))
    kept = np.unique(np.linspace(0, len(losses) - 1, CURVE_POINTS).astype(int))
    text = f"Training loss: {losses[0]:.4g} at the first step, {losses[-1]:.4g} at step {len(losses):,}."
    pictures.append(Picture(learning_curves({"training loss": losses[kept]}), text, "training loss"))
    return pictures


def select_present(figure: Figure, i: Input) -> Array:
    """Return the values of an input without free places for data points."""
    values, weights = figure.data.values, figure.data.weights
    return values[i] if weights is None else values[i][values[weights] > 0]


def copy_variables(train: Function) -> dict[Shared, Shared]:
    return {s: Shared(s.get_value(), s.name) for s in train.program.updates}


def run_training(figure: Figure, train: Function) -> Array:
    """Return the loss of every step."""
    assert figure.steps is not None
    values = list_values(figure, train)
    if figure.data.batches is None:
        outputs = train.repeat(figure.steps, *(values[i] for i in train.program.inputs))
    else:
        steps = np.arange(figure.steps)
        batches = {i: v[steps % figure.data.batches] for i, v in figure.data.values.items()}
        repeated = {i: np.repeat(np.asarray(v)[None], figure.steps, axis=0) for i, v in values.items()}
        outputs = train.over(*({**repeated, **batches}[i] for i in train.program.inputs))
    return np.asarray(outputs[0] if isinstance(outputs, list) else outputs)


def list_values(figure: Figure, train: Function) -> dict[Input, Array]:
    """Return the values of all inputs: data, and the initial values of the controls."""
    values: dict[Input, Array] = {**train.defaults, **figure.data.values}
    values |= {c.input: np.asarray(c.initial_value, c.input.dtype) for c in figure.controls if c.input is not None}
    return values


def copy_with_values(f: Function, copies: dict[Shared, Shared]) -> Function:
    used = {*f.program.updates, *f.program.read}
    return f.copy(swap={old: new for old, new in copies.items() if old in used}) if used & set(copies) else f


def classify(predictions: Array) -> Array:
    """Return classes from classes, from probabilities of class 1, or from one score per class."""
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return np.asarray(predictions.argmax(axis=1))
    flat = predictions.reshape(len(predictions))
    return flat.astype(int) if flat.dtype.kind in "iub" else (flat > 0.5).astype(int)
