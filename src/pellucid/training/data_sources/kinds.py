"""Table of the kinds of data of other libraries, which are recognized without importing the library."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pellucid.graph.array_conversion import read_array
from pellucid.training.data_sources import converters
from pellucid.typing import Array


@runtime_checkable
class MapStyleSource(Protocol):
    """Samples with a number: ``source[i]`` is a sample ``(x, y)``, or a batch, and ``len(source)`` is their number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


@runtime_checkable
class IterableSource(Protocol):
    """Samples or batches ``(x, y)`` in order; every epoch calls ``iter(source)``."""

    def __iter__(self) -> Iterator[Any]: ...


DataSource: TypeAlias = MapStyleSource | IterableSource
"""Objects that `fit`, `evaluate` and `predict` take, whatever their class."""


class Form(enum.Enum):
    """How data are read. The comments give the result of ``convert`` of a kind."""

    ARRAY = enum.auto()  # convert(value, name): a NumPy array
    TABLE = enum.auto()  # convert(value): a dict of columns, which are arrays of a kind
    LAZY_ARRAY = enum.auto()  # convert(value): a `LazyRows`, which reads arrays
    LAZY_TABLE = enum.auto()  # convert(value): a `LazyTable`, which reads dicts of arrays
    ITERABLE = enum.auto()  # convert(value): an iterable of samples or batches
    REFUSED = enum.auto()  # convert(value): how to make it one of the others, as text


class LazyRows(Protocol):
    """Rows that are read when they are needed."""

    def __len__(self) -> int: ...
    def read(self, rows: Array) -> Any: ...


class LazyTable(LazyRows, Protocol):
    """Rows with named columns, of which some can be selected."""

    def select(self, names: list[str]) -> LazyTable: ...


@dataclass(frozen=True)
class Kind:
    """Kind of data of another library, known by the names of its types."""

    name: str
    library: str  # top-level module of the types
    types: tuple[str, ...]
    form: Form
    convert: Callable[..., Any]


def read_plain_array(value: Any, name: str) -> Array:
    return read_array(value)


def get_itself(value: Any) -> Any:
    return value


KINDS = (
    Kind("NumPy masked array", "numpy", ("MaskedArray",), Form.ARRAY, converters.read_masked_array),
    Kind("NumPy array", "numpy", ("ndarray",), Form.ARRAY, read_plain_array),
    Kind("JAX array", "jaxlib", ("ArrayImpl",), Form.ARRAY, read_plain_array),
    Kind("PyTorch tensor", "torch", ("Tensor",), Form.ARRAY, read_plain_array),
    Kind("TensorFlow tensor", "tensorflow", ("Tensor", "Variable"), Form.ARRAY, read_plain_array),
    Kind("pandas data frame", "pandas", ("DataFrame",), Form.TABLE, converters.get_pandas_columns),
    Kind("pandas series", "pandas", ("Series", "Index"), Form.ARRAY, converters.read_pandas_series),
    Kind("polars data frame", "polars", ("DataFrame",), Form.TABLE, converters.get_polars_columns),
    Kind("polars series", "polars", ("Series",), Form.ARRAY, converters.read_polars_series),
    Kind("polars lazy frame", "polars", ("LazyFrame",), Form.REFUSED, lambda value: "collect it with x.collect()"),
    Kind("Arrow table", "pyarrow", ("Table", "RecordBatch"), Form.TABLE, converters.get_arrow_columns),
    Kind("Arrow array", "pyarrow", ("Array", "ChunkedArray"), Form.ARRAY, converters.read_arrow_array),
    Kind("SciPy sparse matrix", "scipy", ("spmatrix", "sparray"), Form.LAZY_ARRAY, converters.SparseRows),
    Kind("Hugging Face data set", "datasets", ("Dataset",), Form.LAZY_TABLE, converters.HuggingFaceRows),
    Kind("Hugging Face column", "datasets", ("Column",), Form.LAZY_ARRAY, converters.HuggingFaceColumn),
    Kind("Hugging Face stream", "datasets", ("IterableDataset",), Form.ITERABLE, get_itself),
    Kind(
        "Hugging Face dictionary of data sets",
        "datasets",
        ("DatasetDict", "IterableDatasetDict"),
        Form.REFUSED,
        lambda value: f"choose one of them, such as x[{next(iter(value), 'train')!r}]",
    ),
    Kind("TensorFlow data set", "tensorflow", ("DatasetV2",), Form.ITERABLE, converters.TensorFlowBatches),
    Kind(
        "TensorFlow ragged tensor",
        "tensorflow",
        ("RaggedTensor",),
        Form.REFUSED,
        lambda value: "pad its rows to one length with x.to_tensor()",
    ),
    Kind(
        "TensorFlow sparse tensor",
        "tensorflow",
        ("SparseTensor",),
        Form.REFUSED,
        lambda value: "make it dense with tf.sparse.to_dense(x)",
    ),
    Kind("PyTorch data loader", "torch", ("DataLoader",), Form.ITERABLE, get_itself),
    Kind("PyTorch iterable data set", "torch", ("IterableDataset",), Form.ITERABLE, get_itself),
)
"""All other objects are arrays if they have ``__array__`` or ``__dlpack__``, and a `DataSource` if they have its
methods."""

KIND_BY_TYPE = {(kind.library, name): kind for kind in KINDS for name in kind.types}


def find_kind(value: Any) -> Kind | None:
    """Return the kind of data of another library, or None.

    Examples
    --------
    >>> import scipy.sparse
    >>> find_kind(scipy.sparse.eye_array(3)).name
    'SciPy sparse matrix'
    """
    for base in type(value).__mro__:
        kind = KIND_BY_TYPE.get((base.__module__.partition(".")[0], base.__name__))
        if kind is not None:
            return kind
    return None


def is_array(value: Any) -> bool:
    """Tell whether a value is one array of any library, with a shape; lists of numbers are not."""
    kind = find_kind(value)
    if kind is not None:
        return kind.form in (Form.ARRAY, Form.LAZY_ARRAY)
    return hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def is_table(value: Any) -> bool:
    """Tell whether a value is a table of another library, with named columns in memory."""
    kind = find_kind(value)
    return kind is not None and kind.form is Form.TABLE


def describe(value: Any) -> str:
    """Return the kind of a value for an error message, with its shape, dtype or columns where it has them.

    Examples
    --------
    >>> import numpy as np
    >>> describe(np.zeros((3, 2), "float32")), describe([1, 2]), describe({"a": 0})
    ('a NumPy array of shape (3, 2) and dtype float32', 'a list of 2', "a dict with the keys 'a'")
    """
    kind = find_kind(value)
    known = type(value).__name__ if kind is None else kind.name
    article = "an" if known[0] in "AEIOUaeiou" else "a"
    return f"{article} {known}{describe_contents(value)}"


def describe_contents(value: Any) -> str:
    kind = find_kind(value)
    if isinstance(value, dict):
        return f" with the keys {converters.format_names(map(repr, value))}"
    if isinstance(value, (list, tuple)):
        return f" of {len(value)}"
    if kind is not None and kind.form is Form.TABLE:
        return f" with the columns {converters.format_names(map(repr, kind.convert(value)))}"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f" of shape ({', '.join(map(str, shape))}{',' * (len(shape) == 1)}) and dtype {dtype}"
    return ""
