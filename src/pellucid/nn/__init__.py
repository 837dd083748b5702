"""Level 2: layers, and what trains them. A layer is an expression with parameters; it knows only the graph."""

from pellucid.graph.errors import NoSuchNameError, near_miss
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
    raise NoSuchNameError(f"pellucid.nn has no {name!r}.{near_miss(name, __all__)}")
