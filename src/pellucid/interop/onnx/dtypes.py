"""Conversion between NumPy dtypes and ONNX element types."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.types import as_dtype
from pellucid.interop.onnx.errors import OnnxError

NAMES = {
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "float16": "FLOAT16",
    "bfloat16": "BFLOAT16",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "bool": "BOOL",
    "float8_e4m3fn": "FLOAT8E4M3FN",
    "float8_e4m3fnuz": "FLOAT8E4M3FNUZ",
    "float8_e5m2": "FLOAT8E5M2",
    "float8_e5m2fnuz": "FLOAT8E5M2FNUZ",
}
"""ONNX names of the supported dtypes."""


def to_element_type(dtype: np.dtype[Any]) -> int:
    """Return the ONNX element type of a dtype."""
    import onnx

    if dtype.name not in NAMES:
        raise OnnxError(f"ONNX does not support the dtype {dtype}. Cast to one of {', '.join(NAMES)}")
    return int(onnx.TensorProto.DataType.Value(NAMES[dtype.name]))


def to_dtype(number: int, what: str) -> np.dtype[Any]:
    """Return the dtype of an ONNX element type; ``what`` is for the error message."""
    import onnx

    known = {word: name for name, word in NAMES.items()}
    try:
        word = str(onnx.TensorProto.DataType.Name(number))
    except ValueError:
        word = str(number)
    if word not in known:
        raise OnnxError(f"{what} has the element type {word}, which is not supported. Supported: {', '.join(NAMES)}")
    return as_dtype(known[word])
