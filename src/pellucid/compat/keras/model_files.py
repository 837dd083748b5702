"""Files of models and weights: Keras 1's HDF5 layout of weights, its JSON of structures, and pellucid's own format."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.compat.keras import constraints, layers, regularizers
from pellucid.compat.keras.layer_base import get_shape
from pellucid.graph.errors import OptionError, ShapeError, StorageError
from pellucid.optional_packages import require_packages
from pellucid.untrusted_files.reading import report_damage

CUSTOM_OBJECTS: dict[str, Any] = {}
"""Classes and functions of scripts by name."""


def write_weights(path: Any, model: Any, overwrite: bool) -> None:
    """Write the weights of all layers in Keras 1's layout; an existing file is replaced atomically."""
    check_overwrite(path, overwrite)
    with require_packages("keras's model.save_weights"):
        import h5py
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        store.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group, weights = store.create_group(layer.name), layer.get_weights()
            group.attrs["weight_names"] = [f"{layer.name}_{number}".encode() for number in range(len(weights))]
            for number, value in enumerate(weights):
                group[f"{layer.name}_{number}"] = value
    atomic_write(path, file.getvalue())


def read_weights(path: Any, model: Any, by_name: bool) -> None:
    """Set the weights of layers from a file, in order or by the names of the layers."""
    with require_packages("keras's model.load_weights"):
        import h5py
    with report_damage(StorageError, f"Cannot read the weights in {path}"), h5py.File(path, "r") as store:
        root = store.get("model_weights", store)
        groups = [(name, root[name]) for name in map(to_text, root.attrs["layer_names"])]
        found = [(name, [np.array(g[to_text(w)]) for w in g.attrs["weight_names"]]) for name, g in groups]
    found = [(name, weights) for name, weights in found if weights]
    targets, named = [layer for layer in model.layers if layer.get_weights()], dict(found)
    if not by_name and len(found) != len(targets):
        raise ShapeError(
            f"{path} has weights of {len(found)} layers. Received: a model with {len(targets)} such layers"
        )
    pairs = [(layer, named.get(layer.name) if by_name else found[i][1]) for i, layer in enumerate(targets)]
    for layer, weights in pairs:
        shapes, own = ([w.shape for w in ws or ()] for ws in (weights, layer.get_weights()))
        if weights is not None and shapes != own:
            raise ShapeError(f"{layer.name} has weights of shapes {own}. Received: {shapes} in {path}")
    for layer, weights in pairs:
        if weights is not None:
            layer.set_weights(weights)


def to_text(name: Any) -> str:
    """Return a name in a file as text."""
    return name.decode() if isinstance(name, bytes) else str(name)


def check_overwrite(path: Any, overwrite: bool) -> None:
    """Refuse to replace a file; Keras 1 asked on the terminal."""
    if not overwrite and Path(path).exists():
        raise StorageError(f"{path} exists. Pass overwrite=True to replace it")


def encode(value: Any) -> Any:
    """Return an object as a value for JSON: a layer or model by its arguments, a function by its name."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    known = {**vars(regularizers), **vars(constraints)}
    if known.get(type(value).__name__) is type(value):
        return {"class_name": type(value).__name__, "config": vars(value)}
    if getattr(value, "__name__", "<lambda>") == "<lambda>":
        raise OptionError(f"{value!r:.80} cannot be written as JSON. Use model.save, which keeps the formulas")
    return value.__name__


def decode(value: Any) -> Any:
    """Return what `encode` wrote."""
    if isinstance(value, dict) and "class_name" in value:
        return make_from_config(value)
    return tuple(map(decode, value)) if isinstance(value, list) else value


def make_from_config(entry: Mapping[str, Any]) -> Any:
    """Return a layer, model or other object from its class name and config."""
    from pellucid.compat.keras import models

    name, config = entry["class_name"], entry["config"]
    known: dict[str, Callable[..., Any]] = {**vars(layers), **vars(regularizers), **vars(constraints), **CUSTOM_OBJECTS}
    if name == "Model":
        return make_functional(config)
    if name == "Sequential":
        return models.Sequential([make_from_config(layer) for layer in config])
    functions = {k: CUSTOM_OBJECTS.get(v, v) if isinstance(v, str) else decode(v) for k, v in config.items()}
    return known[name](**functions) if name in known else getattr(layers, name)


def describe_functional(model: Any) -> dict[str, Any]:
    """Return the layer calls of a model in Keras 1's form."""
    graph = model.functional_graph
    names, entries = {e: [e.name, 0, 0] for e in graph.inputs}, []
    for e in graph.inputs:
        config = {"batch_input_shape": get_shape(e), "input_dtype": e.dtype.name, "name": e.name}
        entries.append({"class_name": "InputLayer", "config": config, "name": e.name, "inbound_nodes": []})
    for node in graph.nodes:
        inbound = [names.get(e) for e in node.call.get_operands()]
        if None in inbound or not hasattr(node.layer, "get_config"):
            raise OptionError(f"{node.layer.name}: JSON holds layers on results of layers only. Use model.save")
        names |= {e: [node.layer.name, 0, index] for index, e in node.results.items()}
        entries.append({**encode(node.layer), "name": node.layer.name, "inbound_nodes": [inbound]})
    ends = {"input_layers": [names[e] for e in graph.inputs], "output_layers": [names[e] for e in graph.outputs]}
    return {"name": model.name, "layers": entries, **ends}


def make_functional(config: Mapping[str, Any]) -> Any:
    """Return a model from what `describe_functional` returned."""
    from pellucid.compat.keras import models

    results: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for entry in config["layers"]:
        name = entry["name"]
        made[name] = made.get(name) or make_from_config(entry)
        results.setdefault(name, made[name])
        for inbound in entry["inbound_nodes"]:
            operands = [results[source[0]] for source in inbound]
            results[name] = made[name](operands if made[name].merges else operands[0])
    inputs, outputs = ([results[e[0]] for e in config[key]] for key in ("input_layers", "output_layers"))
    return models.Model(inputs, outputs, config["name"])
