"""A model as a table: its layers, what they put out, and what they learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.inference import inference
from pellucid.graph.traversal import topological
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
    inputs: str


def rows(model: Model) -> list[Row]:
    """Return the layers of a built model, with the shapes of what they put out and their numbers of parameters."""
    names = {e: str(e) for e in model.inputs}
    found = []
    for place, spent in zip(model.connections.places, costs(model), strict=True):
        shapes = ", ".join(f"{e.dtype} {shape_text(e.shape)}" for e in place.outputs)
        layer = f"{place.layer.name} ({type(place.layer).__name__})"
        found.append(Row(layer, shapes, count(place.layer.parameters), spent, sources(place.call.given(), names)))
        names |= dict.fromkeys(place.outputs, place.layer.name)
    return found


def sources(given: Sequence[Expr], names: Mapping[Expr, str]) -> str:
    """Return the layers and inputs that expressions come from, through whatever stands in between."""
    nearest = [e for e in topological(given, stop=names) if e in names]
    return ", ".join(dict.fromkeys(names[e] for e in nearest))


def costs(model: Model) -> list[int] | list[None]:
    """Return the arithmetic operations of each layer, once training is over, for one sample.

    What stands between layers is counted with the layer that it is given to.
    """
    shapes = [e.shape for e in model.inputs]
    if any(isinstance(dim, Unknown) for shape in shapes for dim in shape):
        return [None] * len(model.connections.places)
    sizes = {dim: 1 for shape in shapes for dim in shape if isinstance(dim, str)}
    places = model.connections.places
    made: Sequence[Expr] = inference([e for place in places for e in place.outputs])
    spent = {row.expr: row.operations for row in cost(list(made), sizes)} if made else {}
    seen = set(model.inputs)
    found, start = [], 0
    for place in places:
        outputs = made[start : start + len(place.outputs)]
        start += len(outputs)
        new = [e for e in topological(outputs, stop=seen) if e not in seen]
        seen.update(new)
        found.append(sum(spent.get(e, 0) for e in new))
    return found


def count(parameters: Any) -> int:
    """Return how many numbers parameters hold, each counted once however often it is used."""
    return sum(int(np.prod(p.shape)) for p in set(parameters))


def table(model: Model) -> str:
    """Write a built model as a table; with what each layer is called on, if that is not always the one before."""
    found = rows(model)
    header = ["layer", "output", "parameters", "operations", "from"]
    lines = [[str(e), f"{e.dtype} {shape_text(e.shape)}", "", "", ""] for e in model.inputs]
    lines += [
        [r.layer, r.output, f"{r.parameters:,}", "?" if r.operations is None else f"{r.operations:,}", r.inputs]
        for r in found
    ]
    before = [str(model.inputs[0]), *(place.layer.name for place in model.connections.places)]
    if len(model.inputs) == 1 and all(r.inputs == name for r, name in zip(found, before, strict=False)):
        header, lines = header[:4], [line[:4] for line in lines]
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]

    def write(cells: Sequence[str]) -> str:
        sides = [str.ljust, str.ljust, str.rjust, str.rjust, str.ljust][: len(cells)]
        padded = [side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True)]
        return ("  " + "  ".join(padded)).rstrip()

    ruler = "  " + "-" * (sum(widths) + 2 * (len(widths) - 1))
    each = [r.operations for r in found if r.operations is not None]
    arithmetic = f", {sum(each):,} operations a sample" if len(each) == len(found) else ""
    parameters = set(model.parameters)
    numbers = sum(p.get_value().nbytes for p in parameters)
    fixed = count(p for p in parameters if not p.trainable)
    held = f", of which {fixed:,} are not trained" if fixed else ""
    return "\n".join(
        [
            f"{type(model).__name__} {model.name}",
            write(header),
            ruler,
            *map(write, lines),
            ruler,
            f"  {count(parameters):,} parameters{held}, {numbers:,} bytes{arithmetic}",
        ]
    )
