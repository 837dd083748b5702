"""ONNX files read as expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import fit
from pellucid.graph.errors import InputError, PellucidError, UseError, near_miss
from pellucid.graph.expr import Expr, Input, Shared, as_expr, constant
from pellucid.graph.traversal import replace_all, shared_of
from pellucid.graph.types import Dim
from pellucid.interop.onnx.dtypes import dtype_of
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.reader import Reader, _Output
from pellucid.interop.onnx.tensors import load_external


class OnnxGraph:
    """What an ONNX file computes, as expressions; `pellucid.from_onnx` makes it.

    Called on expressions or arrays it returns what becomes of them, with the same parameters.

    Attributes
    ----------
    name : str
        What the graph is called.
    inputs : list of Input
        In the order of the file.
    outputs : list of Expr
        In the order of the file.
    output_names : list of str
        What the file calls them.
    parameters : dict from str to Shared
        The parameters that the outputs depend on, by their names in the file.
    values : dict from str to Expr
        Every value of the graph by its name in the file.
    metadata : dict from str to str
        What the file says of itself: its producer, its version of the operators, and so on.
    """

    def __init__(self, name: str, inputs: list[Input], outputs: dict[str, Expr], metadata: dict[str, str]) -> None:
        self.name = name
        self.inputs = inputs
        self.output_names = list(outputs)
        self.outputs = list(outputs.values())
        self.parameters: dict[str, Shared] = {str(s.name): s for s in shared_of(self.outputs)}
        self.values: dict[str, Expr] = {}
        self.metadata = metadata

    def __getitem__(self, name: str) -> Expr:
        """Return a value of the graph by its name in the file."""
        if name not in self.values:
            raise InputError(f"{self.name}: there is no value named {name!r}.{near_miss(name, self.values)}")
        return self.values[name]

    def __call__(self, *given: Any) -> Any:
        """Return what becomes of expressions in the place of the inputs: an expression, or a list of several."""
        if len(given) != len(self.inputs):
            raise InputError(f"{self.name}: expected {len(self.inputs)} inputs, {self.inputs}. Received: {len(given)}")
        places: dict[Expr, Expr] = {i: matching(i, value) for i, value in zip(self.inputs, given, strict=True)}
        results = replace_all(self.outputs, places)
        return results if len(results) > 1 else results[0]

    def __repr__(self) -> str:
        lines = [
            f"{self.name}: {len(self.parameters)} parameters, from {self.metadata.get('producer') or 'an ONNX file'}"
        ]
        lines += [f"  given {i}: {i.type}" for i in self.inputs]
        lines += [f"  makes {name}: {e.type}" for name, e in zip(self.output_names, self.outputs, strict=True)]
        return "\n".join(lines)


def matching(place: Input, value: Any) -> Expr:
    """Return what takes the place of an input, which it must fit in dtype and number of axes."""
    e = as_expr(value, None if hasattr(value, "dtype") else place.dtype)
    if e.dtype != place.dtype or e.ndim != place.ndim:
        raise InputError(f"{place} is {place.type}. Received: {e}, which is {e.type}")
    return e


def from_onnx(
    file: Any,
    *,
    values: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    trainable: bool = True,
) -> OnnxGraph:
    """Read an ONNX file as expressions, which can be read, differentiated, trained further and exported again.

    Rows of real numbers that the file carries become parameters, shared variables under their names in the file; other
    values become constants. Sizes with a name are named dimensions. The file is checked before it is believed: it is
    held against ONNX's own schemas, nothing is read from outside its folder, and no code of it is run.

    Parameters
    ----------
    file : str, Path, bytes or onnx.ModelProto
        Where it is, or what is in it.
    values : dict from str to array, optional
        Values of inputs that are known beforehand. They are constants then; inputs that decide shapes must be among
        them.
    sizes : dict from str to int, optional
        Numbers for sizes that the file knows by name.
    trainable : bool
        Whether what the file carries are parameters; otherwise all of it is constant.

    Returns
    -------
    OnnxGraph
        With ``inputs``, ``outputs`` and ``parameters``; call it on expressions.

    Raises
    ------
    OnnxError
        If the file is damaged, uses an operator that cannot be read, or needs a value that is known only when it runs.

    Examples
    --------
    >>> import pellucid as pel
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
    model, name = loaded(file)
    check(model, name)
    graph = model.graph
    reader = Reader(name, opset_of(model))
    with reading(name):
        reader.functions = {(f.domain, f.name): f for f in model.functions}
        reader.read_initializers(graph, trainable)
        inputs = declared(graph, reader, dict(values or {}), dict(sizes or {}))
        reader.given.update(inputs)
        reader.read(graph.node)
        outputs = {o.name: reader.value(o.name, _Output("output")) for o in graph.output}
        return finished(model, name, inputs, outputs, reader.values)


