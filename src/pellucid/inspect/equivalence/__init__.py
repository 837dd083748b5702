"""Numerical equivalence of two implementations of one network, compared step by step."""

from pellucid.inspect.equivalence.check import check_equivalence
from pellucid.inspect.equivalence.report import EquivalenceReport

__all__ = ["EquivalenceReport", "check_equivalence"]
