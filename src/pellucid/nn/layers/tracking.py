"""Sublayers and shared variables among the attributes and arguments of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pellucid.graph.expr import Shared

if TYPE_CHECKING:
    from pellucid.nn.layers.base import Layer

UNTRACKED_ATTRIBUTES = frozenset(["config", "parts"])


def iterate_parts(layer: Layer) -> Iterator[tuple[str, Any]]:
    """Yield the layers and shared variables in the attributes of a layer, also inside lists, tuples and dicts."""
    from pellucid.nn.layers.base import Layer

    for name, attribute in vars(layer).items():
        stack = [] if name in UNTRACKED_ATTRIBUTES else [attribute]
        while stack:
            value = stack.pop()
            if isinstance(value, Layer) or (isinstance(value, Shared) and value.default_update is None):
                yield name, value
            elif type(value) in (list, tuple):
                stack += value[::-1]
            elif type(value) is dict:
                stack += list(value.values())[::-1]


def clone_layers_in(value: Any, clones: dict[Layer, Layer]) -> Any:
    """Return an argument with its layers replaced by clones, one per layer."""
    from pellucid.nn.layers.base import Layer

    if isinstance(value, Layer):
        if value not in clones:
            clones[value] = value.clone()
        return clones[value]
    if isinstance(value, dict):
        return {key: clone_layers_in(element, clones) for key, element in value.items()}
    return type(value)(clone_layers_in(v, clones) for v in value) if type(value) in (list, tuple) else value
