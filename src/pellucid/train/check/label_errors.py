"""Possible label errors: samples that a network, trained without them, predicts as another class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pellucid.data.errors import join_first
from pellucid.graph.finding import Finding
from pellucid.tracking.result import pluralize
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.train.read.dataset import Dataset

SHOWN_SAMPLES = 5


def find_label_errors(dataset: Dataset, rows: Array, probabilities: Array) -> Iterator[Finding]:
    """Yield a finding if labels are possibly wrong.

    Parameters
    ----------
    dataset : Dataset
        The data.
    rows : array of int, shape (n,)
        Indices of samples.
    probabilities : array, shape (n, classes)
        Probabilities of their classes, by networks that were trained without them.
    """
    labels = dataset.targets[rows]
    likely = find_likely_classes(labels, probabilities)
    found = np.flatnonzero(likely != labels)
    if not len(found):
        return
    certainty = probabilities[found, likely[found]] - probabilities[found, labels[found]]
    order = found[np.argsort(-certainty, kind="stable")].tolist()
    names = dataset.class_names
    places = [f"{dataset.locate(int(rows[k]))} ({names[labels[k]]}, perhaps {names[likely[k]]})" for k in order]
    yield Finding(
        "possible label errors",
        join_first(places, limit=SHOWN_SAMPLES),
        f"the labels of {pluralize(len(found), 'sample')} are possibly wrong, the most doubtful first: "
        f"{join_first(places, limit=SHOWN_SAMPLES)}",
        "Wrong labels teach the network wrong answers, and make the score of right answers too low.",
        "Look at these samples; correct labels that are wrong, and keep unusual samples",
        severity="note",
    )


def find_likely_classes(labels: Array, probabilities: Array) -> Array:
    r"""Return the class that each sample confidently belongs to, or its label if there is none, shape (n,).

    A sample confidently belongs to a class if its probability is at least the mean probability of this class among
    the samples with this label: confident learning (Northcutt, Jiang and Chuang, 2021, equation 1).

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.1, 0.9], [0.02, 0.98]])
    >>> find_likely_classes(np.array([0, 0, 0, 1, 1]), probabilities)
    array([0, 0, 1, 1, 1])
    """
    classes = probabilities.shape[1]
    is_label = np.arange(classes) == labels[:, None]
    counts = is_label.sum(axis=0)
    sums = np.where(is_label, probabilities, 0).sum(axis=0, dtype=np.float64)
    thresholds = np.divide(sums, counts, out=np.full(classes, np.inf), where=counts > 0)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely: Array = np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), labels)
    return likely
