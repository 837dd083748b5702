"""What a layer is made of: layers and shared variables that are attributes of it, and clones of those it is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pellucid.graph.expr import Shared

if TYPE_CHECKING:
    from pellucid.nn.layers.base import Layer

APART = frozenset(["config", "parts"])
"""Attributes that hold what a layer was made with, and what is known of its parts."""


def attributes(layer: Layer) -> Iterator[tuple[str, Any]]:
    """Yield the layers and shared variables that are attributes of a layer, or in lists and dicts that are."""
    from pellucid.nn.layers.base import Layer

    for name, value in vars(layer).items():
        waiting = [] if name in APART else [value]
        while waiting:
            inside = waiting.pop()
            if isinstance(inside, Layer) or (isinstance(inside, Shared) and inside.default_update is None):
                yield name, inside
            elif type(inside) in (list, tuple):
                waiting += inside[::-1]
            elif type(inside) is dict:
                waiting += list(inside.values())[::-1]


def cloned(value: Any, made: dict[Layer, Layer]) -> Any:
    """Return an argument with clones in the place of layers, those made so far where they are known."""
    from pellucid.nn.layers.base import Layer

    if isinstance(value, Layer):
        if value not in made:
            made[value] = value.clone()
        return made[value]
    if isinstance(value, dict):
        return {key: cloned(inside, made) for key, inside in value.items()}
    return type(value)(cloned(v, made) for v in value) if type(value) in (list, tuple) else value
