"""Converters of the kinds of data of other libraries, which are never imported here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.typing import Array


def read_masked_array(array: Any, name: str) -> Array:
    check_missing(np.ma.getmaskarray(array), array.dtype, name, "x.filled(value)", "x[~x.mask.any(axis=1)]")
    filled: Array = array.data
    return filled


def format_names(names: Iterable[str]) -> str:
    """Return names for a message, the first of many.

    Examples
    --------
    >>> format_names(["height", "width"]), format_names(map(str, range(99)))
    ('height, width', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 89 more')
    """
    shown = list(names)
    rest = len(shown) - MAX_NAMES
    return ", ".join(shown[:MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")


MAX_NAMES = 10
"""Number of columns that a message lists."""

# Columns of tables


def name_column(argument: str, column: Any) -> str:
    """Return the name of a column in a message."""
    is_named = column is None or column == "" or argument.startswith("column")
    return argument if is_named else f"column {column!r} of {argument}"


def index_columns(names: Iterable[Any], columns: Iterable[Any]) -> dict[str, Any]:
    """Return columns by name, which must differ."""
    found: dict[str, Any] = {}
    for name, column in zip(map(str, names), columns, strict=True):
        if name in found:
            raise ModelError(f"Expected the columns of a table to have different names. Received: {name!r} twice")
        found[name] = column
    return found


def get_pandas_columns(frame: Any) -> dict[str, Any]:
    return index_columns(frame.columns, [frame.iloc[:, i] for i in range(len(frame.columns))])


def get_polars_columns(frame: Any) -> dict[str, Any]:
    return index_columns(frame.columns, frame.get_columns())


def get_arrow_columns(table: Any) -> dict[str, Any]:
    return index_columns(table.schema.names, table.columns)


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
        first = np.argwhere(missing)[0]
        raise ModelError(
            f"Expected {name} to have no missing values. Received: {missing.sum()} of {missing.size} are missing, the "
            f"first in row {first[0]}; dtype {dtype}. Fill them in with {fill}, or drop those rows with {drop}"
        )


# Rows that are read when they are needed


class SparseRows:
    """Rows of a SciPy sparse matrix, made dense when they are read."""

    def __init__(self, matrix: Any) -> None:
        self.matrix: Any = matrix.tocsr()
        self.shape: Any = matrix.shape

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
        self.has_transform: Any = dataset.format["type"] == "custom"
        self.dataset: Any = (
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
        self.rows: HuggingFaceRows | None = (
            None if is_field else HuggingFaceRows(column.source).select([column.column_name])
        )

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
