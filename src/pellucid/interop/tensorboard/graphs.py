"""TensorBoard graphs: a node for each expression, grouped by layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.traversal import topological
from pellucid.model.interfaces import is_model
from pellucid.model.state import UniqueNames

INVALID_CHARACTERS = re.compile(r"[^A-Za-z0-9_.\-/]")

DATA_TYPES = {"bool": "DT_BOOL", "float16": "DT_HALF", "float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
"""TensorBoard names of dtypes that are not DT_ and the upper-case name."""


def clean_node_name(name: str) -> str:
    """Replace the characters that TensorBoard does not allow in names."""
    clean = INVALID_CHARACTERS.sub("_", name).strip("/")
    return clean if clean and clean[0].isalnum() else f"n{clean}"


def build_graph_def(messages: Any, shown: Any) -> Any:
    """Return the GraphDef of a model or of expressions, in training mode; ``messages`` is `import_tensorboard`'s."""
    outputs, scopes = get_outputs_and_scopes(shown)
    definition = messages.GraphDef()
    definition.versions.producer = 1
    unique_names, names = UniqueNames(), dict[Expr, str]()
    for e in topological(outputs):
        scope = scopes.get(e, "")
        name = e.name if e.op is None and e.name else f"{scope}/{e.name or get_node_type(e)}"
        names[e] = unique_names.add(clean_node_name(name))
        node = definition.node.add()
        node.name, node.op = names[e], get_node_type(e)
        node.input.extend(names[i] for i in e.inputs)
        set_node_attributes(messages, node, e)
    return definition


def get_outputs_and_scopes(shown: Any) -> tuple[list[Expr], dict[Expr, str]]:
    """Return the output expressions, and the layer name of each expression."""
    if is_model(shown):
        scopes: dict[Expr, str] = {}
        for node in shown.functional_graph.nodes:
            for e in topological(node.outputs, stop=scopes):
                scopes.setdefault(e, node.layer.name)
        return list(shown.outputs), scopes
    outputs = [shown] if isinstance(shown, Expr) else list(shown) if isinstance(shown, Sequence) else []
    if not outputs or not all(isinstance(e, Expr) for e in outputs):
        raise UseError(f"Expected a model or expressions whose graph to write. Received: {shown!r}")
    return outputs, {}


def get_node_type(e: Expr) -> str:
    if isinstance(e, Input):
        return "Placeholder"
    if isinstance(e, Constant):
        return "Const"
    return "Variable" if isinstance(e, Shared) or e.op is None else e.op.name


def set_node_attributes(messages: Any, node: Any, e: Expr) -> None:
    """Set output shapes, dtype and settings of a node."""
    for result in e.types:
        shape = node.attr["_output_shapes"].list.shape.add()
        shape.dim.extend(
            messages.TensorShapeProto.Dim(size=dim if isinstance(dim, int) else -1) for dim in result.shape
        )
    data_type = DATA_TYPES.get(e.dtype.name, f"DT_{e.dtype.name.upper()}")
    if data_type in dict(messages.DataType.items()):
        node.attr["dtype"].type = messages.DataType.Value(data_type)
    for name, value in e.settings.items():
        node.attr[name].s = str(value).encode("utf-8")
