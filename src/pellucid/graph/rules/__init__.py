"""The rewrite rules, a family or a part of one in a file, in the order in which they are tried."""

from pellucid.graph.rules import (  # isort: skip
    canonical,
    algebra,
    shapes,
    loops,
    masks,
    reductions,
    pooling,
    matrices,
    guards,
    stabilize,
    moves,
    logistic,
    exponentials,
    logarithms,
    differences,
    norms,
)

__all__ = [
    "algebra",
    "canonical",
    "differences",
    "exponentials",
    "guards",
    "logarithms",
    "logistic",
    "loops",
    "masks",
    "matrices",
    "moves",
    "norms",
    "pooling",
    "reductions",
    "shapes",
    "stabilize",
]
