"""Files that TensorBoard reads: measures, distributions, images, words, graphs and settings."""

from __future__ import annotations

from pellucid.graph.errors import tell_near_misses
from pellucid.interop.tensorboard.writer import EventWriter

__all__ = ["EventWriter"]

tell_near_misses(globals(), "tensorboard")
