"""Explanation of a model as formulas."""

from pellucid.inspect.explain.explain import explain
from pellucid.inspect.explain.explanation import Explanation

__all__ = ["Explanation", "explain"]
