"""Losses: values, and gradients with respect to the scores, because Keras normalizes probabilities to a sum of 1."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tests.nn.peers.store import Values, draw_normal


class Case(NamedTuple):
    """A loss class, its arguments, the kinds of targets and predictions, their shape, the weights and the mask."""

    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    targets: str = "numbers"
    predictions: str = "numbers"
    shape: tuple[int, ...] = (4, 3)
    weights: tuple[int, ...] | None = None
    mask: bool = False


LOGITS = {"from_logits": True}
CASES: dict[str, Case] = {
    "mse": Case("MeanSquaredError"),
    "mse of one column": Case("MeanSquaredError", shape=(5, 1)),
    "mse of a sequence": Case("MeanSquaredError", shape=(2, 3, 4)),
    "mae": Case("MeanAbsoluteError"),
    "mape": Case("MeanAbsolutePercentageError"),
    "msle": Case("MeanSquaredLogarithmicError"),
    "cosine": Case("CosineSimilarity"),
    "cosine along axis 1": Case("CosineSimilarity", {"axis": 1}, shape=(2, 3, 4)),
    "huber": Case("Huber"),
    "huber with delta": Case("Huber", {"delta": 0.3}),
    "log_cosh": Case("LogCosh"),
    "poisson": Case("Poisson", {}, "counts", "positive"),
    "kl_divergence": Case("KLDivergence", {}, "distribution", "softmax"),
    "hinge": Case("Hinge", {}, "bits"),
    "hinge of signs": Case("Hinge", {}, "signs"),
    "squared_hinge": Case("SquaredHinge", {}, "bits"),
    "categorical_hinge": Case("CategoricalHinge", {}, "one-hot"),
    "binary": Case("BinaryCrossentropy", {}, "bits", "sigmoid"),
    "binary from logits": Case("BinaryCrossentropy", LOGITS, "bits"),
    "binary, smoothed": Case("BinaryCrossentropy", {"label_smoothing": 0.2}, "bits", "sigmoid"),
    "binary of one column": Case("BinaryCrossentropy", {}, "bits", "sigmoid", (5, 1)),
    "binary along axis 1": Case("BinaryCrossentropy", {"axis": 1, **LOGITS}, "bits", shape=(2, 3, 4)),
    "categorical": Case("CategoricalCrossentropy", {}, "one-hot", "softmax"),
    "categorical of distributions": Case("CategoricalCrossentropy", {}, "distribution", "softmax"),
    "categorical from logits, smoothed": Case(
        "CategoricalCrossentropy", {"label_smoothing": 0.1, **LOGITS}, "one-hot", shape=(3, 2, 4)
    ),
    "sparse": Case("SparseCategoricalCrossentropy", {}, "labels", "softmax"),
    "sparse from logits": Case("SparseCategoricalCrossentropy", LOGITS, "labels", shape=(3, 2, 4)),
    "sparse, ignoring": Case("SparseCategoricalCrossentropy", {"ignore_class": 1, **LOGITS}, "labels", shape=(3, 4, 4)),
    "binary focal": Case("BinaryFocalCrossentropy", {}, "bits", "sigmoid"),
    "binary focal, balanced": Case(
        "BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, **LOGITS}, "bits"
    ),
    "categorical focal": Case("CategoricalFocalCrossentropy", {}, "one-hot", "softmax"),
    "categorical focal, smoothed": Case(
        "CategoricalFocalCrossentropy",
        {"alpha": [0.2, 0.3, 0.4], "gamma": 1.5, "label_smoothing": 0.1, **LOGITS},
        "one-hot",
    ),
    "generalized": Case("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, "labels", "softmax"),
    "dice": Case("Dice", {}, "bits", "sigmoid"),
    "dice along axes": Case("Dice", {"axis": (1, 2)}, "bits", "sigmoid", (3, 2, 4)),
    "tversky": Case("Tversky", {"alpha": 0.3, "beta": 0.6}, "bits", "sigmoid"),
    "circle": Case("Circle", {"gamma": 5.0}, "labels", "unit", (6, 3)),
    "circle, itself included, each": Case(
        "Circle", {"remove_diagonal": False, "margin": 0.2, "gamma": 3.0, "reduction": "none"}, "labels", "unit", (6, 3)
    ),
    "ctc": Case("CTC", {}, "sequences", shape=(4, 9, 5)),
    "ctc, each": Case("CTC", {"reduction": "none"}, "sequences", shape=(3, 6, 4)),
    "mse, summed": Case("MeanSquaredError", {"reduction": "sum"}),
    "mse, weighted": Case("MeanSquaredError", weights=(4,)),
    "mse, weighted, by the weights": Case("MeanSquaredError", {"reduction": "mean_with_sample_weight"}, weights=(4,)),
    "mse, weighted, each": Case("MeanSquaredError", {"reduction": "none"}, weights=(4,)),
    "mse of a sequence, weights of samples": Case("MeanSquaredError", shape=(2, 3, 4), weights=(2, 1)),
    "mse, masked": Case("MeanSquaredError", shape=(3, 4, 2), mask=True),
    "mse, masked and weighted": Case("MeanSquaredError", shape=(3, 4, 2), weights=(3, 4), mask=True),
    "sparse, masked": Case("SparseCategoricalCrossentropy", LOGITS, "labels", shape=(3, 4, 5), mask=True),
    "mse, masked, summed": Case("MeanSquaredError", {"reduction": "sum"}, shape=(3, 4, 2), mask=True),
    "mse, masked, by the weights": Case(
        "MeanSquaredError", {"reduction": "mean_with_sample_weight"}, shape=(3, 4, 2), weights=(3, 4), mask=True
    ),
}


def make_targets(name: str) -> np.ndarray:
    """Return the targets of a case."""
    case = CASES[name]
    raw = draw_normal(f"{name} t", case.shape)
    if case.targets == "labels":
        return np.argmax(raw, axis=-1).astype("int32")
    if case.targets == "sequences":
        labels = np.argmax(raw, axis=-1)[:, :3].astype("int32") + 1
        labels[:, 1] = np.minimum(labels[:, 0], case.shape[-1] - 1)  # repeated labels need a blank between them
        return np.minimum(labels, case.shape[-1] - 1) * (np.arange(3) < [[3], [1], [2], [3]][: case.shape[0]])
    kinds = {
        "numbers": raw,
        "counts": np.round(2 * np.abs(raw)),
        "bits": (raw > 0).astype("float32"),
        "signs": np.sign(raw),
        "one-hot": np.eye(case.shape[-1], dtype="float32")[np.argmax(raw, axis=-1)],
        "distribution": np.exp(raw) / np.exp(raw).sum(-1, keepdims=True),
    }
    return kinds[case.targets]


def make_inputs(name: str) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return the scores, the sample weights and the mask of a case."""
    case = CASES[name]
    weights = None if case.weights is None else np.abs(draw_normal(f"{name} w", case.weights))
    mask = draw_normal(f"{name} m", case.shape[:2]) > -0.5 if case.mask else None
    return draw_normal(f"{name} z", case.shape), weights, mask


