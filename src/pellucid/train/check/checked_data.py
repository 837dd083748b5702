"""Data under check: a data set, its parts, and its columns with their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.train.fit.networks import is_image
from pellucid.train.read.out_of_core.storage import draw_rows
from pellucid.train.read.table_columns import explain_column, silence
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.data.tables import Table
    from pellucid.train.read.dataset import Dataset


@dataclass(frozen=True, eq=False)
class CheckedColumn:
    """One column of a table, or one feature of an array.

    ``used_as`` is a kind of column, ``"target"``, or ``"-"`` for a column that is left out; ``reason`` says why.
    ``values`` are float64 with nan, datetime64 with NaT, or strings that are empty where one is missing.
    """

    name: str
    used_as: str
    reason: str
    values: Array

    @property
    def is_feature(self) -> bool:
        return self.used_as not in ("target", "-")

    @cached_property
    def is_missing(self) -> Array:
        kind = self.values.dtype.kind
        missing: Array = (
            np.isnat(self.values) if kind == "M" else ~np.isfinite(self.values) if kind == "f" else self.values == ""
        )
        return missing

    @property
    def present(self) -> Array:
        """The values that are not missing."""
        return self.values[~self.is_missing]


@dataclass(frozen=True, eq=False)
class CheckedData:
    """A data set as a network receives it.

    Attributes
    ----------
    dataset : Dataset
        The data set.
    parts : mapping from str to array of int
        Indices of the training, validation and test samples.
    x : array, shape (n, ...)
        All inputs.
    description : mapping
        How the inputs were made.
    class_weights : mapping, optional
        Weights of the classes in the loss.
    has_folds : bool
        Whether a cross-validation tests on all samples.
    whole_counts : mapping from str to array of int, optional
        For a random sample of data: how many samples of each class the parts of the whole data have; one number for a
        regression.
    """

    dataset: Dataset
    parts: Mapping[str, Array]
    x: Array
    description: Mapping[str, Any]
    class_weights: Mapping[int, float] | None = None
    has_folds: bool = False
    whole_counts: Mapping[str, Array] | None = None

    def count_samples(self, part: str) -> int:
        """Return the number of samples of a part, of the whole data."""
        return len(self.parts[part]) if self.whole_counts is None else int(self.whole_counts[part].sum())

    def count_classes(self, part: str) -> Array:
        """Return the number of samples of each class in a part, of the whole data."""
        if self.whole_counts is not None:
            return self.whole_counts[part]
        return np.bincount(self.dataset.targets[self.parts[part]], minlength=self.dataset.outputs)

    @property
    def training_counts(self) -> Array:
        """Number of training samples of each class."""
        return self.count_classes("training")

    @property
    def sample_text(self) -> str:
        """Which samples were checked, if not all."""
        total = sum(map(self.count_samples, self.parts))
        return f"checked a random sample of {len(self.x):,} of {total:,} samples" if len(self.x) < total else ""

    @property
    def is_image(self) -> bool:
        """Whether the inputs have the shape of images."""
        return is_image(self.x.shape[1:])

    @cached_property
    def columns(self) -> list[CheckedColumn]:
        """The columns of a table, or the features of an array of rows; empty for other data."""
        table = self.dataset.table
        if table is not None:
            return [read_column(table, name, self.description, self.dataset.target_names) for name in table.names]
        if self.x.ndim != 2:
            return []
        return [
            CheckedColumn(f"feature {k + 1}", "number", "", values.astype(np.float64))
            for k, values in enumerate(self.x.T)
        ]

    @property
    def features(self) -> list[CheckedColumn]:
        """The columns that a network receives."""
        return [column for column in self.columns if column.is_feature]


def read_column(table: Table, name: str, description: Mapping[str, Any], targets: Sequence[str]) -> CheckedColumn:
    described = {column["name"]: column for column in description["inputs"]}
    if name in described:
        used_as, reason = described[name]["kind"], explain_column(table, described[name])
    elif name in targets:
        used_as, reason = "target", ""
    else:
        used_as, reason = "-", description["skipped"][name]
    kind = table.infer_kind(name)
    if used_as == "category" or kind in ("text", "empty"):
        values = table.strings(name)
    else:
        values = silence(table.numbers if kind == "number" else table.dates, name)
    return CheckedColumn(name, used_as, reason, values)


def draw_sample(rows: Array, limit: int) -> Array:
    """Return a random sample of rows, sorted, always the same; all rows if there are few enough.

    Examples
    --------
    >>> draw_sample(np.arange(3), 5), len(draw_sample(np.arange(100), 5))
    (array([0, 1, 2]), 5)
    """
    chosen: Array = rows[draw_rows(len(rows), limit)]
    return chosen
