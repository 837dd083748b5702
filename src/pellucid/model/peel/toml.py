"""A model as a TOML file: its layers, optimizer, loss and how it is trained."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pellucid.model.model import Model
from pellucid.model.peel.layers import checked, goal_table
from pellucid.model.peel.running import Settings
from pellucid.model.peel.spelling import input_table, layer_table

FORMAT = 1
"""The version of what stands in the file."""


def toml_text(model: Model, settings: Settings) -> str:
    """Write a compiled model for `from_toml`."""
    goal = goal_table(checked(model))
    lines = [f"pellucid = {FORMAT}  # the version of this format"]
    lines += section("[model]", {"kind": type(model).__name__, "name": model.name})
    lines += section("[input]", input_table(model.inputs[0]))
    for layer in model.layers:
        lines += section("[[layers]]", layer_table(layer))
    lines += section("[optimizer]", goal["optimizer"])
    lines += section("[loss]", goal["loss"] if isinstance(goal["loss"], dict) else {"kind": goal["loss"]})
    training = {"epochs": settings.epochs, "batch_size": settings.batch_size, "seed": settings.seed}
    lines += section("[training]", {**training, "metrics": goal["metrics"]})
    return "\n".join(lines) + "\n"


def section(title: str, table: Mapping[str, Any]) -> list[str]:
    """Write a table under its title."""
    return ["", title, *(f"{key} = {toml_value(value)}" for key, value in table.items() if value is not None)]


def toml_value(value: Any) -> str:
    """Write a plain value in one line.

    Examples
    --------
    >>> toml_value({"kind": "L2", "l2": 0.01}), toml_value([1, "?"]), toml_value(True), toml_value(float("inf"))
    ('{ kind = "L2", l2 = 0.01 }', '[1, "?"]', 'true', 'inf')
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(v)}" for key, v in value.items() if v is not None) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        # JSON's escapes are among TOML's; the one control character that JSON lets pass is not allowed here.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return json.dumps(value) if isinstance(value, bool) else repr(value)
