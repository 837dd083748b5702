"""What can go wrong with ONNX files, and how it is worded."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class OnnxError(PellucidError, ValueError):
    """An ONNX file that cannot be read, or an expression that ONNX has no words for."""


OnnxError.__module__ = "pellucid"  # where users find it, and what a traceback says
