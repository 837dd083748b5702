"""Two forms of one network, held against each other step by step."""

from pellucid.model.prove.proof import Proof
from pellucid.model.prove.prove import prove

__all__ = ["Proof", "prove"]
