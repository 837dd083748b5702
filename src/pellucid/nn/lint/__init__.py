"""The linter: mistakes that a network's graph shows before it is trained."""

from pellucid.nn.lint.findings import Finding, Findings
from pellucid.nn.lint.linter import lint

__all__ = ["Finding", "Findings", "lint"]
