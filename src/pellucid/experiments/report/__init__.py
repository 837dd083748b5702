"""The tour: every experiment in turn, and one self-contained page that shows them."""

from pellucid.experiments.report.run_all import PAGE as PAGE
from pellucid.experiments.report.run_all import walk as walk
