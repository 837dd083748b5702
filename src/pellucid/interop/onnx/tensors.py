"""Tensors and dtypes of ONNX files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.expr import Expr, Shared, constant
from pellucid.graph.types import as_dtype, is_float
from pellucid.interop.onnx.errors import OnnxError
from pellucid.typing import Array
from pellucid.untrusted_files.budget import MemoryBudget
from pellucid.untrusted_files.reading import open_regular_file, quote, shorten

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

DTYPE_NAMES = {
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


def to_element_type(dtype: np.dtype[np.generic]) -> int:
    import onnx

    if dtype.name not in DTYPE_NAMES:
        raise OnnxError(f"ONNX does not support the dtype {dtype}. Cast to one of {', '.join(DTYPE_NAMES)}")
    return int(onnx.TensorProto.DataType.Value(DTYPE_NAMES[dtype.name]))


def to_dtype(number: int, what: str) -> np.dtype[np.generic]:
    """Return the dtype of an ONNX element type; ``what`` is for the error message."""
    import onnx

    known = {word: name for name, word in DTYPE_NAMES.items()}
    words = {value: word for word, value in onnx.TensorProto.DataType.items()}
    word = words.get(number, str(number))
    if word not in known:
        supported = ", ".join(DTYPE_NAMES)
        raise OnnxError(f"{what} has the element type {word}, which is not supported. Supported: {supported}")
    return as_dtype(known[word])


def to_array(tensor: TensorProto, file: str) -> Array:
    """Convert a tensor proto to an array, after checking its size against its data."""
    from onnx import numpy_helper

    what = f"{file}: the tensor {quote(tensor.name)}"
    if tensor.data_location == tensor.EXTERNAL:  # onnx would read it from the working directory
        raise OnnxError(f"{what} is stored in another file and is not read from there")
    dtype = to_dtype(tensor.data_type, what)
    shape = tuple(tensor.dims)
    if any(d < 0 for d in shape):
        raise OnnxError(f"{what} has a negative size: {shape}")
    if tensor.raw_data and len(tensor.raw_data) != math.prod(shape) * dtype.itemsize:
        raise OnnxError(f"{what} is declared as {dtype} {shape} and has {len(tensor.raw_data)} bytes")
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise OnnxError(f"{what} is declared as {dtype} {shape} and cannot be read: {shorten(str(error))}") from error
    return np.asarray(array, dtype)


def to_leaf(tensor: TensorProto, file: str, trainable: bool) -> Expr:
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


def iterate_graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph or function and the subgraphs in it."""
    pending = [graph]
    while pending:
        current = pending.pop()
        yield current
        for node in current.node:
            for attribute in node.attribute:
                pending += [attribute.g] if attribute.HasField("g") else []
                pending += attribute.graphs


def load_external(model: ModelProto, folder: Path | None, file: str, max_bytes: int) -> None:
    """Read external tensors; their files must be in the folder of the model.

    Many tensors may name the same bytes. They may take ``max_bytes`` in addition to the size of each file.
    """
    budget, known = MemoryBudget(max_bytes, OnnxError, file), set[Path]()
    for graph in (g for part in (model.graph, *model.functions) for g in iterate_graphs(part)):
        tensors = [a.t for node in graph.node for a in node.attribute if a.HasField("t")]
        for tensor in (*getattr(graph, "initializer", ()), *tensors):
            if tensor.data_location != tensor.EXTERNAL:
                continue
            if folder is None:
                raise OnnxError(
                    f"{file}: the tensor {quote(tensor.name)} is stored in another file. "
                    "Pass from_onnx the path of the model, not its bytes"
                )
            read_external(tensor, folder, file, budget, known)


def read_external(tensor: TensorProto, folder: Path, file: str, budget: MemoryBudget, known: set[Path]) -> None:
    fields = {entry.key: entry.value for entry in tensor.external_data}
    what = f"{file}: the tensor {quote(tensor.name)}"
    location = fields.get("location", "")
    path = find_external(location, folder, what)
    with open_regular_file(path, OnnxError) as (opened, size):
        try:
            offset = int(fields.get("offset", 0))
            length = int(fields.get("length", size - offset))
        except ValueError as error:
            raise OnnxError(f"{what} has an invalid position in {quote(location)}: {quote(fields)}") from error
        needed = math.prod(tensor.dims) * to_dtype(tensor.data_type, what).itemsize
        if offset < 0 or length < 0 or offset + length > size or length != needed:
            raise OnnxError(
                f"{what} needs {needed} bytes; declared are {shorten(str(length), 30)} at offset "
                f"{shorten(str(offset), 30)} of {quote(location)}, which has {size}"
            )
        budget.left += 0 if path in known else size
        known.add(path)
        budget.spend(length, f"the tensor {quote(tensor.name)}")
        opened.seek(offset)
        tensor.raw_data = opened.read(length)
    tensor.data_location = tensor.DEFAULT
    del tensor.external_data[:]


def find_external(location: str, folder: Path, what: str) -> Path:
    """Return the path of a file in the folder of the model."""
    try:
        path = (folder / location).resolve()
        is_inside = bool(location) and path.is_relative_to(folder.resolve()) and path != folder.resolve()
        exists = is_inside and path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # a null character, a name too long, links in a circle
        raise OnnxError(f"{what} is stored in {quote(location)}, which is not the path of a file ({error})") from error
    if not is_inside:
        raise OnnxError(f"{what} is stored in {quote(location)}, outside of the model's folder; it was not read")
    if not exists:
        raise OnnxError(
            f"{what} is stored in {quote(location)}, which does not exist. Put that file into the folder of the model"
        )
    return path
