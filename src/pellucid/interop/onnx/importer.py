"""ONNX import as expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import InputError, UseError, near_miss
from pellucid.graph.expr import Expr, Input, Operand, Shared, as_expr, constant
from pellucid.graph.traversal import collect_shared, replace_all
from pellucid.graph.types import Dim
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.functions import get_opset
from pellucid.interop.onnx.reader import OnnxReader
from pellucid.interop.onnx.tensors import load_external, to_dtype
from pellucid.optional_packages import require_packages
from pellucid.typing import ArrayLike, FilePath
from pellucid.untrusted_files.budget import DEFAULT_WORKING_BYTES, MemoryBudget
from pellucid.untrusted_files.reading import read_regular_file, report_damage, shorten

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto


class OnnxGraph:
    """Contents of an ONNX file as expressions, returned by `pellucid.from_onnx`.

    Calling it with expressions or arrays returns its outputs for them; parameters are shared.

    Attributes
    ----------
    name : str
        Name of the graph.
    inputs : list of Input
        In the order of the file.
    outputs : list of Expr
        In the order of the file.
    output_names : list of str
        Names of the outputs.
    parameters : dict from str to Shared
        The parameters that the outputs depend on, by their names in the file.
    values : dict from str to Expr
        Every value of the graph by its name in the file.
    metadata : dict from str to str
        Metadata of the file, such as its producer and opset.
    """

    def __init__(self, name: str, inputs: list[Input], outputs: dict[str, Expr], metadata: dict[str, str]) -> None:
        self.name = name
        self.inputs = inputs
        self.output_names: list[str] = list(outputs)
        self.outputs: list[Expr] = list(outputs.values())
        self.parameters: dict[str, Shared] = {str(s.name): s for s in collect_shared(self.outputs)}
        self.values: dict[str, Expr] = {}
        self.metadata = metadata

    def __getitem__(self, name: str) -> Expr:
        """Return a value of the graph by its name in the file."""
        if name not in self.values:
            raise InputError(f"{self.name}: there is no value named {name!r}.{near_miss(name, self.values)}")
        return self.values[name]

    def __call__(self, *values: Operand) -> Any:
        """Apply the graph to other expressions or arrays: returns an expression, or a list for several outputs."""
        if len(values) != len(self.inputs):
            raise InputError(f"{self.name}: expected {len(self.inputs)} inputs, {self.inputs}. Received: {len(values)}")
        results = replace_all(self.outputs, {i: convert_value(i, v) for i, v in zip(self.inputs, values, strict=True)})
        return results if len(results) > 1 else results[0]

    def __repr__(self) -> str:
        producer = self.metadata.get("producer") or "an ONNX file"
        lines = [f"{self.name}: {len(self.parameters)} parameters, from {producer}"]
        lines += [f"  input {i}: {i.type}" for i in self.inputs]
        lines += [f"  output {name}: {e.type}" for name, e in zip(self.output_names, self.outputs, strict=True)]
        return "\n".join(lines)


def convert_value(place: Input, value: Any) -> Expr:
    """Convert a value for an input and check its dtype and number of axes."""
    e = as_expr(value, None if hasattr(value, "dtype") else place.dtype)
    if e.dtype != place.dtype or e.ndim != place.ndim:
        raise InputError(f"{place} is {place.type}. Received: {e}, which is {e.type}")
    return e


def from_onnx(
    file: FilePath,
    *,
    values: Mapping[str, ArrayLike] | None = None,
    sizes: Mapping[str, int] | None = None,
    trainable: bool = True,
    max_bytes: int = DEFAULT_WORKING_BYTES,
) -> OnnxGraph:
    """Import an ONNX file as expressions, which can be printed, differentiated, trained and exported again.

    Floating-point initializers become parameters: shared variables under their names in the file. Other initializers
    become constants. Sizes with a name are named dimensions. The file is untrusted: it is checked against ONNX's
    schemas, nothing outside its folder is read, and none of its code is run.

    Parameters
    ----------
    file : str, Path, bytes or onnx.ModelProto
        Path or contents.
    values : dict from str to array, optional
        Values of inputs, which become constants. Inputs that shapes depend on must be among them.
    sizes : dict from str to int, optional
        Values of named sizes.
    trainable : bool
        Whether initializers become parameters; otherwise they become constants.
    max_bytes : int
        Memory for constants that the reader computes from others: a small file can describe gigabytes of them.

    Returns
    -------
    OnnxGraph
        With ``inputs``, ``outputs`` and ``parameters``; call it on expressions.

    Raises
    ------
    OnnxError
        If the file is damaged, uses an unsupported operator, has a shape that depends on the value of an input, or
        needs more than ``max_bytes``.

    Examples
    --------
    >>> x, W = pel.matrix("x", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    >>> read = pel.from_onnx(pel.to_onnx({"y": pel.tanh(x @ W)}))
    >>> read.outputs, read.parameters
    ([tanh(x @ W)], {'W': W})
    >>> pel.grad(read.outputs[0].sum(), read.parameters["W"])
    x.T @ (1 - tanh(x @ W) ** 2)

    References
    ----------
    Open Neural Network Exchange, operator schemas, https://onnx.ai/onnx/operators/.
    """
    model, name = load_model_proto(file, max_bytes)
    with report_reading_errors(name):
        check_model(model, name)
        graph = model.graph
        reader = OnnxReader(name, get_opset(model, 1))
        reader.budget = MemoryBudget(max_bytes, OnnxError, name)
        reader.functions = {(f.domain, f.name): f for f in model.functions}
        reader.read_initializers(graph, trainable)
        inputs = declare_inputs(graph, reader, dict(values or {}), dict(sizes or {}))
        reader.graph_inputs.update(inputs)
        reader.read(graph.node)
        outputs = {o.name: reader.get_value(o.name) for o in graph.output}
        return build_graph(model, name, inputs, outputs, reader.values)


def build_graph(
    model: ModelProto, name: str, inputs: list[Input], outputs: dict[str, Any], values: dict[str, ArrayLike]
) -> OnnxGraph:
    """Cancel transposes that only served ONNX's layout, and collect the graph."""
    from pellucid.interop.onnx.layout import cancel_transposes

    for key, e in outputs.items():
        if not isinstance(e, Expr):
            raise OnnxError(f"{name}: the output {key!r} is a sequence of tensors. Outputs must be tensors")
    named = {key: e for key, e in {**values, **outputs}.items() if isinstance(e, Expr)}
    simplified = dict(zip(named, cancel_transposes(list(named.values())), strict=True))
    metadata = {
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "opset": str(get_opset(model, 1)),
        "description": model.doc_string,
        **{entry.key: entry.value for entry in model.metadata_props},
    }
    result = OnnxGraph(model.graph.name or name, inputs, {key: simplified[key] for key in outputs}, metadata)
    result.values = simplified
    return result


@contextmanager
def report_reading_errors(name: str) -> Iterator[None]:
    """Silence NumPy's warnings about infinities in the file, and report every error as one of the file."""
    with np.errstate(all="ignore"), report_damage(OnnxError, name, passing=(InputError, UseError)):
        yield


def load_model_proto(file: FilePath, max_bytes: int) -> tuple[ModelProto, str]:
    """Parse a model proto; return it with a name for messages."""
    with require_packages("pel.from_onnx"):
        import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if isinstance(file, onnx.ModelProto):
        name = repr(file.graph.name) if file.graph.name else "the model"
        load_external(file, None, name, max_bytes)
        return file, name
    if isinstance(file, (bytes, bytearray, memoryview)):
        data, name = bytes(file), "the model"
    elif isinstance(file, (str, Path)):
        path = Path(file)
        name = path.name
        if not path.exists():
            raise OnnxError(f"from_onnx: there is no file {str(path)!r}")
        data = read_regular_file(path, OnnxError)
    else:
        raise UseError(f"from_onnx: expected a path, bytes or an onnx.ModelProto. Received: {file!r}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise OnnxError(f"{name} is not an ONNX file or is damaged: {error}") from error
    if not model.HasField("graph") or not model.opset_import:
        raise OnnxError(f"{name} is not an ONNX file: it has no graph or no opset")
    folder = Path(file).parent if isinstance(file, (str, Path)) else None
    with report_reading_errors(name):
        load_external(model, folder, name, max_bytes)
    return model, name


def check_model(model: ModelProto, name: str) -> None:
    import onnx

    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise OnnxError(f"{name} does not pass ONNX's checker: {shorten(str(error).strip(), 500)}") from error
    except (ValueError, RuntimeError) as error:  # such as an error message that is not valid text
        raise OnnxError(f"{name} does not pass ONNX's checker, and is damaged: {shorten(str(error))}") from error


def declare_inputs(
    graph: GraphProto, reader: OnnxReader, values: dict[str, ArrayLike], sizes: dict[str, int]
) -> list[Input]:
    """Create the inputs of a graph, and constants for inputs with given values."""
    from pellucid.interop.onnx import readers  # noqa: F401 - fills the table

    inputs, names = [], []
    for info in graph.input:
        if info.name in reader.values:
            continue  # old files list initializers among the inputs
        names.append(info.name)
        place = make_input(info, reader.file, sizes)
        if info.name in values:
            reader.values[info.name] = constant(cast_to_dtype(values[info.name], place.dtype, info.name))
        else:
            reader.values[info.name] = place
            inputs.append(place)
    shapes = [info.type.tensor_type.shape for info in graph.input if info.type.HasField("tensor_type")]
    size_names = [d.dim_param for shape in shapes for d in shape.dim if d.dim_param]
    for given, known, what in ((values, names, "input"), (sizes, size_names, "size")):
        for key in given:
            if key not in known:
                raise InputError(f"{reader.file}: there is no {what} named {key!r}.{near_miss(key, known)}")
    return inputs


def make_input(info: ValueInfoProto, file: str, sizes: Mapping[str, int]) -> Input:
    if not info.type.HasField("tensor_type"):
        kind = info.type.WhichOneof("value") or "nothing"
        raise OnnxError(f"{file}: the input {info.name!r} is a {kind}. Inputs must be tensors")
    tensor_type = info.type.tensor_type
    dtype = to_dtype(tensor_type.elem_type, f"{file}: the input {info.name!r}")
    shape: list[Dim | None] = []
    for d in tensor_type.shape.dim:
        if d.HasField("dim_value"):
            if d.dim_value < 0:
                raise OnnxError(f"{file}: the input {info.name!r} has a negative size: {d.dim_value}")
            shape.append(d.dim_value)
        else:
            shape.append(sizes.get(d.dim_param, d.dim_param) if d.dim_param else None)
    return Input(info.name, shape, dtype)
