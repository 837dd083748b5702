"""Conversion of any array, column or table to a NumPy array of real numbers, with the checks of its values."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.array_conversion import read_array
from pellucid.graph.operators import Operators
from pellucid.graph.types import format_shape, is_float
from pellucid.model.errors import ModelError
from pellucid.training.data_sources.converters import format_names, name_column
from pellucid.training.data_sources.kinds import Form, describe, find_kind
from pellucid.typing import Array


class Features:
    """Columns of a table that are the features of one input, one number per row each."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def to_array(value: Any, name: str) -> Array:
    """Return data as an array of real numbers with at least one sample."""
    array = read_samples(value, name)
    if not array.dtype.isnative:  # XLA takes native byte order only
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "OUSTMm":
        raise ModelError(
            f"Expected {name} to hold numbers. Received: {array.dtype} values{find_text(array)}"
            f"{suggest_encoding(array, name)}"
        )
    if array.dtype.kind not in "biuf" and not is_float(array.dtype):
        raise ModelError(f"Expected {name} to hold real numbers. Received: {array.dtype} values")
    if not array.ndim or not len(array):
        raise ModelError(f"Expected {name} to hold at least one sample. Received: shape {format_shape(array.shape)}")
    return array


def read_samples(value: Any, name: str) -> Array:
    """Return data as an array of any dtype."""
    if isinstance(value, Operators):
        raise ModelError(
            f"Expected {name} to be data. Received: the expression {value}; call the model on an expression, model(x)"
        )
    if value is None or isinstance(value, (str, bytes)):
        raise ModelError(
            f"Expected {name} to be data. Received: {value!r}{'; load the file first' if value is not None else ''}"
        )
    if isinstance(value, Features):
        return stack_features(value.columns, name)
    kind = find_kind(value)
    if kind is None:
        return read_lists(value, name)
    if kind.form is Form.ARRAY:
        array: Array = kind.convert(value, name)
        return read_objects(array, name) if array.dtype == object else array
    if kind.form is Form.TABLE:
        return stack_features(kind.convert(value), name)
    if kind.form is Form.LAZY_ARRAY:
        rows = kind.convert(value)
        return read_lists(rows.read(np.arange(len(rows))), name)
    if kind.form is Form.REFUSED:
        raise ModelError(f"Expected {name} to be an array. Received: {describe(value)}; {kind.convert(value)}")
    raise ModelError(f"Expected {name} to be an array. Received: {describe(value)}")


def read_lists(value: Any, name: str) -> Array:
    """Read an array, or lists of numbers, which must have equal lengths."""
    try:
        return read_array(value)
    except ValueError as error:
        raise ModelError(
            f"Expected {name} to hold samples of equal shapes. Received: {reprlib.repr(value)}{find_ragged(value)}"
        ) from error


def read_objects(array: Array, name: str) -> Array:
    """Return Python objects, such as the lists of a column, as an array of numbers if they are numbers."""
    if not array.ndim:
        return array
    lengths = {len(v) if isinstance(v, (list, tuple, np.ndarray)) else None for v in array}
    if len(lengths) > 1:
        raise ModelError(
            f"Expected {name} to hold lists of equal length. Received: lengths "
            f"{' and '.join(sorted({str(n) for n in lengths})[:3])}; pad or cut them to one length"
        )
    converted = np.array(array.tolist() if lengths == {None} else [np.asarray(v) for v in array])
    return converted if converted.dtype.kind in "biuf" else array


def find_ragged(value: Any) -> str:
    """Return the first two samples of a list whose shapes differ, and how to fix it."""
    shapes: list[tuple[int, ...]] = []
    for i, sample in enumerate(value if isinstance(value, (list, tuple)) else ()):
        try:
            shapes.append(read_array(sample).shape)
        except ValueError:
            return f"; sample {i} itself holds lists of different lengths"
        if shapes[i] != shapes[0]:
            return (
                f"; sample 0 has shape {format_shape(shapes[0])} and sample {i} {format_shape(shapes[i])}. Pad or cut "
                "them to one shape"
            )
    return ""


