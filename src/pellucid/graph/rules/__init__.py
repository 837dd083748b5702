"""The rewrite rules, a family or a part of one in a file, in the order in which they are tried."""

from pellucid.graph.rules import (  # isort: skip
    canonicalization,
    algebra,
    shapes,
    scan,
    masks,
    reductions,
    pooling,
    linear_algebra,
    where,
    stability,
    log_through_indexing,
    logistic,
    exponentials,
    logarithms,
    cancellation,
    norms,
)

__all__ = [
    "algebra",
    "cancellation",
    "canonicalization",
    "exponentials",
    "linear_algebra",
    "log_through_indexing",
    "logarithms",
    "logistic",
    "masks",
    "norms",
    "pooling",
    "reductions",
    "scan",
    "shapes",
    "stability",
    "where",
]