def by_keras(name: str) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import keras

    case = CASES[name]
    z, weights, mask = make_inputs(name)
    transforms = {
        "numbers": lambda z: z,
        "positive": keras.ops.exp,
        "softmax": keras.ops.softmax,
        "sigmoid": keras.ops.sigmoid,
        "unit": lambda z: keras.ops.normalize(z, axis=-1),
    }
    loss = getattr(keras.losses, case.name)(**case.settings)

    def function(z: Any) -> Any:
        p = transforms[case.predictions](z)
        if mask is not None:
            keras.src.backend.set_keras_mask(p, mask)
        return loss(make_targets(name), p, weights)

    value, pull = jax.vjp(function, z)
    (gradient,) = pull(np.ones(value.shape, "float32"))
    return {"value": value, "gradient": gradient}


def by_pellucid(name: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    case = CASES[name]
    transforms = {
        "numbers": lambda z: z,
        "positive": pel.exp,
        "softmax": pel.softmax,
        "sigmoid": pel.sigmoid,
        "unit": pel.nn.UnitNormalization(),
    }
    values = dict(zip(("t", "z", "w", "m"), (make_targets(name), *make_inputs(name)), strict=True))
    inputs = {k: pel.tensor(k, ("n", *v.shape[1:]), v.dtype) for k, v in values.items() if v is not None}
    p = transforms[case.predictions](inputs["z"])
    if "m" in inputs:
        p = pel.attach_mask(p, inputs["m"])
    loss = getattr(pel.nn.losses, case.name)(**case.settings)(inputs["t"], p, inputs.get("w"))
    results = [loss, pel.grad(loss.sum(), inputs["z"])]
    value, gradient = pel.function(list(inputs.values()), results, mode="numpy")(*(values[k] for k in inputs))
    return {"value": value, "gradient": gradient}
