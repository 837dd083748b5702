"""Where the nodes of a graph stand in a picture: in layers, near what they are joined to, without overlap.

The steps are those of Sugiyama, Tagawa and Toda, Methods for Visual Understanding of Hierarchical System Structures
(1981): layers, bends for lines that pass a layer, an order with few crossings, and then places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pellucid.show.graph_nodes import Node

BEND = 0.12
"""The width that a line takes where it passes a layer."""

SWEEPS = 12
"""How often the layers are gone through, down and up."""

STRAIGHT = 8.0
"""How much more bends pull at bends than boxes do."""

BESIDE = 0.01
"""How much less a leaf's wish counts, and how much less it pulls at what uses it: it stands beside the others."""


@dataclass(eq=False)
class Spot:
    """A place in a layer: of a node, or of a line that passes by."""

    width: float
    layer: int = 0
    bend: bool = False
    x: float = 0.0
    above: list[Spot] = field(default_factory=list)
    below: list[Spot] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """Where every node stands, and the spots that every line goes through, from above to below."""

    spots: dict[Node, Spot]
    lines: list[list[Spot]]
    layers: list[list[Spot]]


def arrange(nodes: Sequence[Node], width: Callable[[Node], float], gap: float = 0.25) -> Layout:
    """Lay a graph out in layers, the first at the top.

    Parameters
    ----------
    nodes : sequence of Node
        Each after its parents.
    width : function
        The width of a node.
    gap : float
        The least room between neighbours.

    Returns
    -------
    Layout
        With ``x`` from 0 on, in the unit of the widths.
    """
    layer = layers_of(nodes)
    spots = {node: Spot(width(node), layer[node]) for node in nodes}
    lines = [line(spots[parent], spots[node]) for node in nodes for parent in node.parents]
    layers: list[list[Spot]] = [[] for _ in range(max(layer.values()) + 1)]
    for spot in [*spots.values(), *(bend for one in lines for bend in one[1:-1])]:
        layers[spot.layer].append(spot)
    reorder(layers)
    place(layers, gap)
    left = min(s.x - s.width / 2 for row in layers for s in row)
    for spot in (s for row in layers for s in row):
        spot.x -= left
    return Layout(spots, lines, layers)


def layers_of(nodes: Sequence[Node]) -> dict[Node, int]:
    """Put each node one layer below its parents, and each leaf just above the first that uses it."""
    layer: dict[Node, int] = {}
    for node in nodes:
        layer[node] = max((layer[p] + 1 for p in node.parents), default=0)
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for parent in node.parents:
            users.setdefault(parent, []).append(node)
    for node, using in users.items():
        if not node.parents:
            layer[node] = min(layer[u] for u in using) - 1
    return layer


def line(start: Spot, end: Spot) -> list[Spot]:
    """Lead a line from one node to another, with a bend in every layer between them."""
    bends = [Spot(BEND, layer, bend=True) for layer in range(start.layer + 1, end.layer)]
    whole = [start, *bends, end]
    for upper, lower in pairwise(whole):
        upper.below.append(lower)
        lower.above.append(upper)
    return whole


def reorder(layers: list[list[Spot]]) -> None:
    """Order each layer by the middle of its neighbours' places, down and up again, which leaves few crossings."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in layers if down else layers[::-1]:
            rank = {s: i for other in layers for i, s in enumerate(other)}
            near = {s: (s.above if down else s.below) for s in row}
            row.sort(key=lambda s: sum(rank[n] for n in near[s]) / len(near[s]) if near[s] else rank[s])


def place(layers: list[list[Spot]], gap: float) -> None:
    """Move each spot towards the mean of its neighbours, as far as its layer's order allows."""
    for row in layers:
        settle(row, [0.0] * len(row), gap)
    for sweep in range(4 * SWEEPS):
        for row in layers if sweep % 2 == 0 else layers[::-1]:
            settle(row, [pulled(s) for s in row], gap)


def pulled(spot: Spot) -> float:
    """Return the middle of the neighbours' places, weighed so that lines and chains of ops go straight down."""
    near = [*spot.above, *spot.below]
    weights = [STRAIGHT if spot.bend and n.bend else BESIDE if not n.above and spot.above else 1.0 for n in near]
    return sum(w * n.x for w, n in zip(weights, near, strict=True)) / sum(weights) if near else spot.x


def settle(row: list[Spot], wished: list[float], gap: float) -> None:
    """Give the spots of a layer the places nearest to those wished for (least squares) at which none overlap.

    With the room to its left taken away from each place, the places must not decrease: pool adjacent violators.
    """
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + gap)
    pools: list[tuple[float, float, int]] = []
    for spot, want, offset in zip(row, wished, offsets, strict=True):
        value, weight, count = want - offset, 1.0 if spot.above else BESIDE, 1
        while pools and pools[-1][0] > value:
            before, heavy, many = pools.pop()
            value = (value * weight + before * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + many
        pools.append((value, weight, count))
    values = [value for value, _, count in pools for _ in range(count)]
    for spot, value, offset in zip(row, values, offsets, strict=True):
        spot.x = value + offset
