"""What came of an experiment: measures on samples that the network has not met, beside baselines; and pictures."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.atomic_write import write_atomically
from pellucid.experiments.runner.record import machine, versions
from pellucid.experiments.train.dataset import Array
from pellucid.experiments.train.networks import is_image

if TYPE_CHECKING:
    from pellucid.experiments.train.pipeline import Prepared

MOST_FOR_LINEAR = 2_000_000
"""A linear model of scikit-learn's is fitted beside the network to at most so many numbers."""


def result_of(prepared: "Prepared", model: Any, history: Any, folder: Path) -> Mapping[str, Any]:
    """Measure a trained network, draw it, and return all that is to be known of the run.

    Parameters
    ----------
    prepared : Prepared
        The experiment.
    model : Model
        The network, which predicts in the units of the targets.
    history : History
        Of its training.
    folder : Path
        Where pictures go.
    """
    samples, settings = prepared.samples, prepared.settings
    rows = prepared.parts["test"]
    said = model.predict(prepared.x[rows])
    truth = samples.targets[rows].reshape(said.shape) if not samples.class_names else samples.targets[rows]
    measure = measured_classes if samples.class_names else measured_numbers
    losses = history.history["val_loss"]
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    pictures = drawn(prepared, said, truth, history, folder)
    return {
        "status": "finished",
        "folder": str(folder),
        "data": settings.data,
        "task": samples.task,
        "classes": samples.class_names,
        "samples": {name: len(part) for name, part in prepared.parts.items()},
        "checksum": samples.checksum,
        "model": prepared.name,
        "weights": prepared.weights,
        "seed": settings.seed,
        "epochs": len(history.epoch),
        "best_epoch": history.epoch[best] + 1,
        "best_validation_loss": losses[best],
        "test": measure(said, truth),
        "baselines": baselines(prepared, measure),
        "seconds": {**prepared.timings, "epochs": sum(history.seconds)},
        "pictures": pictures,
        "versions": versions(),
        "machine": machine(),
    }


def measured_classes(said: Array, truth: Array) -> dict[str, float]:
    """Return how well probabilities of classes, shape (n, k), or the classes themselves, fit the truth.

    Examples
    --------
    >>> measured_classes(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))
    {'accuracy': 1.0, 'loss': 0.4904}
    """
    if said.ndim == 1:
        return {"accuracy": float((said == truth).mean())}
    chosen = np.clip(said[np.arange(len(truth)), truth].astype(float), 1e-7, 1)
    return {"accuracy": float((said.argmax(axis=1) == truth).mean()), "loss": float(-np.log(chosen).mean())}


def measured_numbers(said: Array, truth: Array) -> dict[str, float]:
    """Return the mean absolute error, the root of the mean squared one, and the share of the variance explained."""
    error = said.astype(float) - truth
    spread = ((truth - truth.mean(axis=0)) ** 2).mean()
    found = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    return found | ({"r2": float(1 - (error**2).mean() / spread)} if spread > 0 else {})


def baselines(prepared: "Prepared", measure: Any) -> dict[str, dict[str, float]]:
    """Return what those reach who do not look, and a linear model, on the same samples."""
    samples, rows, training = prepared.samples, prepared.parts["test"], prepared.parts["training"]
    targets = samples.targets if samples.class_names else samples.targets.reshape(len(samples.targets), -1)
    truth, learnt = targets[rows], targets[training]
    if samples.class_names:
        most = np.bincount(learnt).argmax()
        found = {"most frequent class": measure(np.full(len(rows), most), truth)}
    else:
        found = {"mean": measure(np.broadcast_to(learnt.mean(axis=0), truth.shape), truth)}
    if len(training) * int(np.prod(prepared.x.shape[1:])) <= MOST_FOR_LINEAR:
        found |= linear(prepared, learnt, truth, measure)
    return found


def linear(prepared: "Prepared", learnt: Array, truth: Array, measure: Any) -> dict[str, dict[str, float]]:
    """Return what scikit-learn's linear model reaches on the same, standardized inputs."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    flat = prepared.x.reshape(len(prepared.x), -1)
    scaler = StandardScaler()
    x = scaler.fit_transform(flat[prepared.parts["training"]].astype(np.float64))
    x_test = scaler.transform(flat[prepared.parts["test"]].astype(np.float64))
    if not prepared.samples.class_names:
        return {"linear regression": measure(Ridge().fit(x, learnt).predict(x_test).reshape(truth.shape), truth)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one that has not converged is a baseline all the same
        found = LogisticRegression(max_iter=200).fit(x, learnt)
    return {"logistic regression": measure(found.predict(x_test), truth)}


def drawn(prepared: "Prepared", said: Array, truth: Array, history: Any, folder: Path) -> list[dict[str, str]]:
    """Save the learning curves, and what was taken for what, or what was predicted; return their readings."""
    from pellucid.inspect.pictures import Picture, learning_curves

    curves = while_finite(history.history)
    pictures: dict[str, Picture] = {
        name: learning_curves(curves, name) for name in ("loss", "accuracy") if name in curves
    }
    if prepared.samples.class_names:
        pictures["confusion"] = confusion(prepared, said.argmax(axis=1), truth)
    else:
        pictures["predictions"] = predictions(prepared, said, truth)
    for name, picture in pictures.items():
        write_atomically(folder / f"{name}.png", picture.png())
    return [{"file": f"{name}.png", "reading": picture.reading} for name, picture in pictures.items()]


def confusion(prepared: "Prepared", answers: Array, truth: Array) -> Any:
    """Return the picture of what was taken for what, with the images behind the commonest mistake if there are any."""
    from pellucid.show.alt_text import read_confusion
    from pellucid.show.confusion_plot import confusion_matrix, counts_of, worst_cell
    from pellucid.show.figure import Picture

    names = prepared.samples.class_names
    counts = counts_of(truth, answers, len(names))
    cell, images = worst_cell(counts), None
    if cell is not None and is_image(prepared.x.shape[1:]) and prepared.x.shape[3:] in ((), (1,), (3,)):
        images = prepared.x[prepared.parts["test"]][(truth == cell[0]) & (answers == cell[1])]
    figure = confusion_matrix(counts, names, images=images, cell=None if images is None else cell)
    return Picture(figure, read_confusion(counts, names), "what is taken for what")


def while_finite(curves: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Return curves up to the epoch in which one of them is no number any more.

    Examples
    --------
    >>> while_finite({"loss": [2.0, 1.0, float("inf")], "val_loss": [2.0, 3.0, 4.0]})
    {'loss': [2.0, 1.0], 'val_loss': [2.0, 3.0]}
    """
    good: Array = np.isfinite(np.array([curves["loss"], curves["val_loss"]])).all(axis=0)
    end = len(good) if good.all() else int(good.argmin())
    return {name: values[:end] for name, values in curves.items()}


def predictions(prepared: "Prepared", said: Array, truth: Array) -> Any:
    """Return the picture of predictions over the truth."""
    from pellucid.show.figure import Picture
    from pellucid.show.regression_plot import predicted_against_true, read_predicted

    names = prepared.samples.target_names
    return Picture(predicted_against_true(truth, said, names), read_predicted(truth, said, names), "predicted, true")
