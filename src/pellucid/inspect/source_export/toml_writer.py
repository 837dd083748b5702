"""A model as a TOML file: its layers and on what they are called, optimizer, loss and how it is trained."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pellucid.inspect.source_export.config import ByOutput, input_table, layer_table
from pellucid.inspect.source_export.graph_config import Wiring
from pellucid.inspect.source_export.layers import goal_table
from pellucid.inspect.source_export.training_loop import Settings
from pellucid.model.model import Model
from pellucid.model.sequential import Sequential

FORMAT = 1
"""The version of what stands in the file."""


def toml_text(model: Model, settings: Settings) -> str:
    """Write a compiled model for `from_toml`."""
    goal = goal_table(model)
    lines = [f"pellucid = {FORMAT}  # the version of this format"]
    lines += row_of_layers(model) if isinstance(model, Sequential) else graph_of_layers(model)
    lines += section("[optimizer]", goal["optimizer"])
    lines += section("[loss]", loss_table(goal))
    training = {"epochs": settings.epochs, "batch_size": settings.batch_size, "seed": settings.seed}
    measured = goal["metrics"]
    by_output = {"by_output": measured} if isinstance(measured, ByOutput) else measured
    lines += section("[training]", {**training, "metrics": by_output})
    return "\n".join(lines) + "\n"


def row_of_layers(model: Model) -> list[str]:
    """Write layers one after the other."""
    lines = section("[model]", {"kind": "Sequential", "name": model.name})
    lines += section("[input]", input_table(model.inputs[0]))
    for layer in model.layers:
        lines += section("[[layers]]", layer_table(layer))
    return lines


def graph_of_layers(model: Model) -> list[str]:
    """Write layers that say what they are called on."""
    wiring = Wiring(model)
    outputs = wiring.outputs if len(wiring.outputs) > 1 else wiring.outputs[0]
    lines = section("[model]", {"kind": "Model", "name": model.name, "outputs": outputs})
    for table in wiring.inputs:
        lines += section("[[inputs]]", table)
    for table in wiring.layers:
        lines += section("[[layers]]", table)
    return lines


def loss_table(goal: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the loss as a table; those of several outputs by their names, with their weights."""
    loss = goal["loss"]
    if isinstance(loss, ByOutput):
        return {"by_output": loss, "weights": goal.get("loss_weights")}
    return loss if isinstance(loss, dict) else {"kind": loss}


def section(title: str, table: Mapping[str, Any]) -> list[str]:
    """Write a table under its title."""
    return ["", title, *(f"{key} = {toml_value(value)}" for key, value in table.items() if value is not None)]


def toml_key(text: str) -> str:
    """Write a key, in quotes where it must be."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else toml_value(text)


def toml_value(value: Any) -> str:
    """Write a plain value in one line.

    Examples
    --------
    >>> toml_value({"kind": "L2", "l2": 0.01}), toml_value([1, "?"]), toml_value(True), toml_value(float("inf"))
    ('{ kind = "L2", l2 = 0.01 }', '[1, "?"]', 'true', 'inf')
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        # JSON's escapes are among TOML's; the one control character that JSON lets pass is not allowed here.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return json.dumps(value) if isinstance(value, bool) else repr(value)
