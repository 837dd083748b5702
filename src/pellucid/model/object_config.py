"""Configs of layers, losses and optimizers: plain dictionaries with their class and arguments.

A config is ``{"kind": "Dense", "name": "hidden", "units": 3}``: the class name, and the arguments that differ from
their defaults. Values are numbers, strings, lists and configs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.graph.errors import brief
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import Unknown
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from pellucid.nn.layers import Lambda, Layer
from pellucid.show.sources.literals import keyword_to_source, string_to_source
from pellucid.typing import Json

MODULES: dict[str, ModuleType] = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
    "activation": activations,
    "learning_rate": schedules,
    "schedule": schedules,
    "loss": losses,
    "metrics": metrics,
    "optimizer": optimizers,
}
"""The module that defines the values of an argument, by the ending of the argument's name."""

UNKNOWN = "?"
"""Placeholder for None, an unknown size or axis, in a list."""

MAX_ARRAY_SIZE = 64
"""Larger arrays are not written into a config."""


class PlainMapping(dict[str, Any]):
    """Plain values by name, such as that of an output. Unlike in a config, ``kind`` is a name like any other."""


def get_module(argument: str) -> ModuleType:
    """Return the module that defines the values of an argument; the layers, unless its name says otherwise.

    Examples
    --------
    >>> get_module("kernel_initializer").__name__, get_module("layer").__name__
    ('pellucid.nn.initializers', 'pellucid.nn.layers')
    """
    return next((module for ending, module in MODULES.items() if argument.endswith(ending)), layers)


@cache
def get_classes(module: ModuleType) -> dict[str, type]:
    """Return the classes of a module that a config can describe; not layers that take a user's function."""
    found = {n: v for n, v in vars(module).items() if isinstance(v, type) and v.__module__.startswith(module.__name__)}
    if module is layers:
        excluded = (Layer, Lambda, layers.RNN)
        found = {n: v for n, v in found.items() if issubclass(v, Layer) and v not in excluded}
    return found


def to_plain_value(value: object, argument: str, owner: str) -> Json:
    """Return the plain value of an argument: a number, string, list, registered name or config.

    The name of the argument determines the module of its class; ``owner`` is for the message.
    """
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, Shared) and argument == "learning_rate":
        return float(value.get_value())
    if isinstance(value, Expr):
        raise ModelError(
            f"{owner}: {argument} is the expression {brief(value)}, which a config cannot hold. Use a number; the "
            "levels 'expressions' and 'numpy', and model.save, take any"
        )
    if isinstance(value, (np.generic, np.dtype)):
        return value.item() if isinstance(value, np.generic) else value.name
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, (list, tuple)):
        return [UNKNOWN if v is None else to_plain_value(v, argument, owner) for v in value]
    if isinstance(value, Mapping) and argument == "multipliers":
        return PlainMapping({get_key(key, argument, owner): float(factor) for key, factor in value.items()})
    if isinstance(value, np.ndarray) and value.size <= MAX_ARRAY_SIZE:
        result: Json = value.tolist()
        return result
    return get_name_or_config(value, argument, owner)


def get_name_or_config(value: object, argument: str, owner: str) -> Json:
    """Return the registered name of a function, or the config of an object of a built-in class."""
    plain: Json = get_registered_name(value, argument)
    if plain is None and not inspect.isfunction(value):
        plain = object_to_config(value, owner)
    if plain is None:
        raise ModelError(
            f"{owner}: {argument}={value!r} has no registered name, so it cannot be written to a config. Use a "
            "built-in one, or a layer such as nn.LeakyReLU(0.01); the levels 'expressions' and 'numpy' take any"
        )
    return plain


def get_key(key: object, argument: str, owner: str) -> str:
    """Return a key of a mapping as a string: the name of a shared variable."""
    name = key.name if isinstance(key, Shared) else key
    if not isinstance(name, str):
        raise ModelError(f"{owner}: {argument} has a key without a name, {brief(key)}. Give its variable a name")
    return name


def get_registered_name(value: object, argument: str) -> str | None:
    """Return the name under which a built-in function is registered, or None."""
    registered: Mapping[str, object] = getattr(get_module(argument), "NAMED", {})
    names = [name for name, function in registered.items() if function is value]
    own = getattr(value, "__name__", None)
    return own if own in names else names[0] if names else None


