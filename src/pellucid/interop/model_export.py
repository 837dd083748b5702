"""Export of models to ONNX files and ``.keras`` files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pellucid.interop.keras_files.keras_file import write_keras_model
from pellucid.interop.onnx.exporter import to_onnx
from pellucid.model.errors import ModelError
from pellucid.saving.weights import check_suffix
from pellucid.typing import FilePath

if TYPE_CHECKING:
    from pellucid.model.model import Model


def export_model(model: Model, path: FilePath, format: Literal["onnx", "keras"], description: str) -> None:
    """Write a model to a file for other programs; see `Model.export`."""
    if format == "onnx":
        to_onnx(model, path, description=description)
    elif format != "keras":
        raise ModelError(f"{model.name}: expected format='onnx' or 'keras'. Received: format={format!r}")
    elif description:
        raise ModelError("A .keras file holds no description. Leave it out, or use format='onnx'")
    else:
        write_keras_model(model, check_suffix(path, [".keras"]))
