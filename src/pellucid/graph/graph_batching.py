"""Batching of graphs with the same structure: one graph for several that differ in values of leaves and in sizes.

Sweeps train many networks as one program this way. Constants that differ become shared variables, and axes that differ
in size get the largest size. `pellucid.graph.graph_batching_padding` keeps the padding from affecting results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.graph_batching_padding import MemberSizes, PaddedAxes, mask_inputs
from pellucid.graph.traversal import topological
from pellucid.typing import Array

NodeGroup = tuple[Expr, ...]
"""Corresponding expressions of several graphs."""


def structural_hash(outputs: Iterable[Expr], numbers: dict[Any, int]) -> tuple[int, ...]:
    """Return a hash that graphs share if they differ only in sizes and in values of leaves.

    Pass the same dictionary ``numbers`` for all graphs that are compared. Graphs with equal hashes can be merged,
    unless their sizes are incompatible.
    """
    outputs = list(outputs)
    own: dict[Expr, int] = {}
    leaves = 0
    for node in topological(outputs):
        key: Any
        if isinstance(node, Constant):
            key = ("constant", node.type)
        elif node.op is None:
            key = (type(node), leaves, node.dtype, node.ndim, isinstance(node, Shared) and node.default_update is None)
            leaves += 1
        else:
            key = (node.op, node._settings, *(own[i] for i in node.inputs))
        own[node] = numbers.setdefault(key, len(numbers))
    return tuple(own[output] for output in outputs)


class GraphBatcher:
    """Merges graphs of equal `structural_hash` into one graph.

    Parameters
    ----------
    count : int
        Number of graphs (members).

    Attributes
    ----------
    leaves : dict from Expr to tuple of Expr
        The leaves of the members by leaf of the merged graph. Constants that differ become shared variables.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.leaves: dict[Expr, NodeGroup] = {}
        self.done: dict[NodeGroup, Expr] = {}
        self.padded: PaddedAxes = PaddedAxes()

    @property
    def sizes(self) -> Mapping[Shared, MemberSizes]:
        """Sizes of the members along padded axes, by the variable that holds them."""
        return {shared: sizes for sizes, shared in self.padded.variables.items()}

    def merge(self, outputs: Sequence[NodeGroup], *, differentiated: bool = False) -> list[Expr]:
        """Return the outputs of the merged graph, for each output its expressions in all members.

        If it is ``differentiated``, gradients of the padding must be finite. Raises a PaddingError if the sizes are
        incompatible.
        """
        stack = list(outputs)[::-1]
        while stack:
            nodes = stack[-1]
            if nodes in self.done:
                stack.pop()
                continue
            pending = [t for t in zip(*(n.inputs for n in nodes), strict=True) if t not in self.done]
            if pending:
                stack.extend(reversed(pending))
                continue
            stack.pop()
            self.done[nodes] = self.merge_node(nodes, differentiated)
        return [self.done[output] for output in outputs]

    def merge_node(self, nodes: NodeGroup, differentiated: bool) -> Expr:
        first = nodes[0]
        shapes = [node.shape for node in nodes]
        if first.op is None:
            if isinstance(first, Constant) and all(node is first for node in nodes):
                return first
            made = self.merge_leaf(nodes, tuple(unify_sizes(dims) for dims in zip(*shapes, strict=True)))
        else:
            inputs = [self.done[t] for t in zip(*(n.inputs for n in nodes), strict=True)]
            inputs = mask_inputs(first, inputs, self.padded, differentiated)
            made = first.op.make(tuple(inputs), dict(first._settings))
        self.padded.record(made, [find_ragged_sizes(dims) for dims in zip(*shapes, strict=True)], first)
        return made

    def merge_leaf(self, nodes: NodeGroup, shape: tuple[Any, ...]) -> Expr:
        """Merge corresponding leaves into a leaf of the largest shape."""
        first = nodes[0]
        made: Expr
        if isinstance(first, Input):
            made = Input(first.name, shape, first.dtype)
        else:
            tags = {tag: getattr(first, tag, False) for tag in ("trainable", "regularizable")}  # a constant has none
            made = Shared(np.zeros(shape, first.dtype), first.name, **tags)
        self.leaves[made] = nodes
        return made

    def merge_default_updates(self) -> None:
        """Merge the default updates of variables, such as the states of random streams."""
        for made, nodes in list(self.leaves.items()):
            updates = [n.default_update for n in nodes if isinstance(n, Shared) and n.default_update is not None]
            if updates and isinstance(made, Shared):
                (made.default_update,) = self.merge([tuple(updates)])

    def stack_values(self, leaf: Expr) -> Array:
        """Stack the values of a leaf in all members, padded with zeros."""
        if leaf in self.sizes:
            return np.array(self.sizes[leaf], np.int32)  # type: ignore[index]
        values = [n.value if isinstance(n, Constant) else n.get_value() for n in self.leaves[leaf]]  # type: ignore[attr-defined]
        padded: Array = np.zeros((len(values), *get_known_sizes(leaf)), leaf.dtype)
        for i, value in enumerate(values):
            padded[i, ...][tuple(slice(size) for size in value.shape)] = value
        return padded


def unify_sizes(dims: Sequence[Any]) -> Any:
    """Return the largest size of an axis, or the first dimension if not all are integers."""
    return max(dims) if all(isinstance(dim, int) for dim in dims) else dims[0]


def find_ragged_sizes(dims: Sequence[Any]) -> MemberSizes | None:
    """Return the sizes of an axis if they differ, else None."""
    return tuple(dims) if all(isinstance(d, int) for d in dims) and len(set(dims)) > 1 else None


def get_known_sizes(leaf: Expr) -> tuple[int, ...]:
    return tuple(dim for dim in leaf.shape if isinstance(dim, int))


def unpad(value: Array, like: Expr) -> Array:
    """Return the part of a padded value without padding, of the shape of a leaf."""
    return np.array(value[tuple(slice(size) for size in get_known_sizes(like))])
