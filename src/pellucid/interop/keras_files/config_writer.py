"""Configs of models as Keras 3 writes them."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from pellucid.graph.errors import brief
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.ops.index_spec import Slice
from pellucid.graph.types import is_float
from pellucid.graph.unique_names import UniqueNames
from pellucid.interop.keras_files.tables import (
    ARGUMENTS_NOT_IN_KERAS,
    HOMES,
    KERAS_OPERATIONS,
    NN_OPERATIONS,
    NOT_IN_KERAS,
    OPERATION_SETTINGS,
    WRITTEN_AS_OPERATIONS,
)
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import (
    CallNode,
    FunctionalGraph,
    get_dependencies,
    is_passthrough,
    iterate_in_order,
)
from pellucid.model.interfaces import is_model
from pellucid.model.object_config import (
    UNKNOWN,
    PlainMapping,
    get_classes,
    get_module,
    layer_to_config,
    to_plain_value,
)
from pellucid.nn import layers
from pellucid.nn.layers import GroupQueryAttention, Layer, MultiHeadAttention, Normalization
from pellucid.saving.keras_weights import sort_as_keras

Config = dict[str, Any]

MAX_CONSTANT = 100_000
"""Largest number of elements of a constant between layers."""


def write_model_config(model: Any, name: str = "") -> Config:
    """Return the config of a model; ``name`` replaces its own name where Keras needs unique names."""
    name = clean_name(name or model.name)
    is_chain = model.is_sequential and not any(type(layer).__name__ in WRITTEN_AS_OPERATIONS for layer in model.layers)
    return write_sequential(model, name) if is_chain else write_functional(model, name)


def clean_name(name: str) -> str:
    return name.replace("/", "_")


def write_sequential(model: Any, name: str) -> Config:
    names = UniqueNames()
    nodes = model.functional_graph.nodes
    parts = [write_input(model.inputs[0], names.add(clean_name(str(model.inputs[0].name or "input"))))]
    known: dict[Layer, Config] = {}
    for node in nodes:
        if node.layer in known:
            raise ModelError(
                f"{node.layer.name} is twice in {model.name}, a Sequential, which Keras does not allow. Write the "
                "model as a pel.Model of its inputs and outputs"
            )
        known[node.layer] = write_layer(node.layer, names.add(clean_name(node.layer.name)), node.outputs[0])
    config = {"name": name, "trainable": model.trainable, "dtype": "float32", "layers": [*parts, *known.values()]}
    shape = write_shape(model.inputs[0])
    return {**wrap_config("Sequential", config, None), "build_config": {"input_shape": shape}}


def write_functional(model: Any, name: str) -> Config:
    writer = FunctionalWriter(model)
    config = {"name": name, "trainable": model.trainable, "layers": writer.layers, **writer.ends}
    return {**wrap_config("Functional", config, None), "module": "keras.src.models.functional"}


def write_input(e: Expr, name: str) -> Config:
    config = {"batch_shape": write_shape(e), "dtype": e.dtype.name, "sparse": False, "name": name}
    return wrap_config("InputLayer", config, layers)


def write_shape(e: Expr) -> list[int | None]:
    """Return the shape of an expression, with None for the batch and for unknown sizes."""
    return [n if isinstance(n, int) and axis else None for axis, n in enumerate(e.shape)]


def write_layer(layer: Layer, name: str, result: Expr | None = None) -> Config:
    """Return the config of a layer, with all arguments, because defaults may differ from Keras's.

    ``result`` is the result of a call; it determines the dtype of a layer without parameters.
    """
    if is_model(layer):
        return write_model_config(layer, name)
    if type(layer).__name__ in NOT_IN_KERAS or type(layer) not in get_classes(layers).values():
        raise ModelError(
            f"Keras has no layer {type(layer).__name__}, the class of {layer.name}. model.save('name.pel') saves any "
            "model for pel.load_model"
        )
    nested = {n: write_layer(v, clean_name(v.name)) for n, v in layer.config.items() if isinstance(v, Layer)}
    table = {} if nested else layer_to_config(layer)
    others = {n: to_plain_value(v, n, layer.name) for n, v in layer.config.items() if n not in {**table, **nested}}
    arguments = {n: v for n, v in {**others, **table}.items() if n not in ("kind", "name", *ARGUMENTS_NOT_IN_KERAS)}
    if isinstance(layer, Normalization):  # its parameters have the statistics
        arguments |= {"mean": None, "variance": None}
    config = {n: convert_value(v, n) for n, v in arguments.items()} | nested
    dtype = get_dtype(layer, result)
    frozen = {"trainable": False} if layer.parameters and not layer.trainable else {}
    return wrap_config(type(layer).__name__, {"name": name, "dtype": dtype, **frozen, **config}, layers)


def get_dtype(layer: Layer, result: Expr | None) -> str:
    if layer.parameters:
        return layer.parameters[0].dtype.name
    return result.dtype.name if result is not None and is_float(result.dtype) else "float32"


def convert_value(value: Any, argument: str) -> Any:
    """Return a plain value of pellucid's config as Keras writes it."""
    if isinstance(value, dict) and not isinstance(value, PlainMapping):
        inner = {name: convert_value(v, name) for name, v in value.items() if name != "kind"}
        return wrap_config(value["kind"], inner, get_module(argument))
    if isinstance(value, list):
        return [None if v == UNKNOWN else convert_value(v, argument) for v in value]
    return value