def finished(model: Any, name: str, inputs: list[Input], outputs: dict[str, Any], values: dict[str, Any]) -> OnnxGraph:
    """Bring axes that were only turned for ONNX back where they can be, and gather what was read."""
    from pellucid.interop.onnx.layout import settled

    for key, e in outputs.items():
        if not isinstance(e, Expr):
            raise OnnxError(f"{name}: the output {key!r} is a sequence of arrays; pellucid's results are arrays")
    named = {key: e for key, e in {**values, **outputs}.items() if isinstance(e, Expr)}
    tidy = dict(zip(named, settled(list(named.values())), strict=True))
    metadata = {
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "opset": str(opset_of(model)),
        "description": model.doc_string,
        **{entry.key: entry.value for entry in model.metadata_props},
    }
    made = OnnxGraph(model.graph.name or name, inputs, {key: tidy[key] for key in outputs}, metadata)
    made.values = tidy
    return made


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Have NumPy say nothing of infinities, which are the file's own, and Python's errors be about the file.

    A name in a damaged file may be no text, and a number anything.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except PellucidError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
        raise OnnxError(f"{name} cannot be read; is it damaged? {type(error).__name__}: {error}") from error


def loaded(file: Any) -> tuple[Any, str]:
    """Return the message in a file, and what to call it."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if isinstance(file, onnx.ModelProto):
        name = repr(file.graph.name) if file.graph.name else "the model"
        load_external(file.graph, None, name)
        return file, name
    if isinstance(file, (bytes, bytearray, memoryview)):
        data, name = bytes(file), "the model"
    elif isinstance(file, (str, Path)):
        path = Path(file)
        name = path.name
        if not path.is_file():
            raise OnnxError(f"from_onnx: there is no file {str(path)!r}")
        data = path.read_bytes()
    else:
        raise UseError(f"from_onnx: expected a path, bytes or an onnx.ModelProto. Received: {file!r}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise OnnxError(f"{name} is no ONNX file, or a damaged one: {error}") from error
    if not model.HasField("graph") or not model.opset_import:
        raise OnnxError(f"{name} is no ONNX file: it holds no graph, or does not say of which operators")
    load_external(model.graph, Path(file).parent if isinstance(file, (str, Path)) else None, name)
    return model, name


def check(model: Any, name: str) -> None:
    """Hold a model against ONNX's schemas."""
    import onnx

    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise OnnxError(f"{name} does not pass ONNX's checker: {str(error).strip()}") from error
    except (ValueError, RuntimeError) as error:  # such as for a complaint about a name that is no text
        raise OnnxError(f"{name} does not pass ONNX's checker, and is damaged: {error}") from error


def opset_of(model: Any) -> int:
    """Return the version of ONNX's own operators that a model is written in; it may use none of them."""
    return next((int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)


def declared(graph: Any, reader: Reader, values: dict[str, Any], sizes: dict[str, int]) -> list[Input]:
    """Make the inputs of a graph, and constants of those whose values are told."""
    from pellucid.interop.onnx import readers  # noqa: F401 - fills the table

    inputs, names = [], []
    for info in graph.input:
        if info.name in reader.values:
            continue  # old files list what they carry among the inputs
        names.append(info.name)
        place = input_of(info, reader.file, sizes)
        if info.name in values:
            reader.values[info.name] = constant(fit(values[info.name], place.dtype, info.name))
        else:
            reader.values[info.name] = place
            inputs.append(place)
    for told, known, what in ((values, names, "input"), (sizes, all_sizes(graph), "size")):
        for key in told:
            if key not in known:
                raise InputError(f"{reader.file}: there is no {what} named {key!r}.{near_miss(key, known)}")
    return inputs


def all_sizes(graph: Any) -> list[str]:
    """Return the names of sizes of the inputs."""
    shapes = [info.type.tensor_type.shape for info in graph.input if info.type.HasField("tensor_type")]
    return [d.dim_param for shape in shapes for d in shape.dim if d.dim_param]


def input_of(info: Any, file: str, sizes: Mapping[str, int]) -> Input:
    """Make the input that a file declares."""
    if not info.type.HasField("tensor_type"):
        kind = info.type.WhichOneof("value") or "nothing"
        raise OnnxError(f"{file}: the input {info.name!r} is a {kind}; pellucid's inputs are arrays")
    told = info.type.tensor_type
    dtype = dtype_of(told.elem_type, f"{file}: the input {info.name!r}")
    shape: list[Dim | None] = []
    for d in told.shape.dim:
        if d.HasField("dim_value"):
            if d.dim_value < 0:
                raise OnnxError(f"{file}: the input {info.name!r} has a negative size: {d.dim_value}")
            shape.append(d.dim_value)
        else:
            shape.append(sizes.get(d.dim_param, d.dim_param) if d.dim_param else None)
    return Input(info.name, shape, dtype)
