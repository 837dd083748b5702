"""Errors of models."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class ModelError(PellucidError, ValueError):
    """A model is not ready for the requested operation, or the data do not fit it."""


ModelError.__module__ = "pellucid"  # the public home, which tracebacks show
