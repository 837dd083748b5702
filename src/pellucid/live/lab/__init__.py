"""Pages for a person's own data."""

from pellucid.live.lab.lab import Lab as Lab
from pellucid.live.lab.lab import lab as lab
