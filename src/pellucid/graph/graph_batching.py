"""Graphs that are alike: one graph that stands for several, which differ in the values of their leaves and in sizes.

A sweep compares the graphs of its runs this way. Constants that differ become shared variables, sizes that differ the
largest of them. `ragged.py` sees to it that what is beyond a member's own size has no influence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.padded_sizes import MemberSizes, PaddedAxes, mask_inputs
from pellucid.graph.traversal import topological

NodeGroup = tuple[Expr, ...]
"""The expressions at one place of several graphs."""


def structural_hash(outputs: Iterable[Expr], numbers: dict[Any, int]) -> tuple[int, ...]:
    """Return what graphs have in common that differ in nothing but sizes and the values of their leaves.

    Parameters
    ----------
    outputs : iterable of Expr
        A graph.
    numbers : dict
        The numbers of what was met so far; the same one for all graphs that are compared.

    Returns
    -------
    tuple of int
        Equal to that of another graph if one can be `merge` with the other, but for what its sizes forbid.

    Examples
    --------
    >>> numbers = {}
    >>> a, b = (pel.tanh(rate * pel.shared(np.ones(size), "w")) for rate, size in ((0.1, 2), (0.2, 3)))
    >>> form([a], numbers) == form([b], numbers), form([a], numbers) == form([a + 1], numbers)
    (True, False)
    """
    listed = list(outputs)
    own: dict[Expr, int] = {}
    leaves = 0
    for node in topological(listed):
        key: Any
        if isinstance(node, Constant):
            key = ("constant", node.type)
        elif node.op is None:
            key = (type(node), leaves, node.dtype, node.ndim, isinstance(node, Shared) and node.default_update is None)
            leaves += 1
        else:
            key = (node.op, node._settings, *(own[i] for i in node.inputs))
        own[node] = numbers.setdefault(key, len(numbers))
    return tuple(own[output] for output in listed)


class GraphBatcher:
    """Several graphs of one `structural_hash` on their way to one graph.

    Parameters
    ----------
    count : int
        How many graphs there are.

    Attributes
    ----------
    leaves : dict from Expr to tuple of Expr
        For every leaf of the one graph that has a value of its own in each member: those of the members. A constant
        among them has become a shared variable.
    sizes : dict from Shared to tuple of int
        The sizes of an axis that is not equally long in all members.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.leaves: dict[Expr, NodeGroup] = {}
        self.done: dict[NodeGroup, Expr] = {}
        self.ragged = PaddedAxes()

    @property
    def sizes(self) -> Mapping[Shared, MemberSizes]:
        """The variables that hold the sizes of the members along an axis."""
        return {shared: sizes for sizes, shared in self.ragged.variables.items()}

    def merge(self, outputs: Sequence[NodeGroup], *, differentiated: bool = False) -> list[Expr]:
        """Return the one graph that stands for all.

        Parameters
        ----------
        outputs : sequence of tuple of Expr
            For every output, that of each member.
        differentiated : bool
            Whether gradients will be taken through it, so that slopes beyond a member's size must be finite too.

        Raises
        ------
        PaddingError
            If there is none, because of how sizes differ.
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
            self.done[nodes] = self.one(nodes, differentiated)
        return [self.done[output] for output in outputs]

    def one(self, nodes: NodeGroup, differentiated: bool) -> Expr:
        """Return what stands for the expressions at one place, once their inputs are merged."""
        first = nodes[0]
        shapes = [node.shape for node in nodes]
        if first.op is None:
            if isinstance(first, Constant) and all(node is first for node in nodes):
                return first
            made = self.leaf(nodes, tuple(unify_sizes(dims) for dims in zip(*shapes, strict=True)))
        else:
            inputs = [self.done[t] for t in zip(*(n.inputs for n in nodes), strict=True)]
            inputs = mask_inputs(first, inputs, self.ragged, differentiated)
            made = first.op.make(tuple(inputs), dict(first._settings))
        self.ragged.note(made, [find_ragged_sizes(dims) for dims in zip(*shapes, strict=True)], first)
        return made

    def leaf(self, nodes: NodeGroup, shape: tuple[Any, ...]) -> Expr:
        """Return a leaf that stands for those of all members."""
        first = nodes[0]
        made: Expr
        if isinstance(first, Input):
            made = Input(first.name, shape, first.dtype)
        elif isinstance(first, Shared):
            made = Shared(
                np.zeros(shape, first.dtype),
                first.name,
                trainable=first.trainable,
                regularizable=first.regularizable,
            )
        else:
            made = Shared(np.zeros(shape, first.dtype), None, trainable=False, regularizable=False)
        self.leaves[made] = nodes
        return made

    def default_updates(self) -> None:
        """Give the variables that stand for random streams the updates of those."""
        for made, nodes in list(self.leaves.items()):
            updates = [n.default_update for n in nodes if isinstance(n, Shared) and n.default_update is not None]
            if updates and isinstance(made, Shared):
                (made.default_update,) = self.merge([tuple(updates)])

    def values(self, leaf: Expr) -> np.ndarray[Any, Any]:
        """Return the values that the members have of a leaf, with zeros beyond their sizes."""
        if leaf in self.sizes:
            return np.array(self.sizes[leaf], np.int32)  # type: ignore[index]
        values = [n.value if isinstance(n, Constant) else n.get_value() for n in self.leaves[leaf]]  # type: ignore[attr-defined]
        padded: np.ndarray[Any, Any] = np.zeros((len(values), *get_known_sizes(leaf)), leaf.dtype)
        for i, value in enumerate(values):
            padded[i, ...][tuple(slice(size) for size in value.shape)] = value
        return padded


def unify_sizes(dims: Sequence[Any]) -> Any:
    """Return the largest of the sizes of an axis; names and unknown sizes are the first one's."""
    return max(dims) if all(isinstance(dim, int) for dim in dims) else dims[0]


def find_ragged_sizes(dims: Sequence[Any]) -> MemberSizes | None:
    """Return the sizes of an axis where they differ, or None."""
    return tuple(dims) if all(isinstance(d, int) for d in dims) and len(set(dims)) > 1 else None


def get_known_sizes(leaf: Expr) -> tuple[int, ...]:
    """Return the shape of a leaf that has a value."""
    return tuple(dim for dim in leaf.shape if isinstance(dim, int))


def unpad(value: np.ndarray[Any, Any], like: Expr) -> np.ndarray[Any, Any]:
    """Return what of a padded value is a member's own."""
    return np.array(value[tuple(slice(size) for size in get_known_sizes(like))])
