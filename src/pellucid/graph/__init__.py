"""Level 1: expressions, their types, ops, gradients and rewriting. It knows no other part of pellucid, and no JAX."""

from pellucid.graph import ops, rules
from pellucid.graph.operators import FUNCTIONS

__all__ = ["FUNCTIONS", "ops", "rules"]
