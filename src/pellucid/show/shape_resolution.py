"""Concrete shapes of a graph's expressions for given sizes of its named dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Shape, Unknown

Sizes = tuple[int, ...]


def infer_shapes(
    order: Sequence[Expr], sizes: Mapping[str, int], given: Mapping[Expr, Sizes]
) -> dict[Expr, list[Sizes]]:
    """Infer the shapes of all results of expressions in topological order.

    ``given`` are shapes that are known already.

    Raises
    ------
    ShapeError
        If a required size is missing.
    """
    shapes: dict[Expr, list[Sizes]] = {}
    for e in order:
        if e in given:
            shapes[e] = [given[e]]
        elif e.op is OUTPUT:
            shapes[e] = [shapes[e.inputs[0]][e.settings["index"]]]
        else:
            shapes[e] = [tuple(resolve_size(d, e, sizes) for d in s) for s in infer_result_shapes(e, shapes, sizes)]
    return shapes


def infer_result_shapes(e: Expr, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> list[Shape]:
    """Return the declared shapes of an op's results, or infer them again if a size is unknown."""
    declared = [t.shape for t in e.types]
    if e.op is None or not any(isinstance(d, Unknown) for shape in declared for d in shape):
        return declared
    operands = tuple(i if i.shape == shapes[i][0] else Input(i.name, shapes[i][0], i.dtype) for i in e.inputs)
    settings = e.settings
    if "shape" in settings and e.op.normalize is not None:
        settings["shape"] = tuple(-1 if isinstance(d, Unknown) else sizes.get(d, d) for d in settings["shape"])
        settings = e.op.normalize(*operands, **settings)
    return [t.shape for t in e.op.infer_types(operands, tuple(settings.items()))]


def resolve_size(dim: Dim, e: Expr, sizes: Mapping[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    if isinstance(dim, Unknown):
        raise ShapeError(
            f"The cost of {e} depends on an unnamed size. Name it when you create its inputs: shape=('n', ...)"
        )
    if dim not in sizes:
        raise ShapeError(f"The cost of {e} depends on the size {dim}. Pass it: sizes={{{dim!r}: 128}}")
    return sizes[dim]


def check_size_names(sizes: Mapping[str, int], outputs: Sequence[Expr]) -> None:
    """Check that each name is a dimension of an expression."""
    dims: list[Any] = [d for e in topological(outputs) for t in e.types for d in t.shape]
    names = {str(d) for d in dims if isinstance(d, str) and not isinstance(d, Unknown)}
    for name in sizes:
        if name not in names:
            raise ShapeError(f"No dimension is named {name!r}.{near_miss(name, names)} Received: sizes={dict(sizes)}")
