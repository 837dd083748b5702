"""A model as a table: its layers, what they put out, and what they learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.graph.types import shape_text

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Row(NamedTuple):
    """One layer."""

    layer: str
    output: str
    parameters: int


def rows(model: Model) -> list[Row]:
    """Return the layers of a built model, with the shapes of what they put out and their numbers of parameters."""
    return [
        Row(
            f"{layer.name} ({type(layer).__name__})",
            f"{stage.dtype} {shape_text(stage.shape)}",
            count(layer.parameters),
        )
        for layer, stage in zip(model.layers, model.stages[1:], strict=True)
    ]


def count(parameters: Any) -> int:
    """Return how many numbers parameters hold, each counted once however often it is used."""
    return sum(int(np.prod(p.shape)) for p in set(parameters))


def table(model: Model) -> str:
    """Write a built model as a table."""
    header = ("layer", "output", "parameters")
    lines = [(r.layer, r.output, f"{r.parameters:,}") for r in rows(model)]
    given = model.inputs[0]
    lines.insert(0, (str(given), f"{given.dtype} {shape_text(given.shape)}", ""))
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(3)]

    def write(cells: tuple[str, str, str]) -> str:
        return f"  {cells[0]:<{widths[0]}}  {cells[1]:<{widths[1]}}  {cells[2]:>{widths[2]}}"

    ruler = "  " + "-" * (sum(widths) + 4)
    total = count(model.parameters)
    numbers = sum(p.get_value().nbytes for p in set(model.parameters))
    return "\n".join(
        [
            f"{type(model).__name__} {model.name}",
            write(header),
            ruler,
            *map(write, lines),
            ruler,
            f"  {total:,} parameters, {numbers:,} bytes",
        ]
    )
