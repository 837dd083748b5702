"""Exceptions of ONNX import and export."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class OnnxError(PellucidError, ValueError):
    """An ONNX file that cannot be imported, or an expression that cannot be exported.

    Examples
    --------
    >>> try:
    ...     raise pel.OnnxError("net.onnx: the operator Unique has no counterpart")
    ... except ValueError as error:
    ...     print(error)
    net.onnx: the operator Unique has no counterpart
    """


OnnxError.__module__ = "pellucid"  # public path, shown in tracebacks


class UnknownValueError(OnnxError):
    """A value that determines a shape or dtype and is unknown before the graph runs.

    Attributes
    ----------
    names : list of str
        Inputs that the value depends on; passing their values resolves it.
    """

    def __init__(self, text: str, names: list[str]) -> None:
        super().__init__(text)
        self.names = names


UnknownValueError.__module__ = "pellucid.interop.onnx"
