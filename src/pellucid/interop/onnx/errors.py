"""What can go wrong with ONNX files, and how it is worded."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class OnnxError(PellucidError, ValueError):
    """An ONNX file that cannot be read, or an expression that ONNX has no words for."""


OnnxError.__module__ = "pellucid"  # where users find it, and what a traceback says


class UnknownValueError(OnnxError):
    """A value of an ONNX file that decides what a result looks like, and is known only when the file runs.

    Attributes
    ----------
    names : list of str
        The inputs it is made of, whose values can be told beforehand.
    """

    def __init__(self, text: str, names: list[str]) -> None:
        super().__init__(text)
        self.names = names


UnknownValueError.__module__ = "pellucid.interop.onnx"
