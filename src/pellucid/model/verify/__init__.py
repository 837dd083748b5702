"""A model held against its twin in another framework."""

from pellucid.model.verify.verify import Verification, verify

__all__ = ["Verification", "verify"]
