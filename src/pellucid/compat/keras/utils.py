"""Utilities of Keras 1 on arrays and models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import StorageError
from pellucid.typing import Array

__path__: list[str] = []  # `keras.utils.np_utils` and others are this module


def to_categorical(y: Any, nb_classes: int | None = None, num_classes: int | None = None) -> Array:
    """Return class numbers as one-hot rows."""
    labels = np.array(y, dtype=int).ravel()
    count = nb_classes or num_classes or int(labels.max()) + 1
    return np.asarray(np.eye(count)[labels])


def normalize(a: Any, axis: int = -1, order: int = 2) -> Array:
    """Divide by the norm along an axis."""
    norms = np.linalg.norm(a, order, axis, keepdims=True)
    return np.asarray(a / np.where(norms == 0, 1, norms))


def categorical_probas_to_classes(p: Array) -> Array:
    """Return the column with the maximum."""
    return np.asarray(np.argmax(p, axis=1))


def probas_to_classes(y_pred: Array) -> Array:
    """Return the column with the maximum; for a single column, whether it exceeds 1/2."""
    several = y_pred.ndim > 1 and y_pred.shape[1] > 1
    return categorical_probas_to_classes(y_pred) if several else (np.ravel(y_pred) > 0.5).astype(int)


def get_file(fname: str, origin: str = "", **_: Any) -> str:
    """Return the path of a file in ``~/.keras/datasets``; nothing is downloaded."""
    path = Path.home() / ".keras" / "datasets" / fname
    if not path.exists():
        raise StorageError(f"get_file: {path} does not exist, and nothing is downloaded here. Fetch {origin} yourself")
    return str(path)


def plot(model: Any, to_file: str = "model.png", show_shapes: bool = False, show_layer_names: bool = True) -> None:
    """Print the layers and their shapes: Keras 1 drew them with Graphviz, which pellucid does not use."""
    print(f"plot: {to_file} is not written, since Graphviz is not used here. The layers are:")
    model.summary()


plot_model = plot

add_missing_name_errors(globals(), "keras.utils")
