"""What ails a network that does not learn: measured on data, and said with what to do."""

from pellucid.model.doctor.diagnosis import Diagnosis, Finding
from pellucid.model.doctor.doctor import doctor

__all__ = ["Diagnosis", "Finding", "doctor"]
