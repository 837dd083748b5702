"""Diagnosis of models that do not learn: measurements on data, problems and their fixes."""

from pellucid.graph.finding import Finding
from pellucid.inspect.diagnostics.diagnosis import diagnose
from pellucid.inspect.diagnostics.report import Diagnosis

__all__ = ["Diagnosis", "Finding", "diagnose"]
