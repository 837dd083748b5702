"""The ops, one family a file."""

from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.ops import (
    arranging,
    bits,
    choosing,
    contractions,
    convolution,
    creation,
    draws,
    einsum,
    elementwise,
    gradients,
    exponentials,
    hyperbolic,
    indexing,
    joining,
    linear,
    logic,
    loops,
    neural,
    pooling,
    products,
    positions,
    random,
    reductions,
    rounding,
    shapes,
    special,
    trigonometry,
    windows,
)

__all__ = [
    "arranging",
    "bits",
    "choosing",
    "contractions",
    "convolution",
    "creation",
    "draws",
    "einsum",
    "elementwise",
    "gradients",
    "exponentials",
    "hyperbolic",
    "indexing",
    "joining",
    "linear",
    "logic",
    "loops",
    "neural",
    "pooling",
    "products",
    "positions",
    "random",
    "reductions",
    "rounding",
    "shapes",
    "special",
    "trigonometry",
    "windows",
]


def __getattr__(name: str) -> object:
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
