"""The report of ``pellucid tour``: all experiments, on one self-contained HTML page."""

from pellucid.experiments.report.run_all import PAGE as PAGE
from pellucid.experiments.report.run_all import run_all as run_all
