"""Balance of classes: weights of the loss, the positive of two classes, and classes that are rare."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.train.read.out_of_core.row_file import Rows, count_labels
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.train.read.dataset import Dataset
    from pellucid.train.settings.settings import Settings

RARE_FRACTION = 0.1
"""A class is rare if it has less than this fraction of the samples of the most frequent class. A network that ignores
it is still right for more than nine of ten samples of both."""
FEW_SAMPLES = 20
"""A class is rare, too, if it has fewer training samples. With 20, the test set has about four by default, and the
interval of a recall of one half is 0.7 wide."""


def get_class_weights(settings: "Settings", dataset: "Dataset", training: Rows) -> dict[int, float] | None:
    """Return the weight of each class in the loss, by its index, or None; raise `UsageError` if they do not fit.

    Balanced weights are n / (k n_k) for n training samples, of which n_k are of one of the k classes.
    """
    given, names = settings.class_weights, dataset.class_names
    if given is None:
        return None
    if not names:
        raise UsageError(f"class_weights: only for classification. Omit it for {dataset.where}")
    if isinstance(given, Mapping):
        return read_class_weights(given, names)
    counts = count_labels(dataset.targets, training, len(names))
    classes = np.flatnonzero(counts)
    return {int(k): len(training) / (len(classes) * float(counts[k])) for k in classes}


def read_class_weights(given: Mapping[str, object], names: Sequence[str]) -> dict[int, float]:
    """Return the weights of a table, by class index; 1 for classes that it does not have."""
    weights = dict.fromkeys(range(len(names)), 1.0)
    for name, weight in given.items():
        if name not in names:
            hint = near_miss(name, names) or f" The classes are {', '.join(names[:6])}"
            raise UsageError(f"class_weights: no class {name!r}.{hint}")
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight < float("inf"):
            raise UsageError(f"class_weights: {name}: expected a number, more than 0; received {weight!r}")
        weights[names.index(name)] = float(weight)
    return weights


def get_positive_class(settings: "Settings", dataset: "Dataset", training: Rows) -> int | None:
    """Return the index of the positive of two classes, None for other targets; raise `UsageError` if there is none."""
    names = dataset.class_names
    for name in ("threshold", "positive_class"):
        if getattr(settings, name) is not None and len(names) != 2:
            received = f"{len(names)} classes" if names else "a regression"
            raise UsageError(f"{name}: expected data with two classes; received {received}. Omit it")
    if settings.positive_class is not None:
        if settings.positive_class not in names:
            hint = near_miss(settings.positive_class, names)
            raise UsageError(
                f"positive_class: expected {names[0]} or {names[1]}; received {settings.positive_class!r}.{hint}"
            )
        return names.index(settings.positive_class)
    if len(names) != 2:
        return None
    first, second = count_labels(dataset.targets, training, 2)
    return 0 if first < second else 1


def find_rare_classes(counts: Array) -> Array:
    """Return the indices of classes with few training samples, from the number of each class.

    Examples
    --------
    >>> find_rare_classes(np.array([500, 49, 50])), find_rare_classes(np.array([30, 19]))
    (array([1]), array([1]))
    """
    return np.flatnonzero((counts < RARE_FRACTION * counts.max()) | (counts < FEW_SAMPLES))


def is_imbalanced(counts: Array) -> bool:
    """Tell whether accuracy alone would hide a class: the smallest has few samples compared with the largest."""
    return bool(counts.min() < RARE_FRACTION * counts.max())
