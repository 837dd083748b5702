"""Models from configs that Keras 3 wrote. A config comes from a file, so none of its content is executed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, StorageError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.types import as_dtype
from pellucid.interop.keras_files.tables import (
    HOMES,
    KERAS_CLASS_NAMES,
    OPERATION_SETTINGS,
    UNUSED_OPTIONS,
    get_operation,
    is_unused,
)
from pellucid.model.interfaces import is_model
from pellucid.model.object_config import get_classes, get_module, get_parameters
from pellucid.nn import layers
from pellucid.nn.layers import RNN, GroupQueryAttention, Input, Lambda, Layer, MultiHeadAttention
from pellucid.nn.masks import attach_mask, find_mask
from pellucid.saving.class_registry import find_registered
from pellucid.typing import Array
from pellucid.untrusted_files.reading import quote, shorten

Config = Mapping[str, Any]

MAX_DEPTH = 30
"""Limit for nested models and values, far above that of real models."""

MAX_NUMBER = 2**31
"""Integers must be smaller; larger ones are in no config that Keras writes."""

CONTAINERS = ("__numpy__", "__tensor__")
MODEL_CLASSES = ("Functional", "Model")

Key = tuple[str, int]
"""A layer by name, and the number of a call of it."""


class ConfigReader:
    """Builds layers, models and other objects from configs; ``custom`` are the caller's classes and functions."""

    def __init__(self, custom: Mapping[str, Any] | None = None) -> None:
        self.custom: dict[str, Any] = dict(custom or {})
        self.depth: int = 0
        self.order: dict[Layer, int] = {}  # of the layers in the file
        self.dtypes: dict[Layer, str] = {}  # of their parameters in Keras

    def read_model(self, config: Any) -> Any:
        """Return the model of a config.

        Raises
        ------
        StorageError
            If the config is of something else, or has a layer or an option that pellucid does not have.
        """
        class_name, _ = self.split(config, "the model")
        if class_name not in ("Sequential", *MODEL_CLASSES):
            raise StorageError(
                f"expected a Sequential or a functional model. Received: {quote(class_name)}, a class whose "
                "code is not in the file. Create it in pellucid and use model.load_weights"
            )
        model = self.read_layer(config)
        for layer, dtype in self.dtypes.items():
            check_dtype(layer, dtype)
        return model

    def split(self, config: Any, what: str) -> tuple[str, Config]:
        """Return the class and the settings in a config."""
        name, settings = (config.get(key) for key in ("class_name", "config")) if isinstance(config, dict) else (0, 0)
        if not isinstance(name, str) or not isinstance(settings, dict):
            raise StorageError(f"expected the config of {what}. Received: {quote(config)}")
        return KERAS_CLASS_NAMES.get(name, name), settings

    def read_layer(self, config: Any) -> Layer:
        """Return a layer or a nested model."""
        class_name, settings = self.split(config, "a layer")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise StorageError(f"its layers are nested in more than {MAX_DEPTH} levels")
        custom = self.find_custom(config, class_name)
        if custom is None and class_name == "Sequential":
            layer: Layer = self.read_sequential(settings)
        elif custom is None and class_name in MODEL_CLASSES and "layers" in settings:
            layer = FunctionalReader(self, settings).model
        else:
            layer = self.read_simple_layer(class_name, settings, custom)
        if settings.get("trainable") is False:
            layer.trainable = False
        self.order[layer] = len(self.order)
        self.depth -= 1
        return layer

    def find_custom(self, config: Config, class_name: str) -> Any:
        registered = config.get("registered_name")
        known = [name for name in (registered, class_name) if isinstance(name, str) and name in self.custom]
        return self.custom[known[0]] if known else None

    def read_sequential(self, settings: Config) -> Any:
        model = make_model("sequential:Sequential", name=self.read_name(settings))
        for config in self.read_list(settings.get("layers"), "the layers"):
            class_name, inner = self.split(config, "a layer")
            if class_name == "InputLayer":
                model.add(self.read_input(inner))
                continue
            layer = self.read_layer(config)
            with locate(layer.name, class_name):
                model.add(layer)
        shape = settings.get("build_input_shape")
        if not model.built and isinstance(shape, list) and all(n is None or type(n) is int for n in shape):
            model.build_for(shape[1:])
        return model

    def read_input(self, settings: Config) -> Input:
        shape = settings.get("batch_shape", settings.get("batch_input_shape"))
        name = self.read_name(settings)
        if not isinstance(shape, list) or not shape or not all(n is None or type(n) is int for n in shape):
            raise StorageError(f"the input {quote(name)}: expected a batch_shape. Received: {quote(shape)}")
        for option in ("sparse", "ragged", "optional"):
            if settings.get(option):
                raise StorageError(f"the input {quote(name)}: pellucid has no option {option}=True")
        with locate(name, "InputLayer"):
            return Input(shape[1:], as_dtype(settings.get("dtype") or "float32"), name)

    def read_name(self, settings: Config) -> str:
        name = settings.get("name")
        if not isinstance(name, str) or not name or not name.isprintable():
            raise StorageError(f"expected the name of a layer. Received: {quote(name)}")
        return name

    def read_list(self, value: Any, what: str) -> list[Any]:
        if not isinstance(value, list):
            raise StorageError(f"expected a list of {what}. Received: {quote(value)}")
        return value

    def read_simple_layer(self, class_name: str, settings: Config, custom: Any) -> Layer:
        name = self.read_name(settings)
        if class_name == "Lambda" and custom is None:
            return self.read_lambda(name, settings)
        with locate(name, class_name):
            cls = self.get_class(class_name, layers, "layer") if custom is None else custom
            if not inspect.isclass(cls) or not issubclass(cls, Layer):
                raise StorageError(f"expected a layer class in custom_objects. Received: {quote(cls)}")
            own = {key: value for key, value in settings.items() if key not in ("name", "trainable", "dtype")}
            arguments = self.read_arguments(cls, class_name, own)
            layer: Layer = cls(**arguments, name=name)
        self.dtypes[layer] = read_policy(settings.get("dtype"))
        return layer

    def read_lambda(self, name: str, settings: Config) -> Lambda:
        """Return a layer of a function that the caller passes; code in the file is refused."""
        function = settings.get("function")
        named = function.get("registered_name") if isinstance(function, dict) else function
        for key in (name, named):
            if isinstance(key, str) and key in self.custom:
                arguments = self.read_value(settings.get("arguments") or {}, "arguments")
                return Lambda(self.custom[key], arguments, name=name)
        raise StorageError(
            f"the layer {quote(name)} is a Lambda, whose Python code pellucid never runs. Pass its function on "
            f"expressions: pel.load_model(path, custom_objects={{{quote(name)}: function}})"
        )

    def get_class(self, name: str, module: ModuleType, what: str) -> type:
        classes = get_classes(module)
        found = {**classes, "RNN": RNN}.get(name) if module is layers else classes.get(name)
        if found is None:
            hint = near_miss(name, classes)
            raise StorageError(
                f"pellucid has no {what} {quote(name)}.{hint} A class of yours can replace it: "
                f"pel.load_model(path, custom_objects={{{quote(name)}: ...}})"
            )
        return found

    def read_arguments(self, cls: type, class_name: str, settings: Config) -> dict[str, Any]:
        """Return the constructor arguments in the settings of a layer, an optimizer, or another object."""
        parameters = get_parameters(cls)
        known = [n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD]
        open_ended = len(known) < len(parameters)
        arguments = {}
        for option, value in settings.items():
            if not option.isidentifier():
                raise StorageError(f"expected the name of an option. Received: {quote(option)}")
            if option in parameters or (open_ended and option not in UNUSED_OPTIONS):
                arguments[option] = self.read_value(value, option)
            elif option not in UNUSED_OPTIONS or not is_unused(option, value):
                raise StorageError(
                    f"pellucid's {class_name} has no option {option}={quote(value, 60)}.{near_miss(option, known)}"
                )
        return arguments

    def read_value(self, value: Any, argument: str) -> Any:
        """Return the value of an argument: configs become objects, and lists tuples."""
        if isinstance(value, list):
            return tuple(self.read_value(part, argument) for part in value)
        if isinstance(value, dict):
            return self.read_dict(value, argument)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MAX_NUMBER:
            raise StorageError(f"expected {argument} below {MAX_NUMBER:,}. Received: {quote(value)}")
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise StorageError(f"expected {argument} to be a number, a text or a list. Received: {quote(value)}")

    def read_dict(self, value: dict[str, Any], argument: str) -> Any:
        if "class_name" not in value:
            return {str(key): self.read_value(part, argument) for key, part in value.items()}
        class_name, module = value["class_name"], value.get("module")
        if class_name in CONTAINERS:
            return read_array(value.get("config"))
        if class_name == "function":
            return self.read_function(value, argument)
        if not isinstance(class_name, str) or class_name.startswith("__"):
            raise StorageError(f"{argument} contains {quote(class_name)}, which pellucid never runs or reads")
        home = next((own for prefix, own in HOMES.items() if str(module).startswith(prefix)), get_module(argument))
        class_name, settings = self.split(value, argument)
        if home is layers:
            return self.read_layer(value)
        custom = self.find_custom(value, class_name)
        what = argument.rsplit("_", maxsplit=1)[-1].removesuffix("s")
        cls = self.get_class(class_name, home, what) if custom is None else custom
        known = get_parameters(cls) if inspect.isclass(cls) else {}
        # Loss, metric and optimizer have a name and a dtype that a model does not need.
        left_out = {"dtype", "fn"} | ({"name"} - set(known))
        return cls(**self.read_arguments(cls, class_name, {k: v for k, v in settings.items() if k not in left_out}))

    def read_function(self, value: Config, argument: str) -> Any:
        """Return the name of one of pellucid's functions, or a function of the caller."""
        names = [value.get(key) for key in ("registered_name", "config")]
        for name in names:
            if isinstance(name, str) and name in self.custom:
                return self.custom[name]
        name = names[1]
        if isinstance(name, str) and name in getattr(get_module(argument), "NAMED", {}):
            return name
        raise StorageError(
            f"{argument} is the function {quote(name)}, which pellucid does not have. Pass it: pel.load_model(path, "
            f"custom_objects={{{quote(name)}: ...}})"
        )


