"""Reports as self-contained HTML pages: ``pellucid tour``, and what the page of a training run shares with it."""

from pellucid.course.tour.run_all import PAGE as PAGE
from pellucid.course.tour.run_all import run_all as run_all
