"""Graphs inside ops."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.types import Dim, Type, Unknown, as_dim, get_origins, read_dim
from pellucid.typing import Array


@dataclass(frozen=True, eq=False)
class Subgraph:
    """Graph inside an op, such as the step of a `scan`: placeholders, and outputs that depend on them.

    Two subgraphs are equal if they compute the same expressions of the same placeholders.
    """

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subgraph) or len(other.outputs) != len(self.outputs):
            return False
        mine, others = (*self.inputs, *self.outputs), (*other.inputs, *other.outputs)
        return len(mine) == len(others) and all(a is b for a, b in zip(mine, others, strict=True))

    def __hash__(self) -> int:
        return hash((self.inputs, self.outputs))

    @property
    def is_labeled(self) -> bool:
        """Whether an output, or any expression that it depends on, has a name or a call."""
        return any(e.is_labeled for e in self.outputs)

    def infer_output_types(self, operands: Sequence[Expr], drop: int = 0) -> list[Type]:
        """Return the types of the outputs, with the sizes of the operands in place of those of the placeholders.

        The placeholders of the first ``drop`` operands have the types of their elements. A size that the graph computes
        from values, such as the number of selected elements, is unknown.
        """
        pairs = [
            (dim, locate_size(operand, axis + (k < drop)))
            for k, (placeholder, operand) in enumerate(zip(self.inputs, operands, strict=True))
            for axis, dim in enumerate(placeholder.shape)
            if isinstance(dim, str)
        ]
        sizes = {str(dim): size for dim, size in reversed(pairs)}
        for dim, size in pairs:
            for name, origin in get_origins(size).items() if dim == size else ():  # names in a formula
                sizes.setdefault(name, as_dim(read_dim(name), {name: origin}, unknown=name.startswith("?")))
        return [Type(tuple(substitute_sizes(d, sizes) for d in e.shape), e.dtype) for e in self.outputs]

    def make_empty_outputs(self, values: Sequence[Any]) -> list[Array]:
        """Return the stacked outputs of zero iterations, from the inputs of one. Sizes that depend on values are 0."""
        sizes: dict[str, Dim] = {
            str(dim): size
            for e, value in zip(self.inputs, values, strict=True)
            for dim, size in zip(e.shape, np.shape(value), strict=True)
            if isinstance(dim, str)
        }
        known = [[substitute_sizes(d, sizes) for d in e.shape] for e in self.outputs]
        shapes = [[d if isinstance(d, int) else 0 for d in shape] for shape in known]
        return [np.empty((0, *shape), e.dtype) for shape, e in zip(shapes, self.outputs, strict=True)]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"


def locate_size(e: Expr, axis: int) -> Dim:
    """Return the size of an axis. A name that does not say whose size it is gets the axis as its origin."""
    dim: Dim = e.shape[axis]
    if isinstance(dim, int) or get_origins(dim):
        return dim
    return as_dim(read_dim(dim), {str(dim): (weakref.ref(e), axis)}, unknown=isinstance(dim, Unknown))


def substitute_sizes(dim: Dim, sizes: dict[str, Dim]) -> Dim:
    """Return a dimension with other sizes in place of its names; unknown, and added to the sizes, if one has none."""
    if isinstance(dim, int):
        return dim
    if str(dim) in sizes:
        return sizes[str(dim)]
    formula = read_dim(dim)
    names = formula.list_names()
    if not all(name in sizes for name in names):
        return sizes.setdefault(str(dim), Unknown())
    formula = formula.substitute({name: read_dim(sizes[name]) for name in names})
    origins = {name: origin for d in sizes.values() for name, origin in get_origins(d).items()}
    return as_dim(formula, origins, unknown=any(name.startswith("?") for name in formula.list_names()))
