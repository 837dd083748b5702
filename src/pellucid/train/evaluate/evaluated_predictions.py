"""Predictions of a network and its baselines for the same samples, with their metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.tables.stored_table import release_memory
from pellucid.graph.errors import NonFiniteError
from pellucid.train.evaluate.decision import Decision
from pellucid.train.evaluate.metrics import (
    Evaluation,
    Metrics,
    evaluate_classification,
    evaluate_regression,
)
from pellucid.train.prepare.class_balance import is_imbalanced
from pellucid.train.read.out_of_core.row_file import iter_row_blocks, store_blocks
from pellucid.training.memmap_source import StreamedArray, release_pages
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike
    from pellucid.train.prepare.prepared_run import PreparedRun

PREDICTED_ROWS, PREDICTION_BATCH = 2**14, 1024
"""Number of samples of data that are larger than memory that are read, and predicted, at a time."""

NETWORK = "network"
"""Name of the network among its baselines."""


@dataclass(frozen=True, eq=False)
class ScoredPredictions:
    """A network and its baselines on the same samples: those of the test set, or of all folds of a cross-validation.

    Attributes
    ----------
    evaluation : Evaluation
        That of the network.
    baselines : mapping from str to mapping
        Metrics of the baselines by name, the constant one first.
    truth : array
        Classes, shape (n,), or values, shape (n, k).
    predicted : mapping from str to array
        Predictions in the same form by baseline, and by `NETWORK`.
    source : str
        Where the metrics come from, such as "300 test samples".
    has_folds : bool
        Whether this is a cross-validation.
    """

    evaluation: Evaluation
    baselines: Mapping[str, Metrics]
    truth: Array
    predicted: Mapping[str, Array]
    source: str
    has_folds: bool = False


def describe_details(found: Evaluation, has_classes: bool) -> dict[str, Any]:
    """Return intervals, and the metrics of each class or target, for the record."""
    return {"intervals": found.intervals, "per_class" if has_classes else "per_target": found.groups}


def predict_finite(model: "ModelLike", x: Array, batch_size: int | None = None) -> Array:
    """Return the outputs of a network; raise `NonFiniteError` if they are not finite."""
    outputs: Array = model.predict(x, batch_size)
    wrong = ~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    if wrong.any():
        raise NonFiniteError(
            f"The outputs of the network are not finite for {int(wrong.sum()):,} of {len(x):,} samples. Look for "
            "extreme inputs in them, or train again with a smaller --learning-rate"
        )
    return outputs


def predict_part(prepared: "PreparedRun", model: "ModelLike", part: str) -> Array:
    """Return the outputs of a network for a part; those for data that are larger than memory are in a file."""
    if prepared.arranged is None:
        return predict_finite(model, prepared.get_inputs(part))
    blocks = iter_row_blocks(prepared.x, prepared.parts[part], PREDICTED_ROWS)
    return store_blocks((predict_finite(model, x, PREDICTION_BATCH) for x in blocks), prepared.arranged.folder)


def get_predictions(outputs: Array, decision: Decision, class_names: Sequence[str]) -> Array:
    """Return the classes that outputs mean, shape (n,), or the values that they are, shape (n, k)."""
    if not class_names:
        return outputs
    classes = decision.choose_classes(outputs)
    return classes.astype(np.int32) if isinstance(outputs, StreamedArray) else classes


def evaluate_outputs(
    outputs: Array,
    predicted: Array,
    truth: Array,
    positive: int | None,
    class_names: Sequence[str],
    target_names: Sequence[str],
    seed: int | None,
) -> Evaluation:
    """Return the metrics of outputs, shape (n, k), and the predictions that they mean, for classes or values.

    Without a seed, only fractions have intervals.
    """
    if not class_names:
        found = evaluate_regression(truth, outputs, target_names, seed)
    else:
        found = evaluate_classification(truth, predicted, outputs, class_names, positive, seed)
    release_pages(outputs)
    if isinstance(outputs, StreamedArray):
        release_memory()
    return found


def choose_metric(prepared: "PreparedRun") -> str:
    """Return the key of the main metric; accuracy only if no class is rare, because it hides rare classes."""
    dataset = prepared.dataset
    if not dataset.class_names:
        return "mae"
    return "balanced_accuracy" if is_imbalanced(prepared.training_counts) else "accuracy"
