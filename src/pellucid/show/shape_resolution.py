"""The shapes of a graph's expressions once its names stand for sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Shape, Unknown

Sizes = tuple[int, ...]


def shapes_of(order: Sequence[Expr], sizes: Mapping[str, int], given: Mapping[Expr, Sizes]) -> dict[Expr, list[Sizes]]:
    """Infer shapes once more, from sizes instead of names.

    Parameters
    ----------
    order : sequence of Expr
        Each after its inputs.
    sizes : mapping from str to int
        What the names stand for.
    given : mapping from Expr to tuple of int
        Shapes that are known from elsewhere.

    Returns
    -------
    dict from Expr to list of tuple of int
        The shape of every result.

    Raises
    ------
    ShapeError
        If a size is neither known nor given.
    """
    shapes: dict[Expr, list[Sizes]] = {}
    for e in order:
        if e in given:
            shapes[e] = [given[e]]
        elif e.op is OUTPUT:
            shapes[e] = [shapes[e.inputs[0]][e.settings["index"]]]
        else:
            shapes[e] = [tuple(resolved(d, e, sizes) for d in shape) for shape in inferred(e, shapes, sizes)]
    return shapes


def inferred(e: Expr, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> list[Shape]:
    """Return the shapes of an op's results, inferred from its operands' where those declared leave something open."""
    declared = [t.shape for t in e.types]
    if e.op is None or not any(isinstance(d, Unknown) for shape in declared for d in shape):
        return declared
    operands = tuple(i if i.shape == shapes[i][0] else Input(i.name, shapes[i][0], i.dtype) for i in e.inputs)
    settings = e.settings
    if "shape" in settings and e.op.normalize is not None:
        settings["shape"] = tuple(-1 if isinstance(d, Unknown) else sizes.get(d, d) for d in settings["shape"])
        settings = e.op.normalize(*operands, **settings)
    return [t.shape for t in e.op.types_of(operands, tuple(settings.items()))]


def resolved(dim: Dim, e: Expr, sizes: Mapping[str, int]) -> int:
    """Put a size in the place of a name."""
    if isinstance(dim, int):
        return dim
    if isinstance(dim, Unknown):
        raise ShapeError(
            f"The cost of {e} depends on a size without a name. Name it where its inputs are made: shape=('n', ...)"
        )
    if dim not in sizes:
        raise ShapeError(f"The cost of {e} depends on the size {dim}. Give it: sizes={{{dim!r}: 128}}")
    return sizes[dim]


def check_names(sizes: Mapping[str, int], outputs: Sequence[Expr]) -> None:
    """Refuse a size for a name that stands nowhere."""
    dims: list[Any] = [d for e in topological(outputs) for t in e.types for d in t.shape]
    names = {str(d) for d in dims if isinstance(d, str) and not isinstance(d, Unknown)}
    for name in sizes:
        if name not in names:
            raise ShapeError(f"No size is named {name!r}.{near_miss(name, names)} Received: sizes={dict(sizes)}")
