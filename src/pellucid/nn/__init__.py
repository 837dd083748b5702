"""Level 2: layers, and what trains them. A layer is an expression with parameters; it knows only the graph."""

from pellucid.graph.errors import NoSuchNameError, near_miss
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS
from pellucid.graph.operators import FUNCTIONS
from pellucid.nn import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from pellucid.nn.layers import *
from pellucid.nn.masks import find_mask
from pellucid.nn.random_seed import set_random_seed

__all__ = [
    *layers.NAMED,
    "activations",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "find_mask",
    "metrics",
    "optimizers",
    "regularizers",
    "schedules",
    "set_random_seed",
]


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(name)
    raise NoSuchNameError(f"pellucid.nn has no {name!r}.{_suggest(name)}")


def _suggest(name: str) -> str:
    """Return where a name exists, or what to write instead of it, after a space."""
    if name in FOREIGN_FUNCTIONS:
        return f" {FOREIGN_FUNCTIONS[name]}"
    if name in FUNCTIONS:
        layer = next((n for n in layers.NAMED if n.lower() == name.replace("_", "")), None)
        return f" It is the function pel.{name}(x)" + f"; as a layer, nn.{layer}()" * (layer is not None) + "."
    for part in (activations, initializers, losses, metrics, optimizers, regularizers, constraints, schedules):
        if name in getattr(part, "__all__", ()) or (name in vars(part) and callable(vars(part)[name])):
            return f" It is {part.__name__.replace('pellucid.', 'pel.')}.{name}."
    return near_miss(name, __all__)
