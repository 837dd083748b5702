"""What ails a network that does not learn: measured on data, and said with what to do."""

from pellucid.inspect.diagnostics.diagnosis import doctor
from pellucid.inspect.diagnostics.report import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "doctor"]
