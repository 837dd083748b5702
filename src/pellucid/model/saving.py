"""Model files: graph, values, layers, compile configuration and training state in one file."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.graph.errors import OptionError, StorageError
from pellucid.graph.expr import Expr
from pellucid.graph.serialization import GraphReader, GraphWriter
from pellucid.graph.serialization.pickling import GraphState, get_state, is_code_pickled, is_picklable
from pellucid.graph.traversal import copy_name, rebuild
from pellucid.model.functional_graph import CallNode, FunctionalGraph, is_passthrough, iterate_in_order, map_expressions
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.model.variable_paths import get_parameter_paths
from pellucid.nn.layers import Layer
from pellucid.nn.layers.call_tracking import CallRecord, attach_call
from pellucid.saving.container import read_container, write_container
from pellucid.saving.keras_weights import read_keras, write_keras
from pellucid.saving.objects import ObjectReader, ObjectWriter, is_missing
from pellucid.saving.weights import (
    SUFFIXES,
    assign_weights,
    check_suffix,
    get_max_weight_bytes,
    read_arrays,
    write_arrays,
)
from pellucid.typing import FilePath
from pellucid.untrusted_files.reading import report_damage

FILE_KIND = "a model"


OTHER_FORMATS = {
    ".h5": "an old format of Keras. Use model.save({1!r}) for a model that Keras 3 opens",
    ".hdf5": "an old format of Keras. Use model.save({1!r}) for a model that Keras 3 opens",
    ".onnx": "the format of ONNX. Use model.export({0!r})",
    ".npz": "a format of weights. Use model.save_weights({0!r})",
    ".safetensors": "a format of weights. Use model.save_weights({0!r})",
    ".toml": "the format of model.to_source('toml'), which returns the text of such a file",
}
"""Suffixes of other formats, and how to write them."""


def check_model_suffix(path: FilePath) -> None:
    """Refuse the suffix of another format: its programs could not read the file."""
    file = Path(path)
    name, keras_name = str(path), str(file.with_suffix(".keras")) if file.name else ""
    advice = OTHER_FORMATS.get(file.suffix.lower())
    if advice is not None:
        raise OptionError(
            f"model.save writes pellucid's own format, and {file.suffix} is {advice.format(name, keras_name)}; to save "
            f"it for pel.load_model, choose a name such as {str(file.with_suffix('.pel'))!r}"
        )


def is_keras_path(path: FilePath) -> bool:
    return Path(path).suffix.lower() == ".keras"


def save_model(model: ModelLike, path: FilePath) -> None:
    """Write a model to a file; see `Model.save`."""
    check_model_suffix(path)
    if is_keras_path(path):
        from pellucid.interop.keras_files.keras_file import write_keras_model

        write_keras_model(model, Path(path))
        return
    writer = GraphWriter(passthrough=True)
    objects = ObjectWriter(writer)
    root = objects.add(model)
    data = {"graph": writer.to_data(), "objects": objects.objects, "model": root}
    write_container(path, FILE_KIND, data, writer.arrays)


def read_model(path: FilePath, custom_objects: Mapping[str, Callable[..., object]] | None = None) -> ModelLike:
    """Read a model from a file; see `pellucid.load_model`."""
    if is_keras_path(path):
        from pellucid.interop.keras_files.keras_file import read_keras_model

        keras_model: ModelLike = read_keras_model(Path(path), custom_objects)
        return keras_model
    data, arrays = read_container(path, FILE_KIND)
    with report_damage(StorageError, f"Cannot read {path}"):
        reader = GraphReader(data.get("graph"), arrays)
        return build_model(data.get("model"), ObjectReader(data.get("objects"), reader, custom_objects))


def copy_model(model: ModelLike, memo: dict[int, Any]) -> ModelLike:
    """Return a copy that shares nothing with the model except its inputs and custom code, for `copy.deepcopy`."""
    writer = GraphWriter(passthrough=True, keeps_leaves=True)
    objects = ObjectWriter(writer)
    root = objects.add(model)
    local_ops = {name: e.op for name, e in writer.local_ops.items() if e.op is not None}
    graph = GraphReader(writer.to_data(), writer.arrays, copy.deepcopy(writer.leaves, memo), local_ops)
    reader = ObjectReader(objects.objects, graph, objects.custom)
    # Layers that are also referenced from outside of the model get the same copies there.
    memo.update({id(old): new for old, new in zip(objects.pending, reader.objects, strict=True)})
    return build_model(root, reader)


def build_model(root: Any, objects: ObjectReader) -> ModelLike:
    """Return the model among the objects of a file, with its layer calls attached to its expressions."""
    model = objects.decode(root)
    if not is_model(model):
        raise StorageError(f"Expected a model. Received: {type(model).__name__}")
    attach_calls(objects.objects)
    return model


def reduce_model(model: ModelLike) -> tuple[Any, ...]:
    """Return the parts of a model for pickle, as ``__reduce__`` does."""
    writer = GraphWriter(passthrough=True, keeps_leaves=True)
    objects = ObjectWriter(writer)
    root = objects.add(model)
    custom = {name: value for name, value in objects.custom.items() if not is_missing(value)}
    for value in custom.values():
        if not is_picklable(value) and not is_code_pickled():
            raise StorageError(
                f"{model.name} cannot be pickled: it uses {getattr(value, '__qualname__', value)}, and pickle finds "
                "only classes and functions at the top level of a module. Define it there, or pickle with cloudpickle, "
                "which also stores code"
            )
    state = get_state(writer, {"objects": objects.objects, "model": root})
    return unpickle_model, (state, custom)


def unpickle_model(state: GraphState, custom: Mapping[str, Any]) -> ModelLike:
    """Return the model that `reduce_model` took apart."""
    reader, data = state.make_reader()
    return build_model(data["model"], ObjectReader(data["objects"], reader, custom))


def collect_producers(objects: Sequence[object]) -> dict[Expr, list[tuple[CallNode, int]]]:
    """Return the layer calls that computed each expression, with the index of the result."""
    producers: dict[Expr, list[tuple[CallNode, int]]] = {}
    for node in objects:
        if isinstance(node, CallNode):
            for index, e in node.results.items():
                if not is_passthrough(node.call, e):
                    producers.setdefault(e, []).append((node, index))
    return producers


def attach_calls(objects: Sequence[object]) -> None:
    """Attach the layer calls of a model that was read to its expressions, so that parts of it make models again."""
    producers = collect_producers(objects)
    operands = {e: [o for node, _ in calls for o in node.call.get_operands()] for e, calls in producers.items()}
    done: dict[Expr, Expr] = {}
    complete: set[CallRecord] = set()

    def convert_attributes(thing: object) -> None:
        for key, value in vars(thing).items():
            object.__setattr__(thing, key, map_expressions(value, lambda e: done.get(e, e)))

    for e in iterate_in_order(list(producers), lambda e: [*e.inputs, *operands.get(e, [])]):
        done[e] = copy_name(e, rebuild(e, [done[i] for i in e.inputs]))
        for node, index in producers.get(e, []):
            if node.call not in complete:
                convert_attributes(node.call)
                complete.add(node.call)
            done[e] = attach_call(done[e], node.call, index)
    for thing in filter(holds_expressions, objects):
        convert_attributes(thing)


def holds_expressions(thing: object) -> bool:
    """Whether attributes of an object are expressions of the model's graph."""
    return isinstance(thing, (CallNode, FunctionalGraph)) or is_model(thing)


