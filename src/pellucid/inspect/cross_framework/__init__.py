"""A model held against its twin in another framework."""

from pellucid.inspect.cross_framework.compare import Verification, verify

__all__ = ["Verification", "verify"]
