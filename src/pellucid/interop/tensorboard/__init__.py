"""TensorBoard event files: scalars, histograms, images, text, graphs and hyperparameters."""

from __future__ import annotations

from pellucid.graph.errors import suggest_near_misses
from pellucid.interop.tensorboard.writer import EventWriter

__all__ = ["EventWriter"]

suggest_near_misses(globals(), "tensorboard")
