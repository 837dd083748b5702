"""Two forms of one network, held against each other step by step."""

from pellucid.inspect.equivalence.check import prove
from pellucid.inspect.equivalence.report import Proof

__all__ = ["Proof", "prove"]
