"""The tour: every experiment in turn, and one self-contained page that shows them."""

from pellucid.experiments.tour.walk import PAGE as PAGE
from pellucid.experiments.tour.walk import walk as walk
