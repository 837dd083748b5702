"""Layered graph layout: layers, edges routed through them, few crossings, and positions without overlap.

Source: K. Sugiyama, S. Tagawa and M. Toda, Methods for Visual Understanding of Hierarchical System Structures (1981).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pellucid.show.graphs.graph_nodes import GraphNode

BEND_WIDTH = 0.12
"""Width of an edge where it passes a layer."""

SWEEPS = 12
"""Number of passes over the layers, down and up."""

EDGE_WEIGHT = 8.0
"""Weight of a bend for its neighboring bends. It keeps long edges straight."""

LEAF_WEIGHT = 0.01
"""Weight of a leaf. It is low so that leaves do not move the ops below them."""


@dataclass(eq=False)
class NodePosition:
    """A position in a layer, of a node or of an edge that passes the layer (``is_bend``)."""

    width: float
    layer: int = 0
    is_bend: bool = False
    x: float = 0.0
    above: list[NodePosition] = field(default_factory=list)
    below: list[NodePosition] = field(default_factory=list)


@dataclass(frozen=True)
class GraphLayout:
    """Positions of the nodes, positions along each edge from top to bottom, and the positions of each layer."""

    positions: dict[GraphNode, NodePosition]
    edges: list[list[NodePosition]]
    layers: list[list[NodePosition]]


def compute_layout(
    nodes: Sequence[GraphNode], get_width: Callable[[GraphNode], float], gap: float = 0.25
) -> GraphLayout:
    """Lay out nodes in topological order, with the first layer at the top.

    ``gap`` is the minimum space between neighbors, in the unit of the widths. The smallest left edge is at x = 0.
    """
    layer = assign_layers(nodes)
    positions = {node: NodePosition(get_width(node), layer[node]) for node in nodes}
    edges = [route_edge(positions[parent], positions[node]) for node in nodes for parent in node.parents]
    layers: list[list[NodePosition]] = [[] for _ in range(max(layer.values()) + 1)]
    for position in [*positions.values(), *(bend for edge in edges for bend in edge[1:-1])]:
        layers[position.layer].append(position)
    reduce_crossings(layers)
    place_nodes(layers, gap)
    left = min(p.x - p.width / 2 for row in layers for p in row)
    for position in (p for row in layers for p in row):
        position.x -= left
    return GraphLayout(positions, edges, layers)


def assign_layers(nodes: Sequence[GraphNode]) -> dict[GraphNode, int]:
    """Put each node one layer below its parents, and each leaf one layer above its first use."""
    layer: dict[GraphNode, int] = {}
    for node in nodes:
        layer[node] = max((layer[p] + 1 for p in node.parents), default=0)
    users: dict[GraphNode, list[GraphNode]] = {}
    for node in nodes:
        for parent in node.parents:
            users.setdefault(parent, []).append(node)
    for node, using in users.items():
        if not node.parents:
            layer[node] = min(layer[u] for u in using) - 1
    return layer


def route_edge(start: NodePosition, end: NodePosition) -> list[NodePosition]:
    """Return the positions of an edge, with a bend in every layer between its ends."""
    bends = [NodePosition(BEND_WIDTH, layer, is_bend=True) for layer in range(start.layer + 1, end.layer)]
    edge = [start, *bends, end]
    for upper, lower in pairwise(edge):
        upper.below.append(lower)
        lower.above.append(upper)
    return edge


def reduce_crossings(layers: list[list[NodePosition]]) -> None:
    """Sort each layer by the mean rank of its neighbors, down and up."""
    for sweep in range(SWEEPS):
        is_down = sweep % 2 == 0
        for row in layers if is_down else layers[::-1]:
            rank = {p: i for other in layers for i, p in enumerate(other)}
            neighbors = {p: (p.above if is_down else p.below) for p in row}
            row.sort(key=lambda p: sum(rank[n] for n in neighbors[p]) / len(neighbors[p]) if neighbors[p] else rank[p])


def place_nodes(layers: list[list[NodePosition]], gap: float) -> None:
    """Move each position toward the mean of its neighbors, within the order of its layer."""
    for row in layers:
        resolve_overlaps(row, [0.0] * len(row), gap)
    for sweep in range(4 * SWEEPS):
        for row in layers if sweep % 2 == 0 else layers[::-1]:
            resolve_overlaps(row, [get_target(p) for p in row], gap)


def get_target(position: NodePosition) -> float:
    """Return the weighted mean of the neighbors."""
    neighbors = [*position.above, *position.below]
    weights = [
        EDGE_WEIGHT if position.is_bend and n.is_bend else LEAF_WEIGHT if not n.above and position.above else 1.0
        for n in neighbors
    ]
    return sum(w * n.x for w, n in zip(weights, neighbors, strict=True)) / sum(weights) if neighbors else position.x


def resolve_overlaps(row: list[NodePosition], targets: list[float], gap: float) -> None:
    """Set the positions of a layer to the nearest ones to the targets, in least squares, that do not overlap.

    After subtracting the space to its left from each position, the positions must not decrease. The pool adjacent
    violators algorithm solves this problem.
    """
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + gap)
    pools: list[tuple[float, float, int]] = []
    for position, target, offset in zip(row, targets, offsets, strict=True):
        value, weight, count = target - offset, 1.0 if position.above else LEAF_WEIGHT, 1
        while pools and pools[-1][0] > value:
            other_value, other_weight, other_count = pools.pop()
            value = (value * weight + other_value * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        pools.append((value, weight, count))
    values = [value for value, _, count in pools for _ in range(count)]
    for position, value, offset in zip(row, values, offsets, strict=True):
        position.x = value + offset