def wrap_config(class_name: str, config: Config, module: ModuleType | None) -> Config:
    """Return a config with the class that it belongs to; without a module, it is a model."""
    home = next((name for name, own in HOMES.items() if own is module), "keras")
    return {"module": home, "class_name": class_name, "config": config, "registered_name": None}


class FunctionalWriter:
    """Writes the layers of a functional model and their calls, and the operations between them.

    Attributes
    ----------
    layers : list of dict
        Configs of inputs, layers and operations, each with its calls.
    ends : dict
        The inputs and outputs, as positions of results.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.names: UniqueNames = UniqueNames()
        self.layers: list[Config] = []
        self.entries: dict[Layer, Config] = {}
        self.positions: dict[Expr, tuple[Config, int, int]] = {}
        graph: FunctionalGraph = model.functional_graph
        for e, name in zip(graph.inputs, model.input_names, strict=True):
            unique = self.names.add(clean_name(name))
            self.add_entry({**write_input(e, unique), "name": unique})
            self.positions[e] = (self.layers[-1], 0, 0)
        self.write_calls(graph)
        ends = {"input_layers": (graph.inputs, model._input_structure)}
        ends["output_layers"] = (graph.outputs, model._output_structure)
        self.ends: dict[str, Any] = {key: self.write_ends(*value) for key, value in ends.items()}
        # The weights of layers of one kind are numbered in this order.
        sorted_layers = [self.entries[layer] for layer in sort_as_keras(model) if layer in self.entries]
        self.layers = [*(e for e in self.layers if e not in sorted_layers), *sorted_layers]

    def add_entry(self, config: Config) -> Config:
        config["inbound_nodes"] = []
        self.layers.append(config)
        return config

    def write_calls(self, graph: FunctionalGraph) -> None:
        producers = {
            e: [call for call in calls if type(call[0].layer).__name__ not in WRITTEN_AS_OPERATIONS]
            for e, calls in graph.producers().items()
        }
        given = set(graph.inputs)
        done: dict[CallNode, int] = {}

        def get_operands(e: Expr) -> list[Expr]:
            return [] if e in given else get_dependencies(e, producers.get(e, []))

        for e in iterate_in_order(graph.outputs, get_operands):
            calls = producers.get(e, [])
            if e in given or isinstance(e, Constant):
                continue
            if not calls or is_passthrough(calls[0][0].call, e):
                self.write_operation(e)
            for node, index in calls:
                if node not in done:
                    done[node] = self.write_call(node)
                self.positions[e] = (self.entries[node.layer], done[node], index)

    def write_call(self, node: CallNode) -> int:
        """Write a call of a layer; return its number among the calls of the layer."""
        layer, call = node.layer, node.call
        if layer not in self.entries:
            name = self.names.add(clean_name(layer.name))
            entry = {**write_layer(layer, name, node.outputs[0]), "name": name}
            self.entries[layer] = self.add_entry(entry)
        inputs = call.inputs
        spread = isinstance(layer, (MultiHeadAttention, GroupQueryAttention))
        args = [self.write_value(e) for e in inputs] if spread else [self.write_value(inputs)]
        kwargs = {key: self.write_value(value) for key, value in call.keywords.items()}
        return self.append_call(self.entries[layer], args, kwargs)

    def append_call(self, entry: Config, args: Sequence[Any], kwargs: Config) -> int:
        entry["inbound_nodes"].append({"args": list(args), "kwargs": kwargs})
        return len(entry["inbound_nodes"]) - 1

    def write_operation(self, e: Expr) -> None:
        """Write an operation between layers."""
        keras_name = None if e.op is None else KERAS_OPERATIONS.get(e.op.name)
        if e.op is None or keras_name is None:
            what = "the variable" if isinstance(e, Shared) else "the operation"
            fix = "Move it into a layer that Keras has too" if isinstance(e, Shared) else "Use a layer in its place"
            raise ModelError(
                f"{self.model.name}: a .keras file cannot hold {what} {brief(e)} between the layers. {fix}, or "
                "save the model as a .pel file"
            )
        args: list[Any] = [self.write_value(i) for i in e.inputs]
        settings = {key: e.settings[own] for key, own in OPERATION_SETTINGS[keras_name].items() if own in e.settings}
        if keras_name in ("Concatenate", "Stack"):
            args = [args]
        elif keras_name == "Clip":
            settings = {"x_min": args[1], "x_max": args[2]}
            args = args[:1]
        elif keras_name == "Take":
            settings = {"axis": find_taken_axis(e)}
        elif keras_name == "GetItem":
            args.append([write_index(part) for part in e.settings["index"]])
        if keras_name == "Reshape":
            settings["newshape"] = [n if isinstance(n, int) else -1 for n in settings["newshape"]]
        name = self.names.add(e.op.name)
        module = f"keras.src.ops.{'nn' if keras_name in NN_OPERATIONS else 'numpy'}"
        config = {**settings, "name": name}
        entry = {"module": module, "class_name": keras_name, "config": config, "registered_name": keras_name}
        self.append_call(self.add_entry({**entry, "name": name}), args, {})
        self.positions[e] = (self.layers[-1], 0, 0)

    def write_value(self, value: Any) -> Any:
        """Return an argument of a call as Keras writes it."""
        if isinstance(value, Constant):
            return self.write_constant(value)
        if isinstance(value, Expr):
            entry, number, index = self.positions[value]
            history = [entry["name"], number, index]
            shape = write_shape(value)
            return {
                "class_name": "__keras_tensor__",
                "config": {"shape": shape, "dtype": value.dtype.name, "keras_history": history},
            }
        if isinstance(value, (list, tuple)):
            return [self.write_value(part) for part in value]
        return value

    def write_constant(self, e: Constant) -> Any:
        if not e.ndim:
            return e.value.item()
        if e.value.size > MAX_CONSTANT:
            raise ModelError(
                f"{self.model.name}: a constant of {e.value.size:,} elements between the layers is too large for a "
                ".keras file. Save the model as a .pel file"
            )
        return {"class_name": "__numpy__", "config": {"value": e.value.tolist(), "dtype": e.dtype.name}}

    def write_ends(self, expressions: Sequence[Expr], structure: Any) -> Any:
        ends = [self.write_end(e) for e in expressions]
        if structure is None:
            return ends[0]
        return dict(zip(map(str, structure), ends, strict=True)) if isinstance(structure, tuple) else ends

    def write_end(self, e: Expr) -> list[Any]:
        if e not in self.positions:
            raise ModelError(f"{self.model.name}: its output {brief(e)} does not depend on its inputs")
        entry, number, index = self.positions[e]
        first = 1 if entry["class_name"] == "Functional" else 0  # Keras counts the calls of a functional model from 1
        return [entry["name"], number + first, index]


def find_taken_axis(e: Expr) -> int:
    """Return the axis along which elements are taken, the last of an index with full slices before it."""
    *slices, last = e.settings["index"]
    if isinstance(last, Slice) or any(part != Slice(None, None, None) for part in slices):
        raise ModelError(f"a .keras file cannot hold the index of {brief(e)}. Save the model as a .pel file")
    return len(slices)


def write_index(part: Any) -> Any:
    """Return one part of an index as Keras writes it."""
    if isinstance(part, Slice):
        return {"class_name": "__slice__", "config": part._asdict()}
    return part
