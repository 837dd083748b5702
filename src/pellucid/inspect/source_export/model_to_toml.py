"""TOML file of a model: layers and their calls, optimizer, loss and training settings."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import brief
from pellucid.graph.expr import Expr
from pellucid.graph.unique_names import UniqueNames
from pellucid.inspect.source_export.layer_source import has_multiple_outputs
from pellucid.inspect.source_export.training_loop import ExportOptions
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import CallNode
from pellucid.model.interfaces import ModelLike
from pellucid.model.object_config import (
    PlainMapping,
    compile_to_config,
    input_to_config,
    layer_to_config,
    to_plain_value,
)
from pellucid.nn.layers import Layer
from pellucid.typing import Json

FORMAT_VERSION = 1


def write_toml(model: ModelLike, options: ExportOptions) -> str:
    """Write a compiled model for `from_toml`."""
    config = compile_to_config(model)
    lines = [f"pellucid = {FORMAT_VERSION}  # the version of this format"]
    lines += write_sequential_sections(model) if model.is_sequential else write_graph_sections(model)
    lines += format_section("[optimizer]", config["optimizer"])
    lines += format_section("[loss]", loss_to_table(config))
    training = {"epochs": options.epochs, "batch_size": options.batch_size, "seed": options.seed}
    metrics = config["metrics"]
    metrics = {"by_output": metrics} if isinstance(metrics, PlainMapping) else metrics
    lines += format_section("[training]", {**training, "metrics": metrics})
    return "\n".join(lines) + "\n"


def write_sequential_sections(model: ModelLike) -> list[str]:
    lines = format_section("[model]", {"kind": "Sequential", "name": model.name})
    lines += format_section("[input]", input_to_config(model.inputs[0]))
    for layer in model.layers:
        lines += format_section("[[layers]]", layer_to_config(layer))
    return lines


def write_graph_sections(model: ModelLike) -> list[str]:
    graph = GraphConfig(model)
    outputs = graph.outputs if len(graph.outputs) > 1 else graph.outputs[0]
    lines = format_section("[model]", {"kind": "Model", "name": model.name, "outputs": outputs})
    for table in graph.inputs:
        lines += format_section("[[inputs]]", table)
    for table in graph.layers:
        lines += format_section("[[layers]]", table)
    return lines


class GraphConfig:
    """Tables of the inputs and layer calls of a functional model.

    The table of a call holds the config of its layer, or ``again``, the name of an earlier layer; ``inputs``, the
    names of its arguments; ``with``, its keyword arguments; and ``as``, the name of its result unless it is that of the
    layer.
    """

    model: ModelLike
    unique_names: UniqueNames

    def __init__(self, model: ModelLike) -> None:
        self.model, self.unique_names = model, UniqueNames()
        self.names: dict[Expr, str] = {}
        self.layer_names: dict[Layer, str] = {}
        self.inputs = []
        for e in model.inputs:
            self.names[e] = name = self.unique_names.add(e.name or "input")
            self.inputs.append({**input_to_config(e), "name": name})
        self.layers: list[dict[str, Any]] = [self.make_call_table(node) for node in model.functional_graph.nodes]
        self.outputs: list[Any] = [self.to_names(output) for output in model.outputs]

    def make_call_table(self, node: CallNode) -> dict[str, Any]:
        layer = node.layer
        arguments = self.to_names(node.call.inputs)
        keywords = {k: self.to_names(v) for k, v in node.call.keywords.items() if v is not None}
        name = self.unique_names.add(layer.name)
        is_repeated = layer in self.layer_names
        table: dict[str, Any] = {"again": self.layer_names[layer]} if is_repeated else layer_to_config(layer)
        self.layer_names.setdefault(layer, name)
        for i, e in node.results.items():
            self.names[e] = f"{name}:{i}" if has_multiple_outputs(node) else name
        if is_repeated or name != layer.name:
            table["as"] = name
        if arguments is not None:
            table["inputs"] = arguments
        if keywords:
            table["with"] = keywords
        return table

    def to_names(self, value: Any) -> Any:
        """Replace expressions by the names of the inputs or calls that return them."""
        if isinstance(value, (list, tuple)):
            return [self.to_names(part) for part in value]
        if not isinstance(value, Expr):
            return to_plain_value(value, "argument", self.model.name)
        if value not in self.names:
            raise ModelError(
                f"{self.model.name}: {brief(value)} is computed between the layers, but a TOML file holds only layer "
                "calls. Use a layer such as nn.Add or nn.Activation instead, or level 'layers', which takes any model"
            )
        return self.names[value]


def loss_to_table(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table of the loss, or of the losses by output with their weights."""
    loss = config["loss"]
    if isinstance(loss, PlainMapping):
        return {"by_output": loss, "weights": config.get("loss_weights")}
    return loss if isinstance(loss, dict) else {"kind": loss}


def format_section(title: str, table: Mapping[str, Any]) -> list[str]:
    entries = [f"{format_key(key)} = {format_value(value)}" for key, value in table.items() if value is not None]
    return ["", title, *entries]


def format_key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else format_value(text)


def format_value(value: Json) -> str:
    """Return a plain value as TOML, on one line.

    Examples
    --------
    >>> format_value({"kind": "L2", "l2": 0.01}), format_value([1, "?"]), format_value(True), format_value(float("inf"))
    ('{ kind = "L2", l2 = 0.01 }', '[1, "?"]', 'true', 'inf')
    """
    if isinstance(value, Mapping):
        entries = ", ".join(f"{format_key(k)} = {format_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {entries} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(format_value, value))}]"
    if isinstance(value, str):
        # JSON strings are TOML strings, except that TOML does not allow an unescaped DEL or a lone surrogate.
        valid = value.encode("utf-8", "replace").decode()
        return json.dumps(valid, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return json.dumps(value) if isinstance(value, bool) else repr(value)
