"""Tensors of ONNX files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Shared, constant
from pellucid.graph.types import is_float
from pellucid.interop.onnx.dtypes import to_dtype
from pellucid.interop.onnx.errors import OnnxError


def to_array(tensor: Any, file: str) -> np.ndarray[Any, Any]:
    """Convert a tensor proto to an array, after checking its size against its data."""
    from onnx import numpy_helper

    what = f"{file}: the tensor {tensor.name!r}"
    dtype = to_dtype(tensor.data_type, what)
    shape = tuple(tensor.dims)
    if any(d < 0 for d in shape):
        raise OnnxError(f"{what} has a negative size: {shape}")
    if tensor.raw_data and len(tensor.raw_data) != math.prod(shape) * dtype.itemsize:
        raise OnnxError(f"{what} is declared as {dtype} {shape} and has {len(tensor.raw_data)} bytes")
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise OnnxError(f"{what} is declared as {dtype} {shape} and cannot be read: {error}") from error
    return np.asarray(array, dtype)


def to_leaf(tensor: Any, file: str, trainable: bool) -> Expr:
    """Convert a tensor to a parameter if it is a float array, else to a constant.

    Files written by pellucid have tags that decide it.
    """
    array = to_array(tensor, file)
    stored = {entry.key.removeprefix("pellucid."): entry.value == "true" for entry in tensor.metadata_props}
    tags = {key: stored[key] for key in TAGS if key in stored}
    if not trainable or (not tags and (not is_float(array.dtype) or array.ndim == 0)):
        return constant(array)
    if not is_float(array.dtype):
        tags["trainable"] = False
    return Shared(array, tensor.name, **tags)


TAGS = ("trainable", "regularizable")
"""Metadata that pellucid writes for each parameter."""


def load_external(graph: Any, folder: Path | None, file: str) -> None:
    """Read external tensors; their files must be in the folder of the model."""
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
                raise OnnxError(
                    f"{what} is stored in another file. Pass from_onnx the path of the model, not its bytes"
                )
            read_external(tensor, folder, file)


def read_external(tensor: Any, folder: Path, file: str) -> None:
    """Read the data of one external tensor."""
    fields = {entry.key: entry.value for entry in tensor.external_data}
    what = f"{file}: the tensor {tensor.name!r}"
    location = fields.get("location", "")
    path = (folder / location).resolve()
    if not location or not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise OnnxError(f"{what} is stored in {location!r}, outside of the model's folder; it was not read")
    if not path.is_file():
        raise OnnxError(
            f"{what} is stored in {location!r}, which does not exist. Put that file into the folder of the model"
        )
    size = path.stat().st_size
    try:
        offset = int(fields.get("offset", 0))
        length = int(fields.get("length", size - offset))
    except ValueError as error:
        raise OnnxError(f"{what} has an invalid position in {location!r}: {fields}") from error
    wanted = math.prod(tensor.dims) * to_dtype(tensor.data_type, what).itemsize
    if offset < 0 or length < 0 or offset + length > size or length != wanted:
        raise OnnxError(
            f"{what} needs {wanted} bytes; declared are {length} at offset {offset} of {location!r}, which has {size}"
        )
    with path.open("rb") as opened:
        opened.seek(offset)
        tensor.raw_data = opened.read(length)
    tensor.data_location = tensor.DEFAULT
    del tensor.external_data[:]
