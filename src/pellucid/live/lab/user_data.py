"""Rows of the user's data: two features, a target, and facts for the page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.graph.errors import OptionError
from pellucid.live.lab.projection import project_rows
from pellucid.live.lab.row_order import MAX_ROWS, order_rows
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.train.read.dataset import Dataset


MIN_ROWS = 10
MAX_CLASSES = 10
"""Number of class colors of the page."""

ARRAYS = "the arrays"
"""Name of data that come from no file."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of data in the order in which the page divides them.

    Attributes
    ----------
    X : array, shape (n, 2)
        Two features of each row, float64.
    y : array, shape (n,)
        Class indices, int32, or numbers, float64.
    feature_names : tuple of str
        Names of the two features.
    class_names : tuple of str
        The classes; empty if a number is predicted.
    target_name : str
        Name of the target.
    name : str
        Name of the data, for titles.
    facts : tuple of str
        Sentences for the page: size of the data, choice of the features, cells that could not be used.
    """

    X: Array
    y: Array
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    target_name: str
    name: str
    facts: tuple[str, ...]


def read_rows(
    data: Any, *, target: str | None, features: Sequence[str | int] | None, task: str | None, strict: bool
) -> Rows:
    """Read and check data, and choose the features that span the plane."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        dataset, names = load(data, target, task, strict)
        X, description = dataset.fit_inputs(np.arange(len(dataset.targets)))
    for w in caught:
        warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    missing = [*describe_skipped(description), *describe_missing(dataset, description)]
    y = check_targets(dataset)
    names = names or name_columns(description, X)
    plane = project_rows(X, names, features, dataset.where)
    name = Path(dataset.where).name
    order = order_rows(y if dataset.class_names else None, len(y))
    found = [str(w.message).replace(dataset.where, name) for w in caught if issubclass(w.category, DataWarning)]
    target_name = dataset.target_names[0] if dataset.target_names != ("target",) else "the target"
    if dataset.class_names:
        target_name = str(description.get("target", "the class"))
    return Rows(
        plane.X[order],
        y[order],
        plane.names,
        dataset.class_names,
        target_name,
        name,
        (describe_size(dataset, name, target_name), *plane.facts, *missing, *(f"{text}." for text in found)),
    )


def load(data: Any, target: str | None, task: str | None, strict: bool) -> tuple[Dataset, list[str] | None]:
    """Return the data with the names of their features, or None where the columns of a table have them."""
    from pellucid.train import Settings
    from pellucid.train.read.loaders import load_dataset

    if isinstance(data, str | Path):
        options = {} if target is None else {"target": target}
        return load_dataset(Settings(str(data), task=task, strict=strict, options=options)), None  # type: ignore[arg-type]
    if target is not None:
        raise OptionError(
            f"pel.lab: target={target!r} names a column of a table. Of the arrays (X, y), y is the target"
        )
    return load_arrays(data, task)


def load_arrays(data: Any, task: str | None) -> tuple[Dataset, list[str] | None]:
    """Return a pair of arrays as data; column names of a data frame become names of features."""
    from pellucid.train import Settings
    from pellucid.train.read.loaders.array_loader import check_pair, make_dataset

    if not isinstance(data, tuple | list) or len(data) != 2:
        raise OptionError(
            "pel.lab: expected a table such as a CSV file, a built-in name such as 'moons', a pair (X, y), or a model "
            f"and its data. Received: {type(data).__name__}"
        )
    x, y = np.asarray(data[0]), to_labels(np.asarray(data[1]))
    check_pair(x, y, "X", "y", x, ARRAYS)
    if x.ndim != 2:
        raise DataError(f"{ARRAYS}: expected X of shape (rows, features), received {x.shape}; flatten each sample.")
    columns = getattr(data[0], "columns", None)
    settings = Settings(ARRAYS, task=task)  # type: ignore[arg-type]
    return make_dataset(x, y, {}, settings), None if columns is None else [str(name) for name in columns]


def to_labels(y: Array) -> Array:
    """Convert an array of Python strings, as data frames hold them, to an array of strings."""
    return y.astype(str) if y.dtype == object and all(isinstance(label, str) for label in y.flat) else y


def check_targets(dataset: Dataset) -> Array:
    """Return class indices or numbers, shape (n,), if the page can show them."""
    y, where, count = dataset.targets, dataset.where, len(dataset.targets)
    if not MIN_ROWS <= count <= MAX_ROWS:
        remedy = "Use a part of them, such as a random sample" if count > MAX_ROWS else "Add rows"
        raise DataError(f"{where}: expected {MIN_ROWS} to {MAX_ROWS:,} rows, received {count:,}. {remedy}.")
    if len(dataset.class_names) > MAX_CLASSES:
        raise DataError(
            f"{where}: expected at most {MAX_CLASSES} classes, one for each color, received "
            f"{len(dataset.class_names)}. Merge classes, or predict a number with task='regression'."
        )
    if dataset.class_names:
        return y
    if y.shape[1] != 1:
        raise DataError(f"{where}: expected one number to predict, received {y.shape[1]}. Keep one column of y.")
    if np.ptp(y) == 0:
        raise DataError(f"{where}: the target is always {y[0, 0]:g}. Choose another target.")
    return y[:, 0].astype(np.float64)


def name_columns(description: Mapping[str, Any], X: Array) -> list[str]:
    """Return names of the features: columns of a table, with one name for each category, or x1, x2, ..."""
    from pellucid.train.read.table_columns import list_features

    if "inputs" in description:
        return list_features(description["inputs"])
    return [f"x{k + 1}" for k in range(X.shape[1])] if X.ndim == 2 else []


def describe_size(dataset: Dataset, name: str, target: str) -> str:
    count, classes = len(dataset.targets), dataset.class_names
    kind = f"one of {len(classes)} classes" if classes else "a number"
    return f"The network predicts {target}, {kind}, from {count:,} rows of {name}."


def describe_skipped(description: Mapping[str, Any]) -> list[str]:
    """Return a sentence about the columns of a table that are no features, if there are any."""
    skipped = [f"{name} ({reason})" for name, reason in description.get("skipped", {}).items()]
    return [f"Columns that are left out: {', '.join(skipped)}."] if skipped else []


def describe_missing(dataset: Dataset, description: Mapping[str, Any]) -> list[str]:
    """Return a sentence about the missing numbers of a table, if it has any."""
    columns = [c for c in description.get("inputs", []) if c["kind"] == "number"]
    if not columns:
        return []
    marked = {**description, "inputs": [{**c, "missing": np.nan} for c in columns]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # about invalid cells, again
        counts = np.isnan(dataset.apply_description(marked)).sum(axis=0).tolist()
    found = [f"{count} in {c['name']}" for c, count in zip(columns, counts, strict=True) if count]
    return [f"Missing numbers are replaced by the median of their column: {', '.join(found)}."] if found else []
