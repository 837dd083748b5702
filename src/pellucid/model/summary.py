"""Table of a model's layers, output shapes, parameters and operations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.naming import strip_calls
from pellucid.graph.passes import inference
from pellucid.graph.traversal import topological
from pellucid.graph.types import Unknown, format_shape
from pellucid.model.interfaces import ModelLike
from pellucid.show.costs.costs import cost


class LayerSummary(NamedTuple):
    """One layer; ``operations`` per sample in the inference form, None if sizes are unknown."""

    layer: str
    output: str
    parameters: int
    operations: int | None
    inputs: str


def summarize_layers(model: ModelLike) -> list[LayerSummary]:
    """Return the layers of a built model with output shapes and parameter counts."""
    names = {e: str(e) for e in model.inputs}
    rows = []
    for node, operations in zip(model.functional_graph.nodes, count_operations(model), strict=True):
        shapes = ", ".join(f"{e.dtype} {format_shape(e.shape)}" for e in node.outputs)
        layer = f"{node.layer.name} ({type(node.layer).__name__})"
        inputs = find_sources(node.call.get_operands(), names)
        rows.append(LayerSummary(layer, shapes, count_parameters(node.layer.parameters), operations, inputs))
        names |= dict.fromkeys(node.outputs, node.layer.name)
    return rows


def find_sources(exprs: Sequence[Expr], names: Mapping[Expr, str]) -> str:
    """Return the names of the layers and inputs from which expressions are computed."""
    nearest = [e for e in topological(exprs, stop=names) if e in names]
    return ", ".join(dict.fromkeys(names[e] for e in nearest))


def count_operations(model: ModelLike) -> list[int] | list[None]:
    """Return the arithmetic operations of each layer per sample, in the inference form.

    Operations between layers count with the layer that uses their result.
    """
    nodes = model.functional_graph.nodes
    shapes = [e.shape for e in model.inputs]
    if any(isinstance(dim, Unknown) for shape in shapes for dim in shape):
        return [None] * len(nodes)
    sizes = {dim: 1 for shape in shapes for dim in shape if isinstance(dim, str)}
    exprs, _ = strip_calls(inference([e for node in nodes for e in node.outputs]))
    operations = {row.expr: row.operations for row in cost(list(exprs), sizes)} if exprs else {}
    seen = set(model.inputs)
    counts, start = [], 0
    for node in nodes:
        outputs = exprs[start : start + len(node.outputs)]
        start += len(outputs)
        new = [e for e in topological(outputs, stop=seen) if e not in seen]
        seen.update(new)
        counts.append(sum(operations.get(e, 0) for e in new))
    return counts


def count_parameters(parameters: Iterable[Shared]) -> int:
    """Return the number of elements of parameters; shared ones count once."""
    return sum(math.prod(p.shape) for p in set(parameters))


def format_summary(model: ModelLike) -> str:
    """Return the table of a built model; the inputs of layers are a column only if the layers form no chain."""
    header, lines = get_cells(model)
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]

    def format_line(cells: Sequence[str]) -> str:
        sides = [str.ljust, str.ljust, str.rjust, str.rjust, str.ljust][: len(cells)]
        padded = [side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True)]
        return ("  " + "  ".join(padded)).rstrip()

    rule = "  " + "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join(
        [
            f"{type(model).__name__} {model.name}",
            format_line(header),
            rule,
            *map(format_line, lines),
            rule,
            f"  {describe_size(model)}",
        ]
    )


def get_cells(model: ModelLike) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells of the table, with a row for each input and each layer."""
    rows = summarize_layers(model)
    header = ["layer", "output", "parameters", "operations", "from"]
    lines = [[str(e), f"{e.dtype} {format_shape(e.shape)}", "", "", ""] for e in model.inputs]
    lines += [
        [r.layer, r.output, f"{r.parameters:,}", "?" if r.operations is None else f"{r.operations:,}", r.inputs]
        for r in rows
    ]
    previous = [str(model.inputs[0]), *(node.layer.name for node in model.functional_graph.nodes)]
    if len(model.inputs) == 1 and all(r.inputs == name for r, name in zip(rows, previous, strict=False)):
        return header[:4], [line[:4] for line in lines]
    return header, lines


def describe_size(model: ModelLike) -> str:
    """Return the numbers of parameters, bytes and operations of a built model."""
    counted = count_operations(model)
    known = [count for count in counted if count is not None]
    operations = f", {sum(known):,} operations per sample" if len(known) == len(counted) else ""
    parameters = set(model.parameters)
    size = sum(p.get_value().nbytes for p in parameters)
    fixed = count_parameters(p for p in parameters if not p.trainable)
    frozen = f", {fixed:,} of them not trainable" if fixed else ""
    return f"{count_parameters(parameters):,} parameters{frozen}, {size:,} bytes{operations}"
