"""Troubles of the data and of the fit: labels that are likely wrong, classes that are rare, outliers, overfitting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.inspect.diagnostics.measurements import Array
from pellucid.inspect.diagnostics.report import Finding

CERTAIN = 0.05
"""A label to which the network gives less than this probability may be wrong."""

LEARNED = 0.7
"""What a network says of labels counts from this share of right answers on."""

RARE = 0.05
"""A class is rare if it has less than this share of the samples of the most frequent one."""

OUTLYING = 0.2
"""An example is an outlier if it alone has more than this share of the loss of fifty examples or more."""

RISE = 0.05
"""A held-out loss has risen if it has by more than this share of what it was after the first epoch."""


def classes_of(predictions: Array, y: Array) -> tuple[Array, Array] | None:
    """Return the probability of each class and the label of each sample, if the model tells classes apart."""
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


def mislabeled(probabilities: Array, labels: Array) -> list[tuple[int, int, int]]:
    r"""Return examples whose label is likely wrong, the likeliest first: which, its label, and what it may be.

    It is confident learning. A network's mean probability of a class over the samples that bear its label,
    :math:`t_k = \mathrm{mean}_{y_n = k} \, p_{nk}`, says how sure it is of that class on the whole. A sample of label j
    is counted as a k if :math:`p_{nk} \ge t_k`; here its own label must be next to impossible too,
    :math:`p_{nj} < 0.05`. A network that has learned nearly all labels by heart no longer shows which are wrong, so
    this tells most early in training, or by a network that has not seen the samples.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, Journal of
    Artificial Intelligence Research 70 (2021).

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.97, 0.03], [0.1, 0.9], [0.2, 0.8], [0.2, 0.8]])
    >>> mislabeled(sure, np.array([0, 0, 1, 1, 1, 1]))
    [(2, 1, 0)]
    """
    said = probabilities.argmax(axis=1)
    if (said == labels).mean() < LEARNED:
        return []
    count = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    means = [probabilities[labels == k, k].mean() if (labels == k).any() else np.inf for k in range(count)]
    sure = probabilities >= np.array(means)
    other = np.where(sure, probabilities, 0).argmax(axis=1)
    wrong = np.flatnonzero((own < CERTAIN) & sure.any(axis=1) & (other != labels))
    return [(int(i), int(labels[i]), int(other[i])) for i in wrong[np.argsort(own[wrong])]]


def check_labels(wrong: Sequence[tuple[int, int, int]], total: int) -> Iterator[Finding]:
    """Tell of labels that are likely wrong."""
    if wrong:
        shown = "; ".join(f"example {i}: labelled {j}, probably {k}" for i, j, k in wrong[:5])
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield Finding(
            "likely mislabels",
            shown + more,
            f"{len(wrong)} of {total} labels are next to impossible for the network, which is sure of another class",
            "a network that learns them by heart bends itself around mistakes, and held-out figures are off by as much",
            "look at these examples, and correct or leave out those that are wrong (confident learning, Northcutt et "
            "al. 2021)",
        )


def check_balance(labels: Array, count: int) -> Iterator[Finding]:
    """Find classes with next to no samples."""
    counts = np.bincount(labels, minlength=count)
    rare = [k for k in range(count) if counts[k] < RARE * counts.max()]
    if rare:
        shown = ", ".join(f"class {k} has {counts[k]}" for k in rare[:5])
        yield Finding(
            "rare classes",
            shown,
            f"{len(rare)} of {count} classes have less than {RARE:.0%} of the {counts.max()} samples of the largest",
            "answering the frequent classes alone makes the loss nearly as small, and accuracy does not show it",
            "class_weight in fit, more samples of the rare classes, and a figure for each class (F1, recall)",
        )


def check_outliers(losses: Array) -> Iterator[Finding]:
    """Find single examples that rule the loss."""
    total = float(losses.sum())
    if len(losses) < 50 or not total > 0:
        return
    ruling = [int(i) for i in np.argsort(-losses)[:10] if losses[i] > OUTLYING * total]
    if ruling:
        yield Finding(
            "outliers",
            ", ".join(f"example {i}" for i in ruling),
            f"each has more than {OUTLYING:.0%} of the loss of {len(losses)} examples",
            "the gradient is about these few, and the others hardly count",
            "look at them; leave out what is wrong, bring targets to a common scale, or take loss='huber' or 'mae'",
        )


def check_history(history: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Find a network that learns its training data by heart, in what `fit` measured."""
    held_out = list((history or {}).get("val_loss", []))
    training = list((history or {}).get("loss", []))
    if len(held_out) < 5 or not np.isfinite([*held_out, *training]).all():
        return
    best = int(np.argmin(held_out))
    now = float(np.median(held_out[-3:]))
    rose = now > 1.1 * held_out[best] and now - held_out[best] > RISE * held_out[0]
    if best <= len(held_out) - 4 and rose and now > 1.25 * training[-1]:
        yield Finding(
            "overfitting",
            f"epochs {best + 2} to {len(held_out)}",
            f"the held-out loss was least, {held_out[best]:.4g}, in epoch {best + 1}, and is {held_out[-1]:.4g} now, "
            f"while the training loss is {training[-1]:.4g}",
            "what it learns since then is about the training samples alone",
            "EarlyStopping(restore_best_weights=True), more data, dropout, or a weight penalty",
        )
