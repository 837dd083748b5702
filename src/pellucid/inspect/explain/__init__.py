"""A model as the formulas it is."""

from pellucid.inspect.explain.explain import explain
from pellucid.inspect.explain.explanation import Explanation

__all__ = ["Explanation", "explain"]
