"""Rewrite rules, imported in the order in which they are tried."""

# ruff: noqa: F401
from pellucid.graph.rules import (  # isort: skip
    canonicalization,
    algebra,
    shapes,
    reductions,
    pooling,
    linear_algebra,
    where,
    stability,
    log_through_indexing,
    fractions,
    logistic,
    exponentials,
    logarithms,
    catastrophic_cancellation,
    norms,
    powers_near_one,
    differences,
    remainders,
    angles,
    algebraic_differences,
    homogeneous_scaling,
    exponential_sums,
    gamma_differences,
    count_likelihoods,
)