def make_model(where: str, *args: Any, **named: Any) -> Any:
    """Create a model. The module of `Model` imports this one, so that the class is found by its name."""
    cls = find_registered(f"pellucid.model.{where}")
    return cls(*args, **named)


@contextmanager
def locate(name: str, class_name: str) -> Iterator[None]:
    """Begin the messages of errors with the layer that they are about."""
    try:
        yield
    except (PellucidError, ValueError, TypeError) as error:
        if str(error).startswith("the layer "):
            raise
        raise StorageError(f"the layer {quote(name)}, a {shorten(class_name)}: {error}") from error


def read_policy(policy: Any) -> str:
    """Return the dtype, or the name of another dtype policy, in the config of a layer."""
    name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    return "float32" if name is None else shorten(str(name))


def check_dtype(layer: Layer, dtype: str) -> None:
    """Refuse a layer whose parameters have another dtype in Keras, such as those of mixed precision."""
    own = layer.parameters[0].dtype.name if layer.parameters else dtype
    if dtype != own:
        raise StorageError(
            f"the layer {quote(layer.name)}, a {type(layer).__name__}: its dtype is {dtype!r} in Keras. Here it is "
            f"{own}, that of the input. Set the policy and the dtype of the input to 'float32' in Keras"
        )


def read_array(config: Any) -> Array:
    if not isinstance(config, dict):
        raise StorageError(f"expected an array. Received: {quote(config)}")
    return np.asarray(config.get("value"), as_dtype(config.get("dtype") or "float32"))


