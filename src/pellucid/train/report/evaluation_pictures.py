"""Pictures of an evaluation: learning curves, confusion matrix, calibration, predicted values and residuals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.tracking.context import RunContext
from pellucid.train.evaluate.decision import Decision
from pellucid.train.evaluate.metrics import are_probabilities, group_by_confidence
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.train.prepare.prepared_run import PreparedRun
    from pellucid.training.callbacks.history import History

MAXIMUM_POINTS = 20_000
"""Number of test samples in pictures of data that are larger than memory."""


def draw_pictures(
    run: RunContext, prepared: "PreparedRun", outputs: Array, decision: Decision, history: "History"
) -> None:
    """Save the pictures of a run; ``outputs`` are those of the test samples."""
    from pellucid.inspect.pictures import learning_curves

    curves = truncate_at_nonfinite(history.history)
    for name in ("loss", "accuracy"):
        if name in curves:
            picture = learning_curves(curves, name)
            run.save_figure(name, f"Training and validation {name}", picture.figure, reading=picture.reading)
    if prepared.dataset.class_names:
        draw_confusion(run, prepared, decision.choose_classes(outputs))
        draw_calibration(run, prepared, outputs, decision)
    else:
        draw_errors(run, prepared, outputs)


def draw_confusion(run: RunContext, prepared: "PreparedRun", predicted: Array) -> None:
    """Save the confusion matrix, for images with those of the most frequent error."""
    from pellucid.show.plots.alt_text import describe_confusion
    from pellucid.show.plots.prediction_plots import (
        MAX_IMAGES,
        confusion_matrix,
        count_confusions,
        find_most_frequent_error,
    )
    from pellucid.train.fit.networks import is_image

    names, truth = prepared.dataset.class_names, prepared.get_targets("test")
    counts = count_confusions(truth, predicted, len(names))
    cell = images = None
    if is_image(prepared.x.shape[1:]):
        cell = find_most_frequent_error(counts)
    if cell is not None:
        images = prepared.get_inputs("test")[np.flatnonzero((truth == cell[0]) & (predicted == cell[1]))[:MAX_IMAGES]]
    figure = confusion_matrix(counts, names, images=images, cell=cell)
    reading = describe_confusion(counts, names)
    run.save_figure("confusion", "Confusion matrix of the test set", figure, reading=reading)


def draw_calibration(run: RunContext, prepared: "PreparedRun", outputs: Array, decision: Decision) -> None:
    """Save the reliability curve, if the outputs are probabilities."""
    from pellucid.show.plots.calibration_plot import describe_calibration, reliability_curve

    if not are_probabilities(outputs):
        return
    names, truth = prepared.dataset.class_names, prepared.get_targets("test")
    bins = group_by_confidence(truth, outputs, decision.positive)
    subject = "" if decision.positive is None else names[decision.positive]
    reading = describe_calibration(*bins, subject)
    run.save_figure("calibration", "Calibration on the test set", reliability_curve(*bins, subject), reading=reading)


def draw_errors(run: RunContext, prepared: "PreparedRun", outputs: Array) -> None:
    """Save predicted over true values, and residuals over predicted values."""
    from pellucid.show.plots.prediction_plots import (
        describe_prediction_errors,
        describe_residuals,
        prediction_errors,
        residuals,
    )

    dataset = prepared.dataset
    truth, shown = prepared.get_targets("test"), "the test set"
    if prepared.arranged is not None and len(truth) > MAXIMUM_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(len(truth), MAXIMUM_POINTS, replace=False, shuffle=False))
        shown = f"a random sample of {MAXIMUM_POINTS:,} of {len(truth):,} test samples"
        truth, outputs = truth[rows], outputs[rows]
    errors = np.array(truth), outputs, dataset.target_names
    caption = f"Predicted and true values of {shown}"
    run.save_figure("predictions", caption, prediction_errors(*errors), reading=describe_prediction_errors(*errors))
    run.save_figure("residuals", f"Residuals of {shown}", residuals(*errors), reading=describe_residuals(*errors))


def truncate_at_nonfinite(curves: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Return curves up to the first epoch with a loss of nan or infinity.

    Examples
    --------
    >>> truncate_at_nonfinite({"loss": [2.0, 1.0, float("inf")], "val_loss": [2.0, 3.0, 4.0]})
    {'loss': [2.0, 1.0], 'val_loss': [2.0, 3.0]}
    """
    finite: Array = np.isfinite(np.array([curves["loss"], curves["val_loss"]])).all(axis=0)
    end = len(finite) if finite.all() else int(finite.argmin())
    return {name: values[:end] for name, values in curves.items()}
