"""Losses and metrics by their Keras 1 names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid import abs, clip, log, maximum, mean, round, square
from pellucid import sum as sum_of
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, near_miss
from pellucid.nn import losses, metrics

EPSILON = 1e-7


def normalize(y: Any) -> Any:
    """Divide by the Euclidean norm of the last axis."""
    return y / maximum(sum_of(square(y), axis=-1, keepdims=True), 1e-12) ** 0.5


def compute_f(t: Any, y: Any) -> Any:
    """Return the F1 score of a batch."""
    p, r = METRICS["precision"](t, y), METRICS["recall"](t, y)
    return 2 * p * r / (p + r + EPSILON)


def count(y: Any) -> Any:
    """Return the number of positives."""
    return sum_of(round(clip(y, 0, 1)))


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "mean_absolute_percentage_error": lambda t, y: 100.0 * mean(abs((t - y) / clip(abs(t), EPSILON, None)), axis=-1),
    "mean_squared_logarithmic_error": lambda t, y: mean(
        square(log(clip(y, EPSILON, None) + 1.0) - log(clip(t, EPSILON, None) + 1.0)), axis=-1
    ),
    "hinge": lambda t, y: mean(maximum(1.0 - t * y, 0.0), axis=-1),
    "squared_hinge": lambda t, y: mean(square(maximum(1.0 - t * y, 0.0)), axis=-1),
    "kullback_leibler_divergence": lambda t, y: sum_of(
        clip(t, EPSILON, 1) * log(clip(t, EPSILON, 1) / clip(y, EPSILON, 1)), axis=-1
    ),
    "poisson": lambda t, y: mean(y - t * log(y + EPSILON), axis=-1),
    "cosine_proximity": lambda t, y: -mean(normalize(t) * normalize(y), axis=-1),
}
"""Losses whose formulas differ from today's: hinge losses take labels -1 and 1 only, the cosine is a mean."""

BATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "precision": lambda t, y: count(t * y) / (count(y) + EPSILON),
    "recall": lambda t, y: count(t * y) / (count(t) + EPSILON),
    "fmeasure": compute_f,
}
"""Metrics of a batch, which Keras 1 averaged over batches."""

TODAY = "mean_squared_error mean_absolute_error categorical_crossentropy sparse_categorical_crossentropy"
LOSSES: dict[str, Callable[..., Any]] = {
    **FORMULAS,
    **{name: losses.NAMED[name] for name in f"{TODAY} binary_crossentropy".split()},
}
ACCURACIES = "binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy"
METRICS: dict[str, Callable[..., Any]] = {
    **LOSSES,
    **BATCHES,
    **{name: getattr(metrics, name) for name in ACCURACIES.split()},
}
SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error"}
SHORT |= {"msle": "mean_squared_logarithmic_error", "kld": "kullback_leibler_divergence", "cosine": "cosine_proximity"}

for _name, _function in {**FORMULAS, **BATCHES}.items():
    _function.__name__ = _name
globals().update({**METRICS, **{name: METRICS[long] for name, long in SHORT.items()}})


def get(identifier: Any) -> Any:
    """Return a loss by name, or the given function."""
    return find(identifier, "objective", LOSSES)


def get_metric(identifier: Any) -> Any:
    """Return a metric by name, or the given function; the history calls ``"accuracy"`` ``acc``, as Keras 1 did."""
    return "acc" if identifier in ("accuracy", "acc") else find(identifier, "metric", METRICS)


def find(identifier: Any, kind: str, known: dict[str, Any]) -> Any:
    """Return a function by its name, which may be short."""
    if not isinstance(identifier, str):
        return identifier
    name = SHORT.get(identifier.lower(), identifier)
    if name not in known:
        raise OptionError(f"There is no {kind} named {identifier!r}.{near_miss(identifier, [*known, *SHORT])}")
    return known[name]


add_missing_name_errors(globals(), "keras.objectives")
