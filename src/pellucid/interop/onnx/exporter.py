"""ONNX export of expressions and models."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import UseError, brief
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.naming import strip_labels
from pellucid.graph.passes import eliminate_dead_outputs, inference, remove_markers
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import collect_inputs
from pellucid.interop.onnx.decompositions import decompose
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.tensors import iterate_graphs
from pellucid.interop.onnx.writer import OnnxWriter, make_value_info
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.optional_packages import require_packages
from pellucid.typing import FilePath
from pellucid.version import __version__

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


OPSET = 23
"""Opset version of exported files."""

SKIPPED_RULES = ("pooling",)
"""Families of rules that are not applied, so that the network keeps the order of its layers."""

IR_VERSION = 11
"""IR version that belongs to the opset."""


def to_onnx(
    model: ModelLike | Expr | Sequence[Expr] | Mapping[str, Expr],
    path: FilePath | None = None,
    *,
    inputs: Sequence[Input] | None = None,
    name: str | None = None,
    description: str = "",
) -> ModelProto:
    """Export a model or expressions to ONNX, in inference form.

    Sizes that have a name, such as a batch of ``"n"``, are dynamic in the file under that name. Parameters keep their
    names. The file passes ONNX's checker.

    Parameters
    ----------
    model : Model, Expr, sequence of Expr, or dict from str to Expr
        Outputs to export. The keys of a dict are the names of the outputs.
    path : str or Path, optional
        File to write. The write is atomic.
    inputs : sequence of Input, optional
        Inputs of the file, in this order. By default the inputs that the expressions depend on, in order of first use.
    name : str, optional
        Name of the graph.
    description : str
        Description stored in the file.

    Returns
    -------
    onnx.ModelProto
        The exported model.

    Raises
    ------
    OnnxError
        For an op that ONNX cannot express, such as random numbers or a matrix inverse; the message says where it was
        written.

    Examples
    --------
    >>> x, W = pel.matrix("x", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    >>> proto = pel.to_onnx({"y": pel.tanh(x @ W)})
    >>> [node.op_type for node in proto.graph.node]
    ['MatMul', 'Tanh']
    >>> [d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    ['n', 2]

    References
    ----------
    Open Neural Network Exchange, operator schemas, https://onnx.ai/onnx/operators/.
    """
    outputs, own_inputs, own_name, paths = collect_parts(model)
    declared = list(inputs if inputs is not None else own_inputs)
    results = eliminate_dead_outputs(
        simplify_all(strip_labels(remove_markers(inference(list(outputs.values())))), without=SKIPPED_RULES)
    )
    check_inputs(declared, results)
    proto = write_graph(dict(zip(outputs, results, strict=True)), declared, name or own_name, description, paths)
    if path is not None:
        file = Path(path)
        if file.suffix != ".onnx":
            raise OnnxError(f"to_onnx: expected a path that ends in .onnx. Received: {str(file)!r}")
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, proto.SerializeToString())
    return proto


def collect_parts(
    model: ModelLike | Expr | Sequence[Expr] | Mapping[str, Expr],
) -> tuple[dict[str, Expr], Sequence[Expr], str, dict[Shared, str]]:
    """Return the outputs by name, the inputs, the graph name and the names of the parameters."""
    if isinstance(model, Expr):
        return {model.name or "output": model}, collect_inputs([model]), "pellucid", {}
    if isinstance(model, Mapping):
        outputs = {str(key): value for key, value in model.items()}
    elif isinstance(model, (list, tuple)):
        outputs = name_outputs(list(model))
    elif is_model(model):
        names = dict(zip(model.output_names, model.outputs, strict=True))
        return names, list(model.inputs), str(model.name), {shared: path for path, shared in model.state().items()}
    else:
        raise UseError(f"to_onnx: expected a model, an expression, or several of them. Received: {model!r}")
    for value in outputs.values():
        if not isinstance(value, Expr):
            raise UseError(f"to_onnx: expected expressions. Received: {value!r}, a {type(value).__name__}")
    return outputs, collect_inputs(outputs.values()), "pellucid", {}


def name_outputs(outputs: Sequence[Expr]) -> dict[str, Expr]:
    """Name outputs by their own names, or by number if one has no name."""
    own = [getattr(o, "name", None) for o in outputs]
    if all(own) and len(set(own)) == len(own):
        return {str(name): o for name, o in zip(own, outputs, strict=True)}
    return {"output" if len(outputs) == 1 else f"output_{i}": o for i, o in enumerate(outputs)}


def check_inputs(declared: Sequence[object], results: Sequence[Expr]) -> None:
    for i in declared:
        if not isinstance(i, Input):
            raise UseError(f"to_onnx: expected inputs such as pel.vector('x'). Received: {i!r}")
    missing = [i for i in collect_inputs(results) if i not in set(declared)]
    if missing:
        raise OnnxError(
            f"to_onnx: the outputs depend on {', '.join(map(brief, missing))} too. "
            "Add it to inputs=[...], or replace it by a value with pel.replace"
        )


def write_graph(
    outputs: Mapping[str, Expr],
    inputs: Sequence[Expr],
    name: str = "graph",
    description: str = "",
    paths: Mapping[Shared, str] | None = None,
) -> GraphProto:
    """Write simplified expressions as a model proto and check it."""
    with require_packages("pel.to_onnx"):
        import onnx
        from onnx import helper

    from pellucid.interop.onnx import fusion, writers  # noqa: F401 - fill the registries

    w = OnnxWriter(paths=paths)
    for key in outputs:
        w.names.fresh(key)  # reserves the names of outputs
    for place, i in enumerate(inputs):
        w.values[i] = w.names.fresh(i.name or f"input_{place}")
        w.record_dims(i, w.values[i])
    results = decompose(list(outputs.values()))
    w.write(results)
    w.scope = ""
    for key, e in zip(outputs, results, strict=True):
        write_output(w, w.get_name(e), key, outputs)
    declared = [make_value_info(w.values[i], i) for i in inputs]
    returned = [make_value_info(key, e) for key, e in zip(outputs, results, strict=True)]
    graph = helper.make_graph(
        remove_dead_nodes(w.nodes, list(outputs)), name, declared, returned, w.initializers, doc_string=description
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pellucid")
    model.producer_version = __version__
    model.doc_string = description
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise OnnxError(f"to_onnx: the exported model does not pass ONNX's checker: {error}") from error
    return model


def write_output(w: OnnxWriter, value: str, key: str, keys: Container[str]) -> None:
    """Give an output its name: rename the node's output if nothing else reads it, or copy it with Identity."""
    from onnx import helper

    producer = next((n for n in w.nodes if value in n.output), None)
    if producer is None or producer.op_type == "Constant" or value in get_read_names(w.nodes) or value in keys:
        w.nodes.append(helper.make_node("Identity", [value], [key], name=w.names.fresh(f"return {key}")))
        return
    producer.output[list(producer.output).index(value)] = key
    w.values = {e: key if name == value else name for e, name in w.values.items()}


def remove_dead_nodes(nodes: Sequence[NodeProto], outputs: Sequence[str]) -> list[NodeProto]:
    """Remove nodes whose outputs are unused, such as transposes that cancel."""
    used, kept = set(outputs), []
    for node in reversed(nodes):
        if used.intersection(node.output):
            kept.append(node)
            used |= get_read_names([node])
    return kept[::-1]


def get_read_names(nodes: Sequence[NodeProto]) -> set[str]:
    """Return the names of all values that nodes read, including those in subgraphs."""
    names = {name for node in nodes for name in node.input}
    for body in (a.g for node in nodes for a in node.attribute if a.HasField("g")):
        names.update(o.name for graph in iterate_graphs(body) for o in graph.output)
        names.update(name for graph in iterate_graphs(body) for node in graph.node for name in node.input)
    return names
