"""Expressions and their types, ops, gradients and rewriting. Nothing here imports JAX or a higher package."""

from pellucid.graph import ops, rules
from pellucid.graph.operators import FUNCTIONS

__all__ = ["FUNCTIONS", "ops", "rules"]
