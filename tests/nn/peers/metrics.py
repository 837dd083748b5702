"""Metrics: what they are after one batch and after two, with weights and without."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tests.nn.peers.store import Values, numbers


class Case(NamedTuple):
    """A class of Keras's metrics, its settings, and what targets and predictions are."""

    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    targets: str = "numbers"
    predictions: str = "numbers"
    shape: tuple[int, ...] = (3,)


FOUR, LOW = {"thresholds": [0.1, 0.4, 0.7]}, {"num_thresholds": 11}
CASES: dict[str, Case] = {
    "binary accuracy": Case("BinaryAccuracy", {"threshold": 0.4}, "bits", "fractions", (1,)),
    "binary accuracy of columns": Case("BinaryAccuracy", {}, "bits", "fractions"),
    "categorical accuracy": Case("CategoricalAccuracy", {}, "one-hot"),
    "sparse accuracy": Case("SparseCategoricalAccuracy", {}, "labels"),
    "top 2": Case("TopKCategoricalAccuracy", {"k": 2}, "one-hot", shape=(5,)),
    "sparse top 2": Case("SparseTopKCategoricalAccuracy", {"k": 2}, "labels", shape=(5,)),
    "mse": Case("MeanSquaredError"),
    "mae": Case("MeanAbsoluteError"),
    "mape": Case("MeanAbsolutePercentageError"),
    "msle": Case("MeanSquaredLogarithmicError"),
    "rmse": Case("RootMeanSquaredError"),
    "log cosh": Case("LogCoshError"),
    "cosine": Case("CosineSimilarity"),
    "hinge": Case("Hinge", {}, "signs"),
    "squared hinge": Case("SquaredHinge", {}, "signs"),
    "categorical hinge": Case("CategoricalHinge", {}, "one-hot"),
    "kl": Case("KLDivergence", {}, "distribution", "distribution"),
    "poisson": Case("Poisson", {}, "fractions", "fractions"),
    "binary crossentropy": Case("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "bits"),
    "categorical crossentropy": Case("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one-hot", "distribution"),
    "sparse crossentropy": Case("SparseCategoricalCrossentropy", {"from_logits": True}, "labels"),
    "pearson": Case("PearsonCorrelation", shape=(5,)),
    "r2": Case("R2Score"),
    "r2 of columns": Case("R2Score", {"class_aggregation": None}),
    "r2, by variance": Case("R2Score", {"class_aggregation": "variance_weighted_average"}),
    "true positives": Case("TruePositives", FOUR, "bits", "fractions", (1,)),
    "false positives": Case("FalsePositives", {}, "bits", "fractions", (1,)),
    "true negatives": Case("TrueNegatives", {}, "bits", "fractions"),
    "false negatives": Case("FalseNegatives", FOUR, "bits", "fractions"),
    "precision": Case("Precision", {}, "bits", "fractions", (1,)),
    "precision at thresholds": Case("Precision", FOUR, "bits", "fractions"),
    "precision of the top": Case("Precision", {"top_k": 2}, "bits", "fractions", (4,)),
    "precision of a class": Case("Precision", {"class_id": 1}, "bits", "fractions", (4,)),
    "recall": Case("Recall", {}, "bits", "fractions", (1,)),
    "recall of the top of a class": Case("Recall", {"top_k": 2, "class_id": 1}, "bits", "fractions", (4,)),
    "sensitivity": Case("SensitivityAtSpecificity", {"specificity": 0.6, **LOW}, "bits", "fractions", (1,)),
    "specificity": Case("SpecificityAtSensitivity", {"sensitivity": 0.6}, "bits", "fractions", (1,)),
    "precision at recall": Case("PrecisionAtRecall", {"recall": 0.6, **LOW}, "bits", "fractions", (1,)),
    "recall at precision": Case("RecallAtPrecision", {"precision": 0.6, **LOW}, "bits", "fractions", (1,)),
    "auc": Case("AUC", {}, "bits", "fractions", (1,)),
    "auc, minoring": Case("AUC", {"summation_method": "minoring", **LOW}, "bits", "fractions", (1,)),
    "auc at thresholds": Case("AUC", {"thresholds": [0.2, 0.3, 0.9]}, "bits", "fractions", (1,)),
    "auc of logits": Case("AUC", {"from_logits": True, **LOW}, "bits", shape=(1,)),
    "pr": Case("AUC", {"curve": "PR", **LOW}, "bits", "fractions", (1,)),
    "pr, majoring": Case("AUC", {"curve": "PR", "summation_method": "majoring", **LOW}, "bits", "fractions", (1,)),
    "f1": Case("F1Score", {}, "one-hot", "fractions"),
    "f1, macro": Case("F1Score", {"average": "macro", "threshold": 0.5}, "bits", "fractions"),
    "f beta, micro": Case("FBetaScore", {"average": "micro", "beta": 2.0, "threshold": 0.5}, "bits", "fractions"),
    "f beta, weighted": Case("FBetaScore", {"average": "weighted", "beta": 0.5}, "one-hot", "fractions"),
    "iou": Case("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, "labels", "labels"),
    "mean iou": Case("MeanIoU", {"num_classes": 3, "ignore_class": 1}, "labels", "labels"),
    "binary iou": Case("BinaryIoU", {"threshold": 0.4}, "bits", "fractions", (1,)),
    "one-hot iou": Case("OneHotIoU", {"num_classes": 3, "target_class_ids": [1]}, "one-hot", "fractions"),
    "one-hot mean iou": Case("OneHotMeanIoU", {"num_classes": 3}, "one-hot", "fractions"),
}
WHOLE = ("IoU", "MeanIoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU")
"""What counts in integers with Keras, so that weights are."""


def drawn(key: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return targets or predictions of a kind."""
    raw = numbers(key, shape)
    kinds = {
        "numbers": raw,
        "fractions": 1 / (1 + np.exp(-raw)),
        "bits": (raw > 0).astype("float32"),
        "signs": np.sign(raw),
        "labels": np.argmax(raw, axis=-1).astype("int32"),
        "one-hot": np.eye(shape[-1], dtype="float32")[np.argmax(raw, axis=-1)],
        "distribution": np.exp(raw) / np.exp(raw).sum(-1, keepdims=True),
    }
    return kinds[kind]


def batches(name: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return targets, predictions and weights of two batches."""
    case = CASES[name]
    found = []
    for i, count in enumerate((7, 4)):
        shape = (count, *case.shape)
        weights = np.abs(numbers(f"{name} w{i}", (count,)))
        if case.name in WHOLE:
            weights = np.ceil(weights).astype("int32")
        found.append(
            (drawn(f"{name} t{i}", case.targets, shape), drawn(f"{name} p{i}", case.predictions, shape), weights)
        )
    return found


def by_keras(name: str) -> Values:
    """Compute a case by Keras on JAX."""
    import keras

    case = CASES[name]
    found: Values = {}
    for kind in ("plain", "weighted"):
        metric = getattr(keras.metrics, case.name)(**case.settings)
        for i, (t, p, w) in enumerate(batches(name)):
            metric.update_state(t, p, sample_weight=w if kind == "weighted" else None)
            found[f"{kind} {i}"] = np.asarray(metric.result(), "float32")
    return found


def by_pellucid(name: str) -> Values:
    """Compute a case by pellucid."""
    import pellucid as pel

    case = CASES[name]
    first = dict(zip(("t", "p", "w"), batches(name)[0], strict=True))
    t, p, w = (pel.tensor(k, ("n", *v.shape[1:]), v.dtype) for k, v in first.items())
    found: Values = {}
    for kind in ("plain", "weighted"):
        metric = getattr(pel.nn.metrics, case.name)(**case.settings)
        inputs, weight = ([t, p, w], w) if kind == "weighted" else ([t, p], None)
        running = metric.running(t, p, weight)
        step = pel.function(inputs, running.result, updates=running.updates, mode="numpy")
        for i, values in enumerate(batches(name)):
            found[f"{kind} {i}"] = step(*values[: len(inputs)])
    return found