def find_text(array: Array) -> str:
    """Return the first element that is not numeric, and its place."""
    for place, value in np.ndenumerate(array[:MAX_SEARCHED] if array.ndim else array):
        if not isinstance(value, (int, float, np.number, np.bool_)):
            return f", such as {None if value is None else repr(str(value))}" + (f" at {list(place)}" if place else "")
    return ""


MAX_SEARCHED = 10_000
"""Number of samples that are searched for the first that is not numeric."""


def suggest_encoding(array: Array, name: str) -> str:
    """Return how to make numbers of text."""
    if array.dtype.kind in "Mm":
        return f"; convert times to numbers, such as {name.split()[-1]}.astype('int64')"
    if name.endswith("y"):
        return "; number class names with np.unique(y, return_inverse=True)[1]"
    if name.startswith("column"):
        return "; leave the column out, or encode it: np.unique(column, return_inverse=True)[1] numbers its values"
    return ""


def stack_features(columns: Mapping[str, Any], name: str) -> Array:
    """Return the columns of a table as one array with a row per sample."""
    arrays = {column: to_array(value, name_column(name, column)) for column, value in columns.items()}
    if not arrays:
        raise ModelError(f"Expected {name} to have columns. Received: none")
    first, *others = arrays.values()
    if not others and first.ndim > 1:
        return first
    for column, array in arrays.items():
        if array.ndim != 1:
            raise ModelError(
                f"Expected {name_column(name, column)} to hold one number per row, since it is one of {len(arrays)} "
                f"columns for one input. Received: values of shape {format_shape(array.shape[1:])}. Select that column "
                f"alone; columns: {format_names(arrays)}"
            )
        if len(array) != len(first):
            raise ModelError(
                f"Expected the columns of {name} to have equal lengths. Received: {len(first)} in "
                f"{next(iter(arrays))!r} and {len(array)} in {column!r}"
            )
    return np.stack(list(arrays.values()), axis=1)


def get_feature_names(value: Any) -> list[str]:
    """Return the names of the columns that become features; empty for arrays."""
    if isinstance(value, Features):
        return list(value.columns)
    kind = find_kind(value)
    return list(kind.convert(value)) if kind is not None and kind.form is Form.TABLE else []


class ValueRange(NamedTuple):
    """Minimum and maximum of an array; both are NaN if it contains NaN."""

    low: Any
    high: Any

    @property
    def is_finite(self) -> bool:
        """Whether all values are finite."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


class ValueRanges:
    """Ranges of arrays that do not change meanwhile, each computed once.

    Examples
    --------
    >>> ranges, values = ValueRanges(), np.array([3, 1, 2])
    >>> ranges.get(values) is ranges.get(values)
    True
    """

    def __init__(self) -> None:
        self.known: dict[int, tuple[Array, ValueRange]] = {}
        """For each id, the array, which keeps its id while it exists, and its range."""

    def get(self, array: Array) -> ValueRange:
        """Return the range of an array with at least one element."""
        if id(array) not in self.known:
            with np.errstate(invalid="ignore"):
                self.known[id(array)] = array, ValueRange(array.min(), array.max())
        return self.known[id(array)][1]


def check_finite(array: Array, name: str, columns: Sequence[str] = (), ranges: ValueRanges | None = None) -> Array:
    """Refuse data with NaN or infinity, and name the first such value; ``ranges`` may know the range of the values."""
    if not is_float(array.dtype) or (ranges.get(array).is_finite if ranges and array.size else is_sum_finite(array)):
        return array
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):  # else finite values overflowed the sum
        at = tuple(int(i) for i in wrong[0])
        samples = len(np.unique(wrong[:, 0]))
        place = f"{list(at)}, column {columns[at[1]]!r}" if array.ndim == 2 and len(columns) > at[1] else list(at)
        raise ModelError(
            f"Expected {name} to be finite {array.dtype} numbers. Received: {array[at]} at {place}, the first of "
            f"{len(wrong)} such values, in {samples} samples. Fill them in, or drop those samples"
        )
    return array


def is_sum_finite(array: Array) -> bool:
    """Whether the sum is finite, and therefore every value; needs no second array of the data's size."""
    with np.errstate(all="ignore"):
        return math.isfinite(array.sum())
