"""Converters of the kinds of data of other libraries, which are never imported here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.typing import Array

# Columns of tables


def name_column(argument: str, column: Any) -> str:
    """Return the name of a column in a message."""
    is_named = column is None or column == "" or argument.startswith("column")
    return argument if is_named else f"column {column!r} of {argument}"


def get_pandas_columns(frame: Any) -> dict[str, Any]:
    return {str(name): frame.iloc[:, i] for i, name in enumerate(frame.columns)}


def get_polars_columns(frame: Any) -> dict[str, Any]:
    return {series.name: series for series in frame.get_columns()}


def get_arrow_columns(table: Any) -> dict[str, Any]:
    return dict(zip(table.schema.names, table.columns, strict=True))


def read_pandas_series(series: Any, name: str) -> Array:
    """Read a column; those of pandas's nullable dtypes become arrays of the NumPy dtype that they hold."""
    name = name_column(name, series.name)
    check_missing(np.asarray(series.isna()), series.dtype, name, "x.fillna(value)", "x.dropna()")
    dtype = getattr(series.dtype, "numpy_dtype", None)
    return np.asarray(series) if dtype is None else series.to_numpy(dtype=dtype)


def read_polars_series(series: Any, name: str) -> Array:
    name = name_column(name, series.name)
    check_missing(series.is_null().to_numpy(), series.dtype, name, "x.fill_null(value)", "x.drop_nulls()")
    array: Array = series.to_numpy()
    return array


def read_arrow_array(array: Any, name: str) -> Array:
    missing = array.is_null().to_numpy(zero_copy_only=False)
    check_missing(missing, array.type, name, "pyarrow.compute.fill_null(x, value)", "x.drop_null()")
    values: Array = array.to_numpy(zero_copy_only=False)
    return values


def check_missing(missing: Array, dtype: Any, name: str, fill: str, drop: str) -> None:
    """Refuse a column with missing values, and name the first."""
    if missing.any():
        raise ModelError(
            f"Expected {name} to have no missing values. Received: {missing.sum()} of {len(missing)} are missing, the "
            f"first in row {missing.argmax()}; dtype {dtype}. Fill them in with {fill}, or drop those rows with {drop}"
        )


# Rows that are read when they are needed


class SparseRows:
    """Rows of a SciPy sparse matrix, made dense when they are read."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix.tocsr()
        self.shape = matrix.shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def read(self, rows: Array) -> Array:
        dense: Array = self.matrix[rows].toarray()
        return dense


class HuggingFaceRows:
    """Rows of a Hugging Face data set as a dict of arrays.

    A transform of the user's is applied; any other format is replaced by that of NumPy.
    """

    def __init__(self, dataset: Any) -> None:
        self.has_transform = dataset.format["type"] == "custom"
        self.dataset = (
            dataset if self.has_transform else dataset.with_format("numpy", columns=dataset.format["columns"])
        )

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, rows: Array) -> dict[str, Any]:
        return dict(self.dataset[rows.tolist()])

    def select(self, names: list[str]) -> HuggingFaceRows:
        """Return the rows of some columns, so that no others are decoded."""
        return self if self.has_transform else HuggingFaceRows(self.dataset.select_columns(names))


class HuggingFaceColumn:
    """Rows of one column of a Hugging Face data set."""

    def __init__(self, column: Any) -> None:
        self.column = column
        # A field of a column of structures has a column for a source.
        is_field = hasattr(column.source, "column_name")
        self.rows = None if is_field else HuggingFaceRows(column.source).select([column.column_name])

    def __len__(self) -> int:
        return len(self.column)

    def read(self, rows: Array) -> Any:
        if self.rows is None:
            return self.column[rows.tolist()]
        return self.rows.read(rows)[self.column.column_name]


# Iterables


class TensorFlowBatches:
    """Elements of a TensorFlow data set as NumPy arrays."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        iterator: Iterator[Any] = self.dataset.as_numpy_iterator()
        return iterator

    def __len__(self) -> int:
        count = int(self.dataset.cardinality())
        if count < 0:
            raise TypeError("The data set is infinite, or does not know its length")
        return count