class FunctionalReader:
    """Builds a functional model: calls its layers and operations in an order in which their inputs exist.

    Attributes
    ----------
    model : pellucid.Model
    """

    def __init__(self, reader: ConfigReader, settings: Config) -> None:
        self.reader = reader
        self.layers: dict[str, Layer | Callable[..., Any]] = {}
        self.calls: dict[Key, Config] = {}
        self.results: dict[Key, list[Expr]] = {}
        for config in reader.read_list(settings.get("layers"), "the layers"):
            self.add_layer(config)
        for key in list(self.calls):
            self.compute(key)
        inputs = self.read_ends(settings.get("input_layers"), "the inputs")
        outputs = self.read_ends(settings.get("output_layers"), "the outputs")
        self.model: Any = make_model("model:Model", inputs, outputs, name=reader.read_name(settings))

    def add_layer(self, config: Any) -> None:
        """Build a layer and record its calls."""
        class_name, settings = self.reader.split(config, "a layer")
        name = self.reader.read_name({"name": config.get("name", settings.get("name"))})
        if name in self.layers or (name, 0) in self.results:
            raise StorageError(f"two layers have the name {quote(name)}")
        if class_name == "InputLayer":
            self.results[name, 0] = [self.reader.read_input(settings)]
            return
        if str(config.get("module")).startswith(("keras.src.ops", "keras.ops")):
            self.layers[name] = self.read_operation(class_name, settings)
        else:
            self.layers[name] = self.reader.read_layer(config)
        for number, call in enumerate(self.reader.read_list(config.get("inbound_nodes"), "calls")):
            if not isinstance(call, dict):
                raise StorageError("it was written by Keras 2. Load and save it in Keras 3")
            self.calls[name, number] = call

    def read_operation(self, class_name: str, settings: Config) -> Callable[..., Any]:
        function = get_operation(class_name)
        if function is None:
            raise StorageError(
                f"pellucid cannot read the operation {quote(class_name)} between layers."
                f"{near_miss(class_name, OPERATION_SETTINGS)}"
            )
        named = OPERATION_SETTINGS[class_name]
        for option, value in settings.items():
            if option not in named and option != "name" and value is not None:
                raise StorageError(f"pellucid's {class_name} has no option {quote(option)}={quote(value, 60)}")
        keywords = {own: self.reader.read_value(settings[key], key) for key, own in named.items() if key in settings}
        return lambda *args, **more: function(*args, **keywords, **more)

    def compute(self, key: Key) -> None:
        """Compute the results of a call, after those that it needs, without recursion."""
        stack, entered = [key], set()
        while stack:
            current = stack[-1]
            call = self.calls.get(current)
            if current in self.results:
                stack.pop()
                continue
            if call is None:
                raise StorageError(f"there is no layer {quote(current[0])} with {current[1] + 1} calls")
            pending = [k for k in find_references(call) if k not in self.results]
            if not pending:
                self.results[current] = self.call_layer(current[0], call)
                stack.pop()
            elif current in entered:
                raise StorageError(f"its layers form a cycle through {quote(current[0])}")
            else:
                entered.add(current)
                stack += pending

    def call_layer(self, name: str, call: Config) -> list[Expr]:
        layer = self.layers[name]
        args = self.resolve(call.get("args", []))
        keywords = self.resolve(call.get("kwargs", {}))
        with locate(name, type(layer).__name__ if isinstance(layer, Layer) else "operation"):
            if not isinstance(layer, Layer):
                return flatten_results(layer(*args, **keywords))
            return flatten_results(apply_layer(layer, args, keywords))

    def resolve(self, value: Any) -> Any:
        """Replace references to results by the expressions."""
        if isinstance(value, list):
            return [self.resolve(part) for part in value]
        if not isinstance(value, dict):
            return self.reader.read_value(value, "an argument of a call")
        class_name, config = value.get("class_name"), value.get("config")
        if class_name == "__keras_tensor__":
            name, number, index = read_history(config)
            return self.get_result((name, number), index)
        if class_name == "__slice__" and isinstance(config, dict):
            return slice(*(self.reader.read_value(config.get(k), k) for k in ("start", "stop", "step")))
        if class_name == "__ellipsis__":
            return Ellipsis
        if class_name is None:
            return {key: self.resolve(part) for key, part in value.items()}
        return self.reader.read_value(value, "an argument of a call")

    def get_result(self, key: Key, index: int) -> Expr:
        results = self.results.get(key, [])
        if not 0 <= index < len(results):
            raise StorageError(f"there is no result {index} of call {key[1]} of the layer {quote(key[0])}")
        return results[index]

    def read_ends(self, value: Any, what: str) -> Any:
        """Return the inputs or outputs in the structure of the file: one, a list or a dict."""
        if isinstance(value, dict):
            return {str(key): self.read_end(part, what) for key, part in value.items()}
        if isinstance(value, list) and value and isinstance(value[0], list):
            return [self.read_end(part, what) for part in value]
        return self.read_end(value, what)

    def read_end(self, value: Any, what: str) -> Expr:
        name, number, index = read_history({"keras_history": value})
        layer = self.layers.get(name)
        # Keras counts the calls of a functional model from 1, and all others from 0.
        first = 1 if is_model(layer) and not layer.is_sequential else 0
        key = (name, number - first)
        if key not in self.results:
            raise StorageError(f"expected {what} among the results of its layers. Received: {quote(value)}")
        return self.get_result(key, index)


