"""Checks of the data and the history: label errors, class imbalance, outliers, overfitting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.finding import Finding
from pellucid.typing import Array, ArrayLike

MAX_LABEL_PROBABILITY = 0.05
"""A label may be wrong if the model gives it less than this probability."""

MIN_ACCURACY = 0.7
"""Below this accuracy, the model's predictions say nothing about its labels."""

RARE_CLASS_RATIO = 0.05
"""A class is rare if it has less than this fraction of the samples of the most frequent class."""

OUTLIER_LOSS_SHARE = 0.2
"""A sample is an outlier if it alone has more than this share of the total loss."""

MIN_OUTLIER_SAMPLES = 50
"""With fewer samples, one can have a large share of the loss by chance."""

MIN_LOSS_RISE = 0.05
"""A validation loss has risen if it has by more than this fraction of its first value."""


def to_class_probabilities(predictions: Array, y: Array) -> tuple[Array, Array] | None:
    """Return class probabilities and integer labels, or None if the model is not a classifier."""
    if predictions.ndim != 2 or not np.isfinite(predictions).all() or predictions.min() < 0 or predictions.max() > 1:
        return None
    if predictions.shape[1] == 1:
        if y.size != len(predictions) or not np.isin(y, (0, 1)).all():
            return None
        return np.hstack([1 - predictions, predictions]), y.reshape(-1).astype(int)
    if not np.allclose(predictions.sum(axis=1), 1, atol=1e-3):
        return None
    if y.shape == predictions.shape:
        return (predictions, y.argmax(axis=1)) if np.isin(y, (0, 1)).all() else None
    return (predictions, y.reshape(-1).astype(int)) if y.size == len(predictions) else None


def to_labels(y: ArrayLike, classes: int) -> Array:
    """Return integer labels, from one-hot targets or labels."""
    array = np.asarray(y)
    is_one_hot = array.ndim == 2 and array.shape[1] == classes > 1
    return array.argmax(axis=1) if is_one_hot else array.reshape(-1).astype(int)


def find_label_errors(probabilities: Array, labels: Array) -> list[tuple[int, int, int]]:
    r"""Return samples whose label is probably wrong, most probable first: index, given label, probable label.

    Uses confident learning. The threshold of class k is its mean predicted probability over the samples labeled k,
    :math:`t_k = \mathrm{mean}_{y_n = k} \, p_{nk}`. A sample labeled j is counted as a k if :math:`p_{nk} \ge t_k`.
    In addition, its own label must be almost impossible, :math:`p_{nj} < 0.05`. A model that has memorized nearly all
    labels no longer shows which are wrong, so this works best early in training or on held-out samples.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, Journal of
    Artificial Intelligence Research 70 (2021).

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.97, 0.03], [0.1, 0.9], [0.2, 0.8], [0.2, 0.8]])
    >>> find_label_errors(probabilities, np.array([0, 0, 1, 1, 1, 1]))
    [(2, 1, 0)]
    """
    if not len(labels) or (probabilities.argmax(axis=1) == labels).mean() < MIN_ACCURACY:
        return []
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    thresholds = [probabilities[labels == k, k].mean() if (labels == k).any() else np.inf for k in range(classes)]
    is_confident = probabilities >= np.array(thresholds)
    likely = np.where(is_confident, probabilities, 0).argmax(axis=1)
    wrong = np.flatnonzero((own < MAX_LABEL_PROBABILITY) & is_confident.any(axis=1) & (likely != labels))
    return [(int(i), int(labels[i]), int(likely[i])) for i in wrong[np.argsort(own[wrong])]]


def check_label_errors(errors: Sequence[tuple[int, int, int]], samples: int) -> Iterator[Finding]:
    if errors:
        where = "; ".join(f"sample {i}: labeled {j}, probably {k}" for i, j, k in errors[:5])
        where += f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
        yield Finding(
            "likely label errors",
            where,
            f"{len(errors)} of {samples} labels contradict confident predictions of the model.",
            "Wrong labels distort the decision boundary of a model that memorizes them, and make every metric wrong.",
            "Look at these samples, and correct or remove those that are wrong (confident learning, Northcutt et al. "
            "2021).",
        )


def check_class_balance(labels: Array, classes: int) -> Iterator[Finding]:
    counts = np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)
    rare = [k for k in range(classes) if counts[k] < RARE_CLASS_RATIO * counts.max()]
    if rare:
        yield Finding(
            "class imbalance",
            ", ".join(f"class {k} ({counts[k]} sample{'' if counts[k] == 1 else 's'})" for k in rare[:5]),
            f"{len(rare)} of {classes} classes have less than {RARE_CLASS_RATIO:.0%} of the {counts.max()} samples of "
            "the largest class.",
            "Predicting only the frequent classes gives almost the same loss, and the accuracy does not show it.",
            "Pass class_weight to fit, collect more samples of the rare classes, and use a metric per class (recall, "
            "F1).",
        )


def check_outliers(losses: Array, sample_numbers: Array) -> Iterator[Finding]:
    total = float(losses.sum())
    if len(losses) < MIN_OUTLIER_SAMPLES or not total > 0:
        return
    outliers = [int(i) for i in np.argsort(-losses)[:10] if losses[i] > OUTLIER_LOSS_SHARE * total]
    if outliers:
        yield Finding(
            "outliers",
            ", ".join(f"sample {sample_numbers[i]}" for i in outliers),
            f"Each has more than {OUTLIER_LOSS_SHARE:.0%} of the total loss of {len(losses)} samples.",
            "These few samples determine the gradient; the others hardly count.",
            "Look at them. Remove those that are wrong, standardize the targets, or use loss='huber' or 'mae'.",
        )


def check_history(history: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Find overfitting in the losses that `fit` recorded."""
    validation = list((history or {}).get("val_loss", []))
    training = list((history or {}).get("loss", []))
    if len(validation) < 5 or not np.isfinite([*validation, *training]).all():
        return
    best = int(np.argmin(validation))
    recent = float(np.median(validation[-3:]))  # the median ignores one noisy epoch
    has_risen = recent > 1.1 * validation[best] and recent - validation[best] > MIN_LOSS_RISE * validation[0]
    if best <= len(validation) - 4 and has_risen and recent > 1.25 * training[-1]:
        yield Finding(
            "overfitting",
            f"epochs {best + 2} to {len(validation)}",
            f"The validation loss was lowest in epoch {best + 1} ({validation[best]:.4g}). It is now "
            f"{validation[-1]:.4g}, while the training loss is {training[-1]:.4g}.",
            "Since then the model has been learning details of the training set that do not generalize.",
            "Use EarlyStopping(restore_best_weights=True), more data, dropout, or weight decay.",
        )
