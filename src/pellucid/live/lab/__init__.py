"""Pages for a person's own data."""

from pellucid.live.lab.lab_figure import Lab as Lab
from pellucid.live.lab.lab_figure import lab as lab
