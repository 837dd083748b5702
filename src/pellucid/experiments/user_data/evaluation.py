"""Evaluation of a trained network on the test set: metrics, baselines and pictures."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.experiments.runner.context import RunContext
from pellucid.experiments.runner.result import ExperimentResult, Score, pluralize
from pellucid.optional_packages import require_packages
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.experiments.user_data.pipeline import PreparedRun
    from pellucid.model.interfaces import ModelLike
    from pellucid.training.callbacks.history import History

MAXIMUM_LINEAR_INPUTS = 2_000_000
"""The linear baseline is skipped if the training set has more numbers."""

METRIC_NAMES = {"mae": "mean absolute error", "rmse": "root mean squared error", "r2": "R²"}

Metrics = Mapping[str, float]


def evaluate(run: RunContext, prepared: "PreparedRun", model: "ModelLike", history: "History") -> ExperimentResult:
    """Evaluate a trained network, which predicts in the units of the targets, on the test set."""
    dataset, rows = prepared.dataset, prepared.parts["test"]
    predictions = model.predict(prepared.x[rows])
    metrics = compute_metrics(dataset.task, predictions, dataset.targets[rows])
    baselines = compute_baselines(prepared)
    losses = history.history["val_loss"]
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    name = "accuracy" if dataset.class_names else "mae"
    label = METRIC_NAMES.get(name, name)
    best_baseline = (min if name == "mae" else max)(baselines, key=lambda baseline: baselines[baseline][name])
    run.timings |= {**prepared.timings, "epochs": sum(history.seconds)}
    return ExperimentResult(
        Score(f"test {label}", metrics[name]),
        baseline=Score(best_baseline, baselines[best_baseline][name]),
        measures={
            "task": dataset.task,
            "classes": dataset.class_names,
            "samples": {part: len(indices) for part, indices in prepared.parts.items()},
            "checksum": dataset.checksum,
            "model": prepared.name,
            "weights": prepared.weights,
            "epochs": len(history.epoch),
            "best_epoch": history.epoch[best] + 1,
            "best_validation_loss": losses[best],
            "test": metrics,
            "baselines": baselines,
        },
        lines=[
            f"on {len(rows):,} held-out test samples:",
            *format_metrics({f"this network ({prepared.name})": metrics, **baselines}),
            *compare_with_baselines(metrics, baselines),
            f"{pluralize(len(history.epoch), 'epoch')} in {sum(history.seconds):.1f} s; "
            f"best epoch: {history.epoch[best] + 1}",
        ],
        draw=lambda: draw_pictures(run, prepared, model, predictions, history),
    )


def compute_metrics(task: str, predictions: Array, truth: Array) -> dict[str, float]:
    """Return the metrics of a task.

    For classification: accuracy and cross-entropy of class probabilities, shape (n, k), or the accuracy of class
    indices. For regression: mean absolute error, root mean squared error, and R² unless the targets are constant.

    Examples
    --------
    >>> compute_metrics("classification", np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))
    {'accuracy': 1.0, 'loss': 0.4904}
    """
    if task == "regression":
        error = predictions.astype(float) - truth
        variance = ((truth - truth.mean(axis=0)) ** 2).mean()
        metrics = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
        return metrics | ({"r2": float(1 - (error**2).mean() / variance)} if variance > 0 else {})
    if predictions.ndim == 1:
        return {"accuracy": float((predictions == truth).mean())}
    probabilities = np.clip(predictions[np.arange(len(truth)), truth].astype(float), 1e-7, 1)  # log 0 is -inf
    accuracy = float((predictions.argmax(axis=1) == truth).mean())
    return {"accuracy": accuracy, "loss": float(-np.log(probabilities).mean())}


def compute_baselines(prepared: "PreparedRun") -> dict[str, dict[str, float]]:
    """Return the test metrics of a constant prediction, and of a linear model unless the training set is large."""
    dataset, rows, training = prepared.dataset, prepared.parts["test"], prepared.parts["training"]
    truth, targets = dataset.targets[rows], dataset.targets[training]
    if dataset.class_names:
        name, constant = "most frequent class", np.full(len(rows), np.bincount(targets).argmax())
    else:
        name, constant = "mean", np.broadcast_to(targets.mean(axis=0), truth.shape)
    baselines = {name: compute_metrics(dataset.task, constant, truth)}
    if len(training) * int(np.prod(prepared.x.shape[1:])) <= MAXIMUM_LINEAR_INPUTS:
        name, predictions = predict_linear(prepared, targets)
        baselines[name] = compute_metrics(dataset.task, predictions.reshape(truth.shape), truth)
    return baselines


def predict_linear(prepared: "PreparedRun", targets: Array) -> tuple[str, Array]:
    """Return the name and the test predictions of scikit-learn's linear model on standardized inputs."""
    with require_packages("The linear baseline"):
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.preprocessing import StandardScaler

    flat = prepared.x.reshape(len(prepared.x), -1)
    scaler = StandardScaler()
    x = scaler.fit_transform(flat[prepared.parts["training"]].astype(np.float64))
    x_test = scaler.transform(flat[prepared.parts["test"]].astype(np.float64))
    if not prepared.dataset.class_names:
        return "linear regression", Ridge().fit(x, targets).predict(x_test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a regression that has not converged is a valid baseline
        return "logistic regression", LogisticRegression(max_iter=200).fit(x, targets).predict(x_test)


def compare_with_baselines(metrics: Metrics, baselines: Mapping[str, Metrics]) -> list[str]:
    """Return a line if the network is not better than a baseline.

    Examples
    --------
    >>> compare_with_baselines({"accuracy": 0.5}, {"most frequent class": {"accuracy": 0.6}})[0][:40]
    'no better than most frequent class: try '
    >>> compare_with_baselines({"mae": 2.0}, {"mean": {"mae": 3.0}})
    []
    """
    if metrics.get("accuracy") == 1:
        return []
    name, sign = ("accuracy", 1) if "accuracy" in metrics else ("mae", -1)
    better = [baseline for baseline, other in baselines.items() if sign * other[name] >= sign * metrics[name]]
    advice = "try more epochs (--epochs), another network or learning rate, or more data"
    return [f"no better than {', '.join(better)}: {advice}"] if better else []


def format_metrics(rows: Mapping[str, Metrics]) -> list[str]:
    r"""Return a table of metrics, with those of the first row as columns.

    Examples
    --------
    >>> print("\n".join(format_metrics({"network": {"accuracy": 0.9, "loss": 0.25}, "majority": {"accuracy": 0.5}})))
              accuracy  loss
    network        0.9  0.25
    majority       0.5
    """
    columns = {name: METRIC_NAMES.get(name, name) for name in next(iter(rows.values()))}
    cells = [["", *columns.values()]]
    cells += [[label, *(f"{row[name]:.4g}" if name in row else "" for name in columns)] for label, row in rows.items()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        padded = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(padded).rstrip())
    return lines


def draw_pictures(
    run: RunContext, prepared: "PreparedRun", model: "ModelLike", predictions: Array, history: "History"
) -> None:
    """Save the learning curves, and the confusion matrix or the predicted values."""
    from pellucid.inspect.pictures import confusion_matrix, learning_curves
    from pellucid.show.prediction_plots import describe_prediction_errors, prediction_errors

    dataset, rows = prepared.dataset, prepared.parts["test"]
    curves = truncate_at_nonfinite(history.history)
    for name in ("loss", "accuracy"):
        if name in curves:
            picture = learning_curves(curves, name)
            run.save_figure(name, f"Training and validation {name}", picture.figure, reading=picture.reading)
    if dataset.class_names:
        picture = confusion_matrix(model, prepared.x[rows], dataset.targets[rows], dataset.class_names)
        run.save_figure("confusion", "Confusion matrix of the test set", picture.figure, reading=picture.reading)
        return
    errors = dataset.targets[rows], predictions, dataset.target_names
    figure, reading = prediction_errors(*errors), describe_prediction_errors(*errors)
    run.save_figure("predictions", "Predicted and true values of the test set", figure, reading=reading)


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
