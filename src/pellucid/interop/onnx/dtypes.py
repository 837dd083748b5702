"""NumPy's dtypes and ONNX's element types."""

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
"""What ONNX calls each dtype that pellucid has."""


def element_type(dtype: np.dtype[Any]) -> int:
    """Return ONNX's number for a dtype."""
    import onnx

    if dtype.name not in NAMES:
        raise OnnxError(f"ONNX has no numbers of dtype {dtype}. Cast them to one of {', '.join(NAMES)}")
    return int(onnx.TensorProto.DataType.Value(NAMES[dtype.name]))


def dtype_of(number: int, what: str) -> np.dtype[Any]:
    """Return the dtype for ONNX's number of an element type; ``what`` is for the message."""
    import onnx

    known = {word: name for name, word in NAMES.items()}
    try:
        word = str(onnx.TensorProto.DataType.Name(number))
    except ValueError:
        word = str(number)
    if word not in known:
        raise OnnxError(f"{what} holds elements of type {word}, which pellucid has not. It has {', '.join(NAMES)}")
    return as_dtype(known[word])
