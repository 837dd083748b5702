"""ONNX export of expressions and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.atomic_write import atomic_write
from pellucid.graph.dead_outputs import eliminate_dead_outputs
from pellucid.graph.errors import UseError, brief
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.inference import inference
from pellucid.graph.labels import strip_labels
from pellucid.graph.marker_removal import remove_markers
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import collect_inputs
from pellucid.interop.onnx.decomposer import decompose
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.writer import OnnxWriter, make_value_info

OPSET = 23
"""Opset version of exported files."""

SPEED = ("pooling",)
"""Families of rules that are not applied, so that the network keeps the order of its layers."""

IR_VERSION = 11
"""IR version that belongs to the opset."""


def to_onnx(
    model: Any,
    path: str | Path | None = None,
    *,
    inputs: Sequence[Input] | None = None,
    name: str | None = None,
    description: str = "",
) -> Any:
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
    >>> made = pel.to_onnx({"y": pel.tanh(x @ W)})
    >>> [node.op_type for node in made.graph.node]
    ['MatMul', 'Tanh']
    >>> [d.dim_param or d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim]
    ['n', 2]

    References
    ----------
    Open Neural Network Exchange, operator schemas, https://onnx.ai/onnx/operators/.
    """
    outputs, found, title, paths = collect_parts(model)
    given = list(inputs if inputs is not None else found)
    results = eliminate_dead_outputs(
        simplify_all(strip_labels(remove_markers(inference(list(outputs.values())))), without=SPEED)
    )
    check_inputs(given, results)
    made = write_graph(dict(zip(outputs, results, strict=True)), given, name or title, description, paths)
    if path is not None:
        save_model(made, Path(path))
    return made


def collect_parts(model: Any) -> tuple[dict[str, Expr], list[Any], str, dict[Shared, str]]:
    """Return the outputs by name, the inputs, the graph name and the names of the parameters."""
    if isinstance(model, Expr):
        return {model.name or "output": model}, collect_inputs([model]), "pellucid", {}
    if isinstance(model, Mapping):
        outputs = {str(key): value for key, value in model.items()}
    elif isinstance(model, (list, tuple)):
        outputs = name_outputs(list(model))
    elif hasattr(model, "inputs") and hasattr(model, "state"):
        names = dict(zip(model.output_names, model.outputs, strict=True))
        return names, list(model.inputs), str(model.name), {shared: path for path, shared in model.state().items()}
    else:
        raise UseError(f"to_onnx: expected a model, an expression, or several of them. Received: {model!r}")
    for value in outputs.values():
        if not isinstance(value, Expr):
            raise UseError(f"to_onnx: expected expressions. Received: {value!r}, a {type(value).__name__}")
    return outputs, collect_inputs(outputs.values()), "pellucid", {}


def name_outputs(outputs: Sequence[Any]) -> dict[str, Any]:
    """Name outputs by their own names, or by number if one has no name."""
    own = [getattr(o, "name", None) for o in outputs]
    if all(own) and len(set(own)) == len(own):
        return {str(name): o for name, o in zip(own, outputs, strict=True)}
    return {"output" if len(outputs) == 1 else f"output_{i}": o for i, o in enumerate(outputs)}


def check_inputs(given: Sequence[Any], results: Sequence[Expr]) -> None:
    for i in given:
        if not isinstance(i, Input):
            raise UseError(f"to_onnx: expected inputs such as pel.vector('x'). Received: {i!r}")
    missing = [i for i in collect_inputs(results) if i not in set(given)]
    if missing:
        raise OnnxError(
            f"to_onnx: the outputs depend on {', '.join(map(brief, missing))} too. "
            "Add it to inputs=[...], or replace it by a value with pel.replace"
        )


def write_graph(
    outputs: Mapping[str, Expr],
    inputs: Sequence[Input],
    name: str = "graph",
    description: str = "",
    paths: Mapping[Shared, str] | None = None,
) -> Any:
    """Write simplified expressions as a model proto and check it."""
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
        write_output(w, w.get_name(e), key)
    declared = [make_value_info(w.values[i], i) for i in inputs]
    returned = [make_value_info(key, e) for key, e in zip(outputs, results, strict=True)]
    graph = helper.make_graph(
        remove_dead_nodes(w.nodes, list(outputs)), name, declared, returned, w.initializers, doc_string=description
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pellucid")
    model.producer_version = get_version()
    model.doc_string = description
    check_model(model)
    assert isinstance(model, onnx.ModelProto)
    return model


def write_output(w: OnnxWriter, value: str, key: str) -> None:
    """Give an output its name: rename the node's output if nothing else reads it, or copy it with Identity."""
    from onnx import helper

    maker = next((n for n in w.nodes if value in n.output), None)
    if maker is None or maker.op_type == "Constant" or value in get_read_names(w.nodes) or value in w.handed_out:
        w.nodes.append(helper.make_node("Identity", [value], [key], name=w.names.fresh(f"return {key}")))
        return
    maker.output[list(maker.output).index(value)] = key
    w.values = {e: key if name == value else name for e, name in w.values.items()}
    w.handed_out.add(key)


def remove_dead_nodes(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """Remove nodes whose outputs are unused, such as transposes that cancelled."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted |= get_read_names([node])
    return kept[::-1]


def get_read_names(nodes: Sequence[Any]) -> set[str]:
    """Return the names of all values that nodes read, including those in subgraphs."""
    found, graphs = set[str](), [list(nodes)]
    while graphs:
        for node in graphs.pop():
            found.update(node.input)
            inner = [a.g for a in node.attribute if a.HasField("g")]
            graphs += [list(g.node) for g in inner]
            found.update(o.name for g in inner for o in g.output)
    return found


def get_version() -> str:
    from importlib.metadata import version as installed

    return installed("pellucid")


def check_model(model: Any) -> None:
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise OnnxError(f"to_onnx: the exported model does not pass ONNX's checker: {error}") from error


def save_model(model: Any, path: Path) -> None:
    if path.suffix != ".onnx":
        raise OnnxError(f"to_onnx: expected a path that ends in .onnx. Received: {str(path)!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, model.SerializeToString())
