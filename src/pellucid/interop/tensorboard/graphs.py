"""Graphs as TensorBoard draws them: a node for each expression, in a box for each layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.traversal import topological
from pellucid.model.model import Model

UNFIT = re.compile(r"[^A-Za-z0-9_.\-/]")

TYPES = {"bool": "DT_BOOL", "float16": "DT_HALF", "float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
"""What TensorBoard calls dtypes, where it is not DT_ and the name."""


class Namer:
    """Names that no other node has."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def of(self, wanted: str) -> str:
        """Return a name, with a number behind it if it is taken."""
        clean = UNFIT.sub("_", wanted).strip("/")
        clean = clean if clean and clean[0].isalnum() else f"n{clean}"
        name, number = clean, 0
        while name in self.taken:
            number += 1
            name = f"{clean}_{number}"
        self.taken.add(name)
        return name


def graph_definition(messages: Any, shown: Any) -> Any:
    """Return TensorBoard's form of the graph of a model, an expression, or several.

    Parameters
    ----------
    messages
        What `package.tensorboard` returns.
    shown : Model, Expr or sequence of Expr
        As it is while training.
    """
    outputs, scopes = outputs_and_scopes(shown)
    definition = messages.GraphDef()
    definition.versions.producer = 1
    namer, names = Namer(), dict[Expr, str]()
    for e in topological(outputs):
        scope = scopes.get(e, "")
        names[e] = namer.of(e.name if e.op is None and e.name else f"{scope}/{e.name or kind_of(e)}")
        node = definition.node.add()
        node.name, node.op = names[e], kind_of(e)
        node.input.extend(names[i] for i in e.inputs)
        describe(messages, node, e)
    return definition


def outputs_and_scopes(shown: Any) -> tuple[list[Expr], dict[Expr, str]]:
    """Return the outputs of what is shown, and in which box each expression belongs."""
    if isinstance(shown, Model):
        scopes: dict[Expr, str] = {}
        for place in shown.connections.places:
            for e in topological(place.outputs, stop=scopes):
                scopes.setdefault(e, place.layer.name)
        return list(shown.outputs), scopes
    listed = [shown] if isinstance(shown, Expr) else list(shown) if isinstance(shown, Sequence) else []
    if not listed or not all(isinstance(e, Expr) for e in listed):
        raise UseError(f"Expected a model or expressions to draw the graph of. Received: {shown!r}")
    return listed, {}


def kind_of(e: Expr) -> str:
    """Return what TensorBoard is told a node is."""
    if isinstance(e, Input):
        return "Placeholder"
    if isinstance(e, Constant):
        return "Const"
    return "Variable" if isinstance(e, Shared) or e.op is None else e.op.name


def describe(messages: Any, node: Any, e: Expr) -> None:
    """Note shapes, dtype and settings on a node."""
    for result in e.types:
        shape = node.attr["_output_shapes"].list.shape.add()
        shape.dim.extend(
            messages.TensorShapeProto.Dim(size=dim if isinstance(dim, int) else -1) for dim in result.shape
        )
    word = TYPES.get(e.dtype.name, f"DT_{e.dtype.name.upper()}")
    if word in dict(messages.DataType.items()):
        node.attr["dtype"].type = messages.DataType.Value(word)
    for name, value in e.settings.items():
        node.attr[name].s = str(value).encode("utf-8")
