"""JSON encoding of op settings, dimensions and dtypes.

Settings are immutable, so a JSON list encodes a tuple. Values that JSON does not have (a dtype, a NumPy scalar, a
slice, the marker of an index array, an unknown dimension, a subgraph) are dictionaries with one entry, whose key is the
kind.
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
from pellucid.untrusted_files.reading import quote

MAX_AXIS = 2**62
"""Larger sizes in a file are refused."""

SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class DimEncoder:
    """Encoding of dimensions, with a number for each unknown one."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.dims: dict[int, Dim] = {}

    def encode(self, dim: Dim) -> Any:
        # An op may have found an unknown dimension by its name, which is then a plain str.
        if isinstance(dim, Unknown) or (isinstance(dim, str) and dim in self.numbers):
            return {"unknown": self.numbers.setdefault(dim, len(self.numbers))}
        return str(dim) if isinstance(dim, str) else dim

    def decode(self, data: Any) -> Dim:
        """Return a dimension; equal numbers give the same unknown dimension."""
        if isinstance(data, dict) and list(data) == ["unknown"] and type(data["unknown"]) is int:
            return self.dims.setdefault(data["unknown"], Unknown())
        if (isinstance(data, str) and data) or (type(data) is int and 0 <= data <= MAX_AXIS):
            return data
        raise StorageError(f"Expected a dimension, a size or a name. Received: {quote(data)}")

    def encode_type(self, type: Type) -> list[Any]:
        return [type.dtype.name, [self.encode(dim) for dim in type.shape]]

    def decode_type(self, data: Any) -> Type:
        if not isinstance(data, list) or len(data) != 2 or not isinstance(data[1], list):
            raise StorageError(f"Expected a type, [dtype, [dimensions]]. Received: {quote(data)}")
        return Type(tuple(self.decode(dim) for dim in data[1]), decode_dtype(data[0]))

    def learn_dims(self, type_data: Any, shape: Shape) -> None:
        """Take new unknown dimensions of an encoded type from the shape of an expression with this type."""
        if not isinstance(type_data, list) or len(type_data) != 2 or not isinstance(type_data[1], list):
            return  # decode_type reports it
        for part, dim in zip(type_data[1], shape, strict=False):
            if isinstance(part, dict) and type(part.get("unknown")) is int:
                self.dims.setdefault(part["unknown"], dim)


def decode_dtype(name: Any) -> np.dtype[Any]:
    """Return the dtype with this name; only numeric ones are accepted."""
    if not isinstance(name, str) or not re.fullmatch(r"b?[a-z]+[0-9]{0,2}(_[a-z0-9]{1,8})?", name):
        raise StorageError(f"Expected the name of a dtype. Received: {quote(name)}")
    try:
        return as_dtype(name)
    except DtypeError as error:
        raise StorageError(str(error)) from error


def encode_setting(value: Any, dims: DimEncoder, encode_subgraph: Callable[[Subgraph], Any]) -> Any:
    """Return the data of a setting, or raise StorageError for a value such as a function."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, str):
        return dims.encode(value)
    if isinstance(value, Slice):
        return {"slice": [encode_setting(part, dims, encode_subgraph) for part in value]}
    if type(value) is tuple:
        return [encode_setting(part, dims, encode_subgraph) for part in value]
    if isinstance(value, IndexArrayMarker):
        return {"place": "array"}
    if isinstance(value, Subgraph):
        return {"body": encode_subgraph(value)}
    if isinstance(value, np.dtype):
        return {"dtype": value.name}
    if isinstance(value, np.generic):
        return {"number": [value.dtype.name, encode_setting(value.item(), dims, encode_subgraph)]}
    raise StorageError(
        f"Expected a number, a string, None, a dtype or a tuple of them. Received: {value!r}, "
        f"of type {type(value).__name__}"
    )


def decode_setting(data: Any, dims: DimEncoder, decode_subgraph: Callable[[Any], Subgraph]) -> Any:
    """Return a setting from its data, or raise StorageError."""
    if data is None or isinstance(data, (bool, int, float, str)):
        return data
    if isinstance(data, list):
        return tuple(decode_setting(part, dims, decode_subgraph) for part in data)
    if not isinstance(data, dict) or len(data) != 1:
        raise StorageError(f"Expected a setting. Received: {quote(data)}")
    [(kind, content)] = data.items()
    return decode_kind(kind, content, dims, decode_subgraph)


def decode_kind(kind: Any, content: Any, dims: DimEncoder, decode_subgraph: Callable[[Any], Subgraph]) -> Any:
    """Return a setting of a kind that JSON does not have."""
    if kind == "float" and isinstance(content, str) and content in SPECIAL:
        return SPECIAL[content]
    if kind == "unknown":
        return dims.decode({kind: content})
    if kind == "slice" and isinstance(content, list) and len(content) == 3:
        parts = [decode_setting(part, dims, decode_subgraph) for part in content]
        if all(part is None or type(part) is int for part in parts):
            return Slice(*parts)
    if kind == "place" and content == "array":
        return ARRAY
    if kind == "body":
        return decode_subgraph(content)
    if kind == "dtype":
        return decode_dtype(content)
    if kind == "number" and isinstance(content, list) and len(content) == 2:
        return decode_number(decode_dtype(content[0]), decode_setting(content[1], dims, decode_subgraph))
    raise StorageError(f"Expected a setting. Received: {quote({kind: content})}")


def decode_number(dtype: np.dtype[Any], number: Any) -> Any:
    """Return a NumPy scalar, or raise StorageError if the dtype cannot hold the number."""
    try:
        if isinstance(number, (bool, int, float)):
            with np.errstate(over="raise", invalid="raise"):
                return dtype.type(number)
    except (ValueError, ArithmeticError) as error:
        raise StorageError(f"Expected a number of dtype {dtype}. Received: {number} ({error})") from error
    raise StorageError(f"Expected a number. Received: {number!r:.100}")
