"""A model as a table: its layers, what they put out, and what they learn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.graph.inference import inference
from pellucid.graph.types import Unknown, shape_text
from pellucid.show.costs import cost

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Row(NamedTuple):
    """One layer; `operations` is what it takes to predict from one sample, None where sizes are unknown."""

    layer: str
    output: str
    parameters: int
    operations: int | None


def rows(model: Model) -> list[Row]:
    """Return the layers of a built model, with the shapes of what they put out and their numbers of parameters."""
    return [
        Row(
            f"{layer.name} ({type(layer).__name__})",
            f"{stage.dtype} {shape_text(stage.shape)}",
            count(layer.parameters),
            cost,
        )
        for layer, stage, cost in zip(model.layers, model.stages[1:], costs(model), strict=True)
    ]


def costs(model: Model) -> list[int] | list[None]:
    """Return the arithmetic operations of each layer, once training is over, for one sample."""
    shape = model.inputs[0].shape
    if any(isinstance(dim, Unknown) for dim in shape):
        return [None] * len(model.layers)
    sizes = {dim: 1 for dim in shape if isinstance(dim, str)}
    up_to = [cost(stage, sizes).operations for stage in inference(model.stages)]
    return [after - before for before, after in pairwise(up_to)]


def count(parameters: Any) -> int:
    """Return how many numbers parameters hold, each counted once however often it is used."""
    return sum(int(np.prod(p.shape)) for p in set(parameters))


def table(model: Model) -> str:
    """Write a built model as a table."""
    found = rows(model)
    header = ("layer", "output", "parameters", "operations")
    lines = [
        (r.layer, r.output, f"{r.parameters:,}", "?" if r.operations is None else f"{r.operations:,}") for r in found
    ]
    given = model.inputs[0]
    lines.insert(0, (str(given), f"{given.dtype} {shape_text(given.shape)}", "", ""))
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(4)]

    def write(cells: tuple[str, str, str, str]) -> str:
        texts = f"  {cells[0]:<{widths[0]}}  {cells[1]:<{widths[1]}}"
        return f"{texts}  {cells[2]:>{widths[2]}}  {cells[3]:>{widths[3]}}"

    ruler = "  " + "-" * (sum(widths) + 6)
    each = [r.operations for r in found if r.operations is not None]
    arithmetic = f", {sum(each):,} operations a sample" if len(each) == len(found) else ""
    total = count(model.parameters)
    numbers = sum(p.get_value().nbytes for p in set(model.parameters))
    return "\n".join(
        [
            f"{type(model).__name__} {model.name}",
            write(header),
            ruler,
            *map(write, lines),
            ruler,
            f"  {total:,} parameters, {numbers:,} bytes{arithmetic}",
        ]
    )
