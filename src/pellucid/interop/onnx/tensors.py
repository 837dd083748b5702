"""Values that a file carries."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Shared, constant
from pellucid.graph.types import is_float
from pellucid.interop.onnx.dtypes import dtype_of
from pellucid.interop.onnx.errors import OnnxError


def array_of(tensor: Any, file: str) -> np.ndarray[Any, Any]:
    """Return a tensor as an array, checked before it is believed."""
    from onnx import numpy_helper

    what = f"{file}: the tensor {tensor.name!r}"
    dtype = dtype_of(tensor.data_type, what)
    shape = tuple(tensor.dims)
    if any(d < 0 for d in shape):
        raise OnnxError(f"{what} has a negative size: {shape}")
    if tensor.raw_data and len(tensor.raw_data) != math.prod(shape) * dtype.itemsize:
        raise OnnxError(f"{what} is to be {dtype} {shape}, and holds {len(tensor.raw_data)} bytes")
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise OnnxError(f"{what} is to be {dtype} {shape}, and cannot be read: {error}") from error
    return np.asarray(array, dtype)


def leaf_of(tensor: Any, file: str, trainable: bool) -> Expr:
    """Return a tensor as a parameter, if it holds rows of real numbers, or as a constant.

    A file of pellucid's own says by itself what it is.
    """
    array = array_of(tensor, file)
    told = {entry.key.removeprefix("pellucid."): entry.value == "true" for entry in tensor.metadata_props}
    tags = {key: told[key] for key in TAGS if key in told}
    if not trainable or (not tags and (not is_float(array.dtype) or array.ndim == 0)):
        return constant(array)
    if not is_float(array.dtype):
        tags["trainable"] = False
    return Shared(array, tensor.name, **tags)


TAGS = ("trainable", "regularizable")
"""What a file of pellucid's own says of each parameter."""


def load_external(graph: Any, folder: Path | None, file: str) -> None:
    """Read what lies in other files into the graph's tensors; none of them is outside the folder of the model."""
    graphs = [graph]
    while graphs:
        current = graphs.pop()
        tensors = list(current.initializer)
        for node in current.node:
            for attribute in node.attribute:
                tensors += [attribute.t] if attribute.HasField("t") else []
                graphs += [attribute.g] if attribute.HasField("g") else []
                graphs += list(attribute.graphs)
        for tensor in tensors:
            if tensor.data_location != tensor.EXTERNAL:
                continue
            if folder is None:
                what = f"{file}: the tensor {tensor.name!r}"
                raise OnnxError(f"{what} lies in another file. Give from_onnx the path of the file, not its bytes")
            read_external(tensor, folder, file)


def read_external(tensor: Any, folder: Path, file: str) -> None:
    """Read the bytes of one tensor from the file beside the model that it names."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    what = f"{file}: the tensor {tensor.name!r}"
    location = told.get("location", "")
    path = (folder / location).resolve()
    if not location or not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise OnnxError(f"{what} is to be read from {location!r}, outside of the model's folder; it is not read")
    if not path.is_file():
        raise OnnxError(f"{what} lies in {location!r}, which is not there. Put that file beside the model")
    size = path.stat().st_size
    try:
        offset, length = int(told.get("offset", 0)), int(told.get("length", size - int(told.get("offset", 0))))
    except ValueError as error:
        raise OnnxError(f"{what} lies at no readable place of {location!r}: {told}") from error
    wanted = math.prod(tensor.dims) * dtype_of(tensor.data_type, what).itemsize
    if offset < 0 or length < 0 or offset + length > size or length != wanted:
        raise OnnxError(
            f"{what} needs {wanted} bytes; it is said to be {length} at {offset} of {location!r}, which has {size}"
        )
    with path.open("rb") as opened:
        opened.seek(offset)
        tensor.raw_data = opened.read(length)
    tensor.data_location = tensor.DEFAULT
    del tensor.external_data[:]
