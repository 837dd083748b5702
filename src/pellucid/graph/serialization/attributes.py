"""Settings of ops, shapes and dtypes as plain data, each kind with a mark of its own, so that it is what it was.

A list stands for a tuple, for settings hold no lists. What JSON has no word for is a dictionary of one entry: a dtype,
a number of NumPy's, a slice, the place of an index array, a size nobody named, a graph inside an op.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, StorageError
from pellucid.graph.ops.index_spec import ARRAY, IndexArrayMarker, Slice
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import Dim, Shape, Type, Unknown, as_dtype

MAX_AXIS = 2**62
"""The greatest size of an axis that is believed."""

SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class DimEncoder:
    """Sizes without a name, and their numbers in the data."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.known: dict[int, Dim] = {}

    def encode(self, dim: Dim) -> Any:
        """Return a dimension as data; one that an op found again by its name is that name."""
        if isinstance(dim, Unknown) or (isinstance(dim, str) and dim in self.numbers):
            return {"unknown": self.numbers.setdefault(dim, len(self.numbers))}
        return str(dim) if isinstance(dim, str) else dim

    def decode(self, data: Any) -> Dim:
        """Return a dimension; a number of an unknown one is the same size wherever it stands."""
        if isinstance(data, dict) and list(data) == ["unknown"] and type(data["unknown"]) is int:
            return self.known.setdefault(data["unknown"], Unknown())
        if (isinstance(data, str) and data) or (type(data) is int and 0 <= data <= MAX_AXIS):
            return data
        raise StorageError(f"Expected a dimension, a size or a name. Received: {data!r}")

    def is_unknown(self, data: Any) -> bool:
        """Tell whether data are an unknown dimension of which nothing is known yet."""
        return isinstance(data, dict) and data.get("unknown") not in self.known

    def encode_type(self, type: Type) -> list[Any]:
        """Return a dtype and a shape as data."""
        return [type.dtype.name, [self.encode(dim) for dim in type.shape]]

    def decode_type(self, data: Any) -> Type:
        """Return a type, or say what is wrong with it."""
        if not isinstance(data, list) or len(data) != 2 or not isinstance(data[1], list):
            raise StorageError(f"Expected a type, [dtype, [dimensions]]. Received: {data!r}")
        return Type(tuple(self.decode(dim) for dim in data[1]), decode_dtype(data[0]))

    def bind(self, data: Any, actual: Shape) -> None:
        """Learn what the unknown sizes of some data are, from an expression that has this shape."""
        if isinstance(data, list) and len(data) == len(actual):
            for part, dim in zip(data, actual, strict=True):
                if self.is_unknown(part) and type(part.get("unknown")) is int:
                    self.known[part["unknown"]] = dim


def decode_dtype(name: Any) -> np.dtype[Any]:
    """Return a dtype by its name, of numbers alone."""
    if not isinstance(name, str) or not re.fullmatch(r"b?[a-z]+[0-9]{0,2}(_[a-z0-9]{1,8})?", name):
        raise StorageError(f"Expected the name of a dtype. Received: {name!r}")
    try:
        return as_dtype(name)
    except DtypeError as error:
        raise StorageError(str(error)) from error


def encode(value: Any, dims: DimEncoder, body: Callable[[Subgraph], Any]) -> Any:
    """Return a setting as data; ``body`` says how a graph inside is written.

    Raises
    ------
    StorageError
        For what is no plain value, such as a function.
    """
    if value is None or (isinstance(value, (bool, int, str)) and type(value) in (bool, int, str)):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, str):
        return dims.encode(value)
    if isinstance(value, Slice):
        return {"slice": [encode(part, dims, body) for part in value]}
    if type(value) is tuple:
        return [encode(part, dims, body) for part in value]
    if isinstance(value, IndexArrayMarker):
        return {"place": "array"}
    if isinstance(value, Subgraph):
        return {"body": body(value)}
    if isinstance(value, np.dtype):
        return {"dtype": value.name}
    if isinstance(value, np.generic):
        return {"number": [value.dtype.name, encode(value.item(), dims, body)]}
    raise StorageError(
        f"Expected a plain value: a number, a text, None, a dtype or a tuple of them. Received: {value!r}, "
        f"of type {type(value).__name__}"
    )


def decode(data: Any, dims: DimEncoder, body: Callable[[Any], Subgraph]) -> Any:
    """Return the setting that some data stand for.

    Raises
    ------
    StorageError
        For data that stand for none.
    """
    if data is None or isinstance(data, (bool, int, float, str)):
        return data
    if isinstance(data, list):
        return tuple(decode(part, dims, body) for part in data)
    if not isinstance(data, dict) or len(data) != 1:
        raise StorageError(f"Expected a setting. Received: {data!r}")
    [(mark, content)] = data.items()
    return decode_marked(mark, content, dims, body)


def decode_marked(mark: Any, content: Any, dims: DimEncoder, body: Callable[[Any], Subgraph]) -> Any:
    """Return what is of a kind that JSON does not have."""
    if mark == "float" and content in SPECIAL:
        return SPECIAL[content]
    if mark == "unknown":
        return dims.decode({mark: content})
    if mark == "slice" and isinstance(content, list) and len(content) == 3:
        parts = [decode(part, dims, body) for part in content]
        if all(part is None or type(part) is int for part in parts):
            return Slice(*parts)
    if mark == "place" and content == "array":
        return ARRAY
    if mark == "body":
        return body(content)
    if mark == "dtype":
        return decode_dtype(content)
    if mark == "number" and isinstance(content, list) and len(content) == 2:
        number = decode(content[1], dims, body)
        if isinstance(number, (bool, int, float)):
            return decode_dtype(content[0]).type(number)
    raise StorageError(f"Expected a setting. Received: { ({mark: content})!r}")
