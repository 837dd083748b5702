"""A model as the formulas it is."""

from pellucid.model.explain.explain import explain
from pellucid.model.explain.explanation import Explanation

__all__ = ["Explanation", "explain"]