def save_weights(model: Layer, path: FilePath) -> None:
    """Write the values of a model's parameters; see `Model.save_weights`."""
    file = check_suffix(path)
    if file.suffix in (".keras", ".h5"):
        write_keras(file, model)
    else:
        write_arrays(file, get_parameter_paths(model))


def load_weights(model: Layer, path: Any, mapping: Any = None) -> None:
    """Read the values of a model's parameters; see `Model.load_weights`."""
    from pellucid.interop.pytorch.state_dict import PT_SUFFIXES, assign_tensors, load_state_dict

    if mapping is not None or not isinstance(path, (str, Path)) or Path(path).suffix in PT_SUFFIXES:
        load_state_dict(model, path, mapping)
        return
    file = check_suffix(path, (*SUFFIXES, ".pel"))
    if file.suffix in (".keras", ".h5"):
        read_keras(file, model)
    elif file.suffix == ".pel":
        with report_damage(StorageError, f"Cannot read {file}"):
            values = {path: p.get_value() for path, p in read_model(file).paths().items()}
        assign_weights(get_parameter_paths(model), values, file)
    else:
        parameters = get_parameter_paths(model)
        arrays = read_arrays(file, get_max_weight_bytes(parameters.values()))
        if file.suffix == ".safetensors" and has_module_names(arrays):
            assign_tensors(model, arrays, None, str(file), in_order=False)
        else:
            assign_weights(parameters, arrays, file)


def has_module_names(arrays: Mapping[str, Any]) -> bool:
    """Whether names of arrays are those of a state dict, with dots in place of slashes."""
    return bool(arrays) and all("." in name and "/" not in name for name in arrays)
