"""Explanation of a model as formulas."""

from pellucid.inspect.explain.explanation import Explanation
from pellucid.inspect.explain.model_formulas import explain

__all__ = ["Explanation", "explain"]