def read_history(config: Any) -> tuple[str, int, int]:
    """Return the layer, the number of the call, and the number of the result of a reference."""
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or [type(part) for part in history] != [str, int, int]:
        raise StorageError(f"expected the name of a layer and two numbers. Received: {quote(history)}")
    return history[0], history[1], history[2]


def find_references(value: Any) -> Iterator[Key]:
    """Yield the calls whose results a value refers to."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
            name, number, _ = read_history(part.get("config"))
            yield name, number
        elif isinstance(part, (dict, list)):
            pending += part.values() if isinstance(part, dict) else part


def flatten_results(result: Any) -> list[Expr]:
    """Return the results of a call as a list; Keras sorts those of a dict by name."""
    if isinstance(result, Mapping):
        return [result[key] for key in sorted(result)]
    return list(result) if isinstance(result, (list, tuple)) else [result]


def apply_layer(layer: Layer, args: list[Any], keywords: dict[str, Any]) -> Any:
    """Call a layer with the arguments that Keras recorded."""
    keywords.pop("training", None)  # fit and predict of the model override it in Keras, too
    if isinstance(layer, (MultiHeadAttention, GroupQueryAttention)):
        args = [*args, *(keywords.pop(k) for k in ("query", "value", "key")[len(args) :] if k in keywords)]
        args = [[e for e in args if e is not None]]
    if len(args) != 1:
        raise StorageError(f"expected one argument of its call. Received: {len(args)}")
    is_recorded = "mask" in keywords
    masks = take_masks(args[0], keywords)
    keywords = {key: value for key, value in keywords.items() if value is not None}
    if isinstance(args[0], Mapping):
        if not is_model(layer):
            raise StorageError("expected a list of inputs, because only models take inputs by name")
        return layer(args[0], **keywords)
    own = [find_mask(e) for e, _ in masks]
    if is_recorded and layer.takes_mask and not layer.merges and own[0] is not None and masks[0][1] is None:
        raise StorageError(
            "its input has a mask in pellucid and none in Keras, where an operation before it drops the mask"
        )
    new = [None if mask is before else mask for (_, mask), before in zip(masks, own, strict=True)]
    if isinstance(args[0], list):
        return layer([e if m is None else attach_mask(e, m) for (e, _), m in zip(masks, new, strict=True)], **keywords)
    return layer(args[0], mask=new[0], **keywords)


SEVERAL_MASKS = ("query_mask", "value_mask", "key_mask")


def take_masks(x: Any, keywords: dict[str, Any]) -> list[tuple[Expr, Any]]:
    """Remove the masks from the keywords of a call; return each input with its mask or None."""
    inputs = list(x.values()) if isinstance(x, Mapping) else x if isinstance(x, list) else [x]
    given = keywords.pop("mask", None)
    masks = [*given] if isinstance(given, list) else [given]
    masks += [None] * (len(inputs) - len(masks))
    for number, key in enumerate(SEVERAL_MASKS):
        mask = keywords.pop(key, None)
        if mask is not None and number < len(masks):
            masks[number] = mask
    if len(masks) != len(inputs) or (isinstance(x, Mapping) and any(mask is not None for mask in masks)):
        raise StorageError(f"expected a mask for each of its {len(inputs)} inputs. Received: {len(masks)}")
    return list(zip(inputs, masks, strict=True))
