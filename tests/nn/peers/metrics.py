"""Metrics: values after one batch and after two, with and without sample weights."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tests.nn.peers.store import Values, draw_normal


class Case(NamedTuple):
    """A metric class, its arguments, the kinds of targets and predictions, the shape, and whether steps are masked."""

    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    targets: str = "numbers"
    predictions: str = "numbers"
    shape: tuple[int, ...] = (3,)
    mask: bool = False


FOUR, LOW = {"thresholds": [0.1, 0.4, 0.7]}, {"num_thresholds": 11}
CASES: dict[str, Case] = {
    "accuracy of labels": Case("Accuracy", {}, "labels", "labels"),
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
    "concordance": Case("ConcordanceCorrelation", shape=(5,)),
    "mse, masked": Case("MeanSquaredError", shape=(4, 2), mask=True),
    "sparse accuracy, masked": Case("SparseCategoricalAccuracy", {}, "labels", shape=(4, 3), mask=True),
    "r2": Case("R2Score"),
    "r2 of columns": Case("R2Score", {"class_aggregation": None}),
    "r2, by variance": Case("R2Score", {"class_aggregation": "variance_weighted_average"}),
    "r2, adjusted": Case("R2Score", {"num_regressors": 2}, shape=(1,)),
    "r2, adjusted for too many": Case("R2Score", {"num_regressors": 6}, shape=(1,)),
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
    "auc, label by label": Case("AUC", {"multi_label": True, **LOW}, "bits", "fractions"),
    "pr, label by label, weighted": Case(
        "AUC", {"multi_label": True, "label_weights": [1.0, 0.0, 2.0], "curve": "PR", **LOW}, "bits", "fractions"
    ),
    "auc, weighted labels": Case("AUC", {"label_weights": [1.0, 0.0, 2.0], **LOW}, "bits", "fractions"),
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
INTEGER_METRICS = ("IoU", "MeanIoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU")
"""Metrics for which Keras requires integer weights."""


def make_values(key: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return random targets or predictions of one kind."""
    raw = draw_normal(key, shape)
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


def make_batches(name: str) -> list[dict[str, np.ndarray]]:
    """Return targets, predictions, weights and masks of two batches."""
    case = CASES[name]
    found = []
    for i, count in enumerate((7, 4)):
        shape = (count, *case.shape)
        weights = np.abs(draw_normal(f"{name} w{i}", shape[:2] if case.mask else shape[:1]))
        if case.name in INTEGER_METRICS:
            weights = np.ceil(weights).astype("int32")
        t, p = make_values(f"{name} t{i}", case.targets, shape), make_values(f"{name} p{i}", case.predictions, shape)
        found.append({"t": t, "p": p, "w": weights, "m": draw_normal(f"{name} m{i}", shape[:2]) > -0.5})
    return found


def by_keras(name: str) -> Values:
    """Compute a case with Keras on JAX."""
    import keras

    case = CASES[name]
    found: Values = {}
    for kind in ("plain", "weighted"):
        metric = getattr(keras.metrics, case.name)(**case.settings)
        for i, batch in enumerate(make_batches(name)):
            p = keras.ops.convert_to_tensor(batch["p"])
            if case.mask:
                keras.src.backend.set_keras_mask(p, batch["m"])
            metric.update_state(batch["t"], p, sample_weight=batch["w"] if kind == "weighted" else None)
            found[f"{kind} {i}"] = np.asarray(metric.result(), "float32")
    return found


def by_pellucid(name: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    case = CASES[name]
    inputs = {k: pel.tensor(k, ("n", *v.shape[1:]), v.dtype) for k, v in make_batches(name)[0].items()}
    p = pel.attach_mask(inputs["p"], inputs["m"]) if case.mask else inputs["p"]
    found: Values = {}
    for kind in ("plain", "weighted"):
        metric = getattr(pel.nn.metrics, case.name)(**case.settings)
        streaming = metric.to_streaming(inputs["t"], p, inputs["w"] if kind == "weighted" else None)
        used = [k for k in inputs if k in "tp" or (k == "w" and kind == "weighted") or (k == "m" and case.mask)]
        step = pel.function([inputs[k] for k in used], streaming.result, updates=streaming.updates, mode="numpy")
        for i, batch in enumerate(make_batches(name)):
            found[f"{kind} {i}"] = step(*(batch[k] for k in used))
    return found


def by_arrays(name: str) -> Values:
    """Compute a case with pellucid's ``update_state`` and ``result``."""
    import pellucid as pel

    case = CASES[name]
    found: Values = {}
    metric = getattr(pel.nn.metrics, case.name)(**case.settings)
    for kind in ("plain", "weighted"):
        metric.reset_state()
        for i, batch in enumerate(make_batches(name)):
            metric.update_state(batch["t"], batch["p"], sample_weight=batch["w"] if kind == "weighted" else None)
            found[f"{kind} {i}"] = metric.result()
    return found