def object_to_config(value: object, owner: str) -> dict[str, Json] | None:
    """Return the config of an object, or None if it is not of a built-in class."""
    cls = type(value)
    if not any(get_classes(module).get(cls.__name__) is cls for module in [layers, *MODULES.values()]):
        return None
    arguments = get_arguments(value)
    config: dict[str, Json] = {"kind": cls.__name__}
    parameters = get_parameters(cls)
    for name, parameter in parameters.items():
        if name in arguments and name != "name" and not is_default(arguments[name], parameter.default):
            config[name] = to_plain_value(arguments[name], name, getattr(value, "name", owner))
    keyword_options = sorted(set(arguments) - set(parameters))
    if "kind" in keyword_options or not all(map(str.isidentifier, keyword_options)):  # from a file
        raise ModelError(
            f"{getattr(value, 'name', owner)!r:.100}: {cls.__name__} has no argument "
            f"{next(n for n in keyword_options if n == 'kind' or not n.isidentifier())!r:.100}, so it cannot be "
            "written to a config. The file that it was read from was not written by pellucid; the levels "
            "'expressions' and 'numpy' take any layer"
        )
    config.update({name: to_plain_value(arguments[name], name, owner) for name in keyword_options})
    return config


def get_arguments(value: Any) -> dict[str, Json]:
    """Return the arguments that an object was constructed with."""
    if isinstance(value, losses.Loss):
        return {**value.settings, "reduction": value.reduction}
    if isinstance(value, metrics.Metric):
        return dict(value.arguments)
    if isinstance(value, (Layer, optimizers.Optimizer)):
        return dict(value.config)
    return {name: getattr(value, name) for name in get_parameters(type(value)) if hasattr(value, name)}


def get_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a constructor, without self."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    return dict(list(signature.parameters.items())[1:])


def get_required(cls: type) -> list[str]:
    """Return the names of the arguments that a constructor requires."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = get_parameters(cls)
    return [n for n, p in parameters.items() if p.default is p.empty and p.kind not in variadic]


def is_default(value: object, default: object) -> bool:
    return type(value) is type(default) and bool(np.all(value == default))


def layer_to_config(layer: Layer) -> dict[str, Any]:
    """Return the config of a built-in layer, with its name."""
    config = object_to_config(layer, layer.name)
    if config is None:
        raise ModelError(
            f"{layer.name}, a {type(layer).__name__}, is not a built-in layer with plain arguments, so it cannot be "
            "written to a config. The levels 'expressions' and 'numpy' take any layer"
        )
    kind = config.pop("kind")
    return {"kind": kind, "name": layer.name, **config}


def input_to_config(source: Expr) -> dict[str, Json]:
    """Return the shape of one sample, the dtype and the name of an input."""
    shape = to_plain_value(source.shape[1:], "shape", "input")
    return {"shape": shape, "dtype": source.dtype.name, "name": source.name}


def compile_to_config(model: ModelLike) -> dict[str, Any]:
    """Return the arguments of ``model.compile`` as plain values, by output name if there are several outputs."""
    names = model.output_names
    outputs = model.compile_config.for_outputs(names)
    output_losses = {o.name: None if o.loss is None else to_plain_value(o.loss, "loss", model.name) for o in outputs}
    output_metrics = {o.name: [to_plain_value(m, "metrics", model.name) for m in o.metrics.values()] for o in outputs}
    config: dict[str, Any] = {"optimizer": to_plain_value(model.compile_config.optimizer, "optimizer", model.name)}
    if len(names) == 1:
        return {**config, "loss": output_losses[names[0]], "metrics": output_metrics[names[0]]}
    weights = {o.name: o.loss_weight for o in outputs if o.loss_weight != 1}
    return {
        **config,
        "loss": PlainMapping(output_losses),
        "metrics": PlainMapping(output_metrics),
        "loss_weights": PlainMapping(weights) if weights else None,
    }


def to_code(value: Json, argument: str) -> str:
    """Return the Python code of a plain value.

    Examples
    --------
    >>> to_code({"kind": "L2", "l2": 0.1}, "kernel_regularizer"), to_code([2, "?"], "noise_shape"), to_code(0.5, "rate")
    ('nn.regularizers.L2(l2=0.1)', '(2, None)', '0.5')
    """
    if isinstance(value, PlainMapping):
        return "{" + ", ".join(f"{string_to_source(name)}: {to_code(v, argument)}" for name, v in value.items()) + "}"
    if isinstance(value, dict):
        module = get_module(argument)
        prefix = "nn" if module is layers else module.__name__.removeprefix("pellucid.")
        arguments = ", ".join(keyword_to_source(name, to_code(v, name)) for name, v in value.items() if name != "kind")
        return f"{prefix}.{value['kind']}({arguments})"
    if isinstance(value, list):
        inner = ", ".join("None" if v == UNKNOWN else to_code(v, argument) for v in value)
        return f"[{inner}]" if argument == "metrics" else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return string_to_source(value) if isinstance(value, str) else repr(value)


def input_to_code(source: Expr) -> str:
    """Return the code of an input layer."""
    config = input_to_config(source)
    rest = ", ".join(f"{key}={to_code(config[key], key)}" for key in ("dtype", "name"))
    return f"nn.Input({to_code(config['shape'], 'shape')}, {rest})"
