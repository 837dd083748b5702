"""What can go wrong with a model, and how it is worded."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class ModelError(PellucidError, ValueError):
    """A model that cannot do what it was asked to do yet, or was given data that do not fit it."""


ModelError.__module__ = "pellucid"  # where users find it, and what a traceback says


class TrainingWarning(UserWarning):
    """Training that goes on but comes to nothing, such as with a loss that is no number."""
