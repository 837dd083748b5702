"""A model as a ``.keras`` file that Keras opens by itself: its layers as Keras writes them down, and the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.inspect.source_export.config import UNKNOWN, ByOutput, family, layer_table, plain
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.model.sequential import Sequential
from pellucid.nn import layers
from pellucid.nn.layers import Layer
from pellucid.saving.keras_weights import write_keras

OURS = {"LocalResponseNormalization", "Maxout"}
"""Layers that Keras has not."""

OURS_ALONE = {"checkpoint", "zero_output_for_mask"}
"""Arguments of layers that Keras's have not, and that change no value."""


def export_keras(model: Model, path: str | Path) -> None:
    """Write a `Sequential` of layers that Keras has, too, for ``keras.saving.load_model``.

    Raises
    ------
    ModelError
        For a graph, and for a layer that cannot be written down.
    """
    if not isinstance(model, Sequential):
        raise ModelError(
            f"{model.name} is a {type(model).__name__}, and a file that Keras opens as a model is written of a "
            "Sequential. model.save_weights('name.keras') writes the weights of any model, and ONNX the whole of it"
        )
    config = sequential_config(model)
    write_keras(Path(path), model, config)


def sequential_config(model: Sequential) -> dict[str, Any]:
    """Return layers one after the other as Keras writes them."""
    given = model.inputs[0]
    shape = [None, *(n if isinstance(n, int) else None for n in given.shape[1:])]
    first = {"batch_shape": shape, "dtype": given.dtype.name, "sparse": False, "name": str(given.name or "input")}
    parts = [written("InputLayer", first, layers), *(layer_config(layer) for layer in model.layers)]
    config = {"name": model.name.replace("/", "_"), "trainable": True, "dtype": "float32", "layers": parts}
    return {**written("Sequential", config, None), "build_config": {"input_shape": shape}}


def layer_config(layer: Layer) -> dict[str, Any]:
    """Return a layer as Keras writes it, with all arguments, for its defaults need not be Keras's."""
    if isinstance(layer, Sequential):
        return sequential_config(layer)
    if type(layer).__name__ in OURS:
        raise ModelError(f"{layer.name}, a {type(layer).__name__}, is no layer that Keras has")
    table = layer_table(layer)
    dtype = str(layer.parameters[0].dtype) if layer.parameters else "float32"
    usual = {name: plain(value, name, layer.name) for name, value in layer.config.items() if name not in table}
    arguments = {**usual, **{name: value for name, value in table.items() if name != "kind"}}
    told = {name: config_of(value, name) for name, value in arguments.items() if name not in OURS_ALONE}
    return written(table["kind"], {**told, "name": layer.name.replace("/", "_"), "dtype": dtype}, layers)


def config_of(value: Any, argument: str) -> Any:
    """Return a plain value as Keras writes it."""
    if isinstance(value, dict) and not isinstance(value, ByOutput):
        inner = {name: config_of(v, name) for name, v in value.items() if name != "kind"}
        return written(value["kind"], inner, family(argument))
    if isinstance(value, list):
        return [None if v == UNKNOWN else config_of(v, argument) for v in value]
    return value


def written(kind: str, config: dict[str, Any], module: Any) -> dict[str, Any]:
    """Return an object as Keras writes it."""
    home = "keras" if module is None else f"keras.{module.__name__.rsplit('.', maxsplit=1)[-1]}"
    home = home.replace("keras.schedules", "keras.optimizers.schedules")
    return {"module": home, "class_name": kind, "config": config, "registered_name": None}
