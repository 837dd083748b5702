"""Export of models to ONNX files, and to ``.keras`` files with the layers as Keras configures them."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from pellucid.interop.onnx.exporter import to_onnx
from pellucid.model.errors import ModelError
from pellucid.model.object_config import UNKNOWN, PerOutput, get_module, layer_to_config, to_plain_value
from pellucid.nn import layers
from pellucid.nn.layers import Layer
from pellucid.saving.keras_weights import write_keras
from pellucid.saving.weights import check_suffix
from pellucid.typing import FilePath

if TYPE_CHECKING:
    from pellucid.model.model import Model

NOT_IN_KERAS = {"LocalResponseNormalization", "Maxout"}
"""Layers that Keras does not have."""

ARGUMENTS_NOT_IN_KERAS = {"checkpoint", "zero_output_for_mask"}
"""Arguments of layers that Keras does not have, and that change no value."""


def export_model(model: Model, path: FilePath, format: Literal["onnx", "keras"], description: str) -> None:
    """Write a model to a file for other programs; see `Model.export`."""
    if format == "onnx":
        to_onnx(model, path, description=description)
    elif format != "keras":
        raise ModelError(f"{model.name}: expected format='onnx' or 'keras'. Received: format={format!r}")
    elif description:
        raise ModelError("A .keras file holds no description. Leave it out, or use format='onnx'")
    elif not model.is_sequential:
        raise ModelError(
            f"{model.name} is a {type(model).__name__}, and only a Sequential can be exported as a Keras model. "
            "model.save_weights('name.keras') writes the weights of any model. ONNX files hold any model"
        )
    else:
        write_keras(check_suffix(path, [".keras"]), model, get_sequential_config(model))


def get_sequential_config(model: Any) -> dict[str, Any]:
    """Return a `Sequential` as Keras configures it."""
    e = model.inputs[0]
    shape = [None, *(n if isinstance(n, int) else None for n in e.shape[1:])]
    first = {"batch_shape": shape, "dtype": e.dtype.name, "sparse": False, "name": str(e.name or "input")}
    parts = [wrap_config("InputLayer", first, layers), *(get_layer_config(layer) for layer in model.layers)]
    config = {"name": model.name.replace("/", "_"), "trainable": True, "dtype": "float32", "layers": parts}
    return {**wrap_config("Sequential", config, None), "build_config": {"input_shape": shape}}


def get_layer_config(layer: Layer) -> dict[str, Any]:
    """Return a layer as Keras configures it, with all arguments, because its defaults may differ from Keras's."""
    if getattr(layer, "is_sequential", False):
        return get_sequential_config(layer)
    if type(layer).__name__ in NOT_IN_KERAS:
        raise ModelError(f"Keras has no layer {type(layer).__name__}, the class of {layer.name}")
    table = layer_to_config(layer)
    dtype = str(layer.parameters[0].dtype) if layer.parameters else "float32"
    others = {name: to_plain_value(v, name, layer.name) for name, v in layer.config.items() if name not in table}
    arguments = {**others, **{name: value for name, value in table.items() if name != "kind"}}
    config = {name: convert_value(v, name) for name, v in arguments.items() if name not in ARGUMENTS_NOT_IN_KERAS}
    return wrap_config(table["kind"], {**config, "name": layer.name.replace("/", "_"), "dtype": dtype}, layers)


def convert_value(value: Any, argument: str) -> Any:
    """Return a plain value of a configuration as Keras writes it."""
    if isinstance(value, dict) and not isinstance(value, PerOutput):
        inner = {name: convert_value(v, name) for name, v in value.items() if name != "kind"}
        return wrap_config(value["kind"], inner, get_module(argument))
    if isinstance(value, list):
        return [None if v == UNKNOWN else convert_value(v, argument) for v in value]
    return value


def wrap_config(class_name: str, config: dict[str, Any], module: ModuleType | None) -> dict[str, Any]:
    """Return a configuration with the class that it belongs to."""
    home = "keras" if module is None else f"keras.{module.__name__.rsplit('.', maxsplit=1)[-1]}"
    home = home.replace("keras.schedules", "keras.optimizers.schedules")
    return {"module": home, "class_name": class_name, "config": config, "registered_name": None}
