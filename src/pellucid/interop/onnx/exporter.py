"""Expressions and models written as ONNX files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.graph.dead_outputs import narrow
from pellucid.graph.errors import UseError, brief
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.inference import inference
from pellucid.graph.marker_removal import release
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import inputs_of
from pellucid.interop.onnx.decomposer import opened
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.writer import Writer, value_info

OPSET = 23
"""The version of ONNX's operators that is written."""

SPEED = ("pooling",)
"""Phases of simplification that are left to whoever runs the file: a network keeps the order that it was written in."""

IR_VERSION = 11
"""The version of ONNX's file format that belongs to it."""


def to_onnx(
    model: Any,
    path: str | Path | None = None,
    *,
    inputs: Sequence[Input] | None = None,
    name: str | None = None,
    description: str = "",
) -> Any:
    """Write a model, or any expressions, as ONNX, in the form they have once training is over.

    Sizes that have a name, such as a batch of ``"n"``, are dynamic in the file under that name. Parameters keep their
    names. What is written passes ONNX's own checker.

    Parameters
    ----------
    model : Model, Expr, sequence of Expr, or dict from str to Expr
        What to compute. The keys of a dict are the names of the outputs.
    path : str or Path, optional
        Where to write it; the file is there whole or not at all.
    inputs : sequence of Input, optional
        What the file is given, in this order; without it what the expressions depend on, in the order in which it is
        met.
    name : str, optional
        What the graph is called.
    description : str
        What the file says of itself.

    Returns
    -------
    onnx.ModelProto
        What was written.

    Raises
    ------
    OnnxError
        For an op that ONNX cannot express, such as random numbers or a matrix inverse; the message says where it was
        written.

    Examples
    --------
    >>> import pellucid as pel
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
    outputs, found, title, paths = parts_of(model)
    given = list(inputs if inputs is not None else found)
    results = narrow(simplify_all(release(inference(list(outputs.values()))), without=SPEED))
    check_inputs(given, results)
    made = written(dict(zip(outputs, results, strict=True)), given, name or title, description, paths)
    if path is not None:
        save(made, Path(path))
    return made


def parts_of(model: Any) -> tuple[dict[str, Expr], list[Any], str, dict[Shared, str]]:
    """Return the outputs by name, the inputs, the name of what is exported, and how a model calls its parameters."""
    if isinstance(model, Expr):
        return {model.name or "output": model}, inputs_of([model]), "pellucid", {}
    if isinstance(model, Mapping):
        outputs = {str(key): value for key, value in model.items()}
    elif isinstance(model, (list, tuple)):
        outputs = named(list(model))
    elif hasattr(model, "inputs") and hasattr(model, "state"):
        names = dict(zip(model.output_names, model.outputs, strict=True))
        return names, list(model.inputs), str(model.name), {shared: path for path, shared in model.state().items()}
    else:
        raise UseError(f"to_onnx: expected a model, an expression, or several of them. Received: {model!r}")
    for value in outputs.values():
        if not isinstance(value, Expr):
            raise UseError(f"to_onnx: expected expressions. Received: {value!r}, a {type(value).__name__}")
    return outputs, inputs_of(outputs.values()), "pellucid", {}


def named(outputs: Sequence[Any]) -> dict[str, Any]:
    """Name outputs: by their own names if each has one, or by their number."""
    own = [getattr(o, "name", None) for o in outputs]
    if all(own) and len(set(own)) == len(own):
        return {str(name): o for name, o in zip(own, outputs, strict=True)}
    return {"output" if len(outputs) == 1 else f"output_{i}": o for i, o in enumerate(outputs)}


def check_inputs(given: Sequence[Any], results: Sequence[Expr]) -> None:
    """Refuse inputs that are none, or a list that lacks one."""
    for i in given:
        if not isinstance(i, Input):
            raise UseError(f"to_onnx: expected inputs made by pel.vector and its kin. Received: {i!r}")
    missing = [i for i in inputs_of(results) if i not in set(given)]
    if missing:
        raise OnnxError(
            f"to_onnx: the outputs depend on {', '.join(map(brief, missing))} too. Put it into inputs=[...], or put "
            "a value in its place with pel.replace"
        )


def written(
    outputs: Mapping[str, Expr],
    inputs: Sequence[Input],
    name: str = "graph",
    description: str = "",
    paths: Mapping[Shared, str] | None = None,
) -> Any:
    """Write simplified expressions into a file's message, and have it checked."""
    import onnx
    from onnx import helper

    from pellucid.interop.onnx import writers  # noqa: F401 - fills the table

    w = Writer(paths=paths)
    for key in outputs:
        w.names.fresh(key)  # nothing inside may take the name of an output
    for place, i in enumerate(inputs):
        w.values[i] = w.names.fresh(i.name or f"input_{place}")
        w.know(i, w.values[i])
    results = opened(list(outputs.values()))
    w.write(results)
    w.scope = ""
    for key, e in zip(outputs, results, strict=True):
        hand_out(w, w.of(e), key)
    declared = [value_info(w.values[i], i) for i in inputs]
    returned = [value_info(key, e) for key, e in zip(outputs, results, strict=True)]
    graph = helper.make_graph(
        needed(w.nodes, list(outputs)), name, declared, returned, w.initializers, doc_string=description
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pellucid")
    model.producer_version = version()
    model.doc_string = description
    check(model)
    assert isinstance(model, onnx.ModelProto)
    return model


def hand_out(w: Writer, value: str, key: str) -> None:
    """Have an output bear its name: its node's own output, where nothing else reads that, or a copy."""
    from onnx import helper

    maker = next((n for n in w.nodes if value in n.output), None)
    if maker is None or maker.op_type == "Constant" or value in read(w.nodes) or value in w.handed_out:
        w.nodes.append(helper.make_node("Identity", [value], [key], name=w.names.fresh(f"return {key}")))
        return
    maker.output[list(maker.output).index(value)] = key
    w.values = {e: key if name == value else name for e, name in w.values.items()}
    w.handed_out.add(key)


def needed(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """Leave out nodes that nothing reads, such as a transpose that another one undid."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted |= read([node])
    return kept[::-1]


def read(nodes: Sequence[Any]) -> set[str]:
    """Return the names of all values that nodes read, in the graphs inside them too."""
    found, graphs = set[str](), [list(nodes)]
    while graphs:
        for node in graphs.pop():
            found.update(node.input)
            inner = [a.g for a in node.attribute if a.HasField("g")]
            graphs += [list(g.node) for g in inner]
            found.update(o.name for g in inner for o in g.output)
    return found


def version() -> str:
    """Return pellucid's version."""
    from importlib.metadata import version as installed

    return installed("pellucid")


def check(model: Any) -> None:
    """Have ONNX check what was written."""
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise OnnxError(f"to_onnx: what was written does not pass ONNX's checker: {error}") from error


def save(model: Any, path: Path) -> None:
    """Write a file beside its place and move it there."""
    if path.suffix != ".onnx":
        raise OnnxError(f"to_onnx: expected a path that ends in .onnx. Received: {str(path)!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_bytes(model.SerializeToString())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
