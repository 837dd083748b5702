"""TensorBoard's own package, imported when the first file is written."""

from __future__ import annotations

import functools
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from pellucid.graph.errors import UseError

PARTS = {
    "tensorboard.summary.writer.event_file_writer": ["EventFileWriter"],
    "tensorboard.compat.proto.event_pb2": ["Event"],
    "tensorboard.compat.proto.summary_pb2": ["Summary"],
    "tensorboard.compat.proto.graph_pb2": ["GraphDef"],
    "tensorboard.compat.proto.types_pb2": ["DataType"],
    "tensorboard.compat.proto.tensor_shape_pb2": ["TensorShapeProto"],
    "tensorboard.util.tensor_util": ["make_tensor_proto"],
    "tensorboard.plugins.hparams.api_pb2": ["Status"],
    "tensorboard.plugins.hparams.plugin_data_pb2": ["HParamsPluginData", "SessionEndInfo", "SessionStartInfo"],
}
PLUGINS = ("hparams", "histogram", "image", "scalar", "text")


@functools.cache
def tensorboard() -> Any:
    """Return what of TensorBoard is used: its writer of records, and the messages that go into them.

    Raises
    ------
    UseError
        If it is not installed.
    """
    try:
        found = {name: getattr(import_module(home), name) for home, names in PARTS.items() for name in names}
        found |= {name: import_module(f"tensorboard.plugins.{name}.metadata") for name in PLUGINS}
    except ModuleNotFoundError as error:
        raise UseError(
            "Event files are written with TensorBoard's own package, which is not installed: "
            f"pip install 'pellucid[tensorboard]' ({error})"
        ) from error
    return SimpleNamespace(**found)
