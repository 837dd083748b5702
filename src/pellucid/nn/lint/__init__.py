"""Linter: mistakes that the graph of a network shows before training."""

from pellucid.graph.finding import Finding, Findings
from pellucid.nn.lint.linter import lint

__all__ = ["Finding", "Findings", "lint"]
