"""What a network is made with, as plain values: numbers, texts, lists, and tables that say their kind.

Code and files are written from these, and networks are built from them again.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.graph.expr import Shared
from pellucid.graph.types import Unknown
from pellucid.model.errors import ModelError
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

FAMILIES: dict[str, ModuleType] = {
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
"""Where things are found, by how the argument that takes them ends."""


class ByOutput(dict[str, Any]):
    """Plain values by the names of outputs, which may be anything, ``kind`` too."""


UNKNOWN = "?"
"""What stands for a size or an axis that is not known, where a list holds one."""


def family(argument: str) -> ModuleType:
    """Return the module in which what an argument takes is found: layers, unless its name says otherwise.

    Examples
    --------
    >>> family("kernel_initializer").__name__, family("layer").__name__
    ('pellucid.nn.initializers', 'pellucid.nn.layers')
    """
    return next((module for ending, module in FAMILIES.items() if argument.endswith(ending)), layers)


@cache
def kinds(module: ModuleType) -> dict[str, type]:
    """Return the classes of a module that can be spelt; functions of the user's cannot, so no layer that takes one."""
    found = {n: v for n, v in vars(module).items() if isinstance(v, type) and v.__module__.startswith(module.__name__)}
    if module is layers:
        left_out = (Layer, Lambda, layers.RNN)
        found = {n: v for n, v in found.items() if issubclass(v, Layer) and v not in left_out}
    return found


def plain(value: Any, argument: str, where: str) -> Any:
    """Return what an argument was given as a plain value.

    Parameters
    ----------
    value : object
        What was given.
    argument : str
        Its name, which tells of what family it is.
    where : str
        Whose argument it is, for the message.

    Raises
    ------
    ModelError
        If it has no plain form, as a function of the user's has none.
    """
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, Shared) and not value.ndim:
        return float(value.get_value())
    if isinstance(value, (np.generic, np.dtype)):
        return value.item() if isinstance(value, np.generic) else value.name
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, (list, tuple)):
        return [UNKNOWN if v is None else plain(v, argument, where) for v in value]
    if isinstance(value, np.ndarray) and value.size <= 64:
        return value.tolist()
    found = named_function(value, argument) or (arguments(value, where) if not inspect.isfunction(value) else None)
    if found is None:
        raise ModelError(
            f"{where}: its {argument} is {value!r}, which has no name that could be written down. Take one that has, "
            "or a layer such as nn.LeakyReLU(0.01) in its place; level 'expressions' and below can write any"
        )
    return found


def named_function(value: Any, argument: str) -> str | None:
    """Return the name under which a function is known."""
    known: Mapping[str, Any] = getattr(family(argument), "NAMED", {})
    names = [name for name, function in known.items() if function is value]
    own = getattr(value, "__name__", None)
    return own if own in names else names[0] if names else None


def arguments(value: Any, where: str) -> dict[str, Any] | None:
    """Return the kind of an object and the arguments that are not what they are without being given."""
    cls = type(value)
    module = next((m for m in [layers, *FAMILIES.values()] if kinds(m).get(cls.__name__) is cls), None)
    if module is None:
        return None
    given = given_arguments(value)
    table: dict[str, Any] = {"kind": cls.__name__}
    taken = parameters_of(cls)
    for name, parameter in taken.items():
        if name in given and name != "name" and not is_default(given[name], parameter.default):
            table[name] = plain(given[name], name, getattr(value, "name", where))
    extra = set(given) - set(taken)
    table.update({name: plain(given[name], name, where) for name in sorted(extra)})
    return table


def given_arguments(value: Any) -> dict[str, Any]:
    """Return what an object was made with, as far as it remembers."""
    if isinstance(value, losses.Loss):
        return {**value.settings, "reduction": value.reduction}
    if isinstance(value, (Layer, optimizers.Optimizer)):
        return dict(value.config)
    return {name: getattr(value, name) for name in parameters_of(type(value)) if hasattr(value, name)}


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """Return the parameters that objects of a class are made with."""
    made = inspect.signature(cls.__init__)  # type: ignore[misc]
    return dict(list(made.parameters.items())[1:])


def is_default(value: Any, default: Any) -> bool:
    """Tell whether an argument need not be written."""
    return type(value) is type(default) and bool(np.all(value == default))


def layer_table(layer: Layer) -> dict[str, Any]:
    """Return a layer as a table, with its name.

    Raises
    ------
    ModelError
        For a layer that is not pellucid's own, or one made with a function.
    """
    table = arguments(layer, layer.name)
    if table is None:
        raise ModelError(
            f"{layer.name}, a {type(layer).__name__}, is none of pellucid's own layers that take plain arguments, so "
            "it cannot be written down. Level 'expressions' and below can write any"
        )
    kind = table.pop("kind")
    return {"kind": kind, "name": layer.name, **table}


def input_table(given: Any) -> dict[str, Any]:
    """Return a model's input as a table: what one sample looks like."""
    return {"shape": plain(given.shape[1:], "shape", "input"), "dtype": given.dtype.name, "name": given.name}


def spelt(value: Any, argument: str) -> str:
    """Write a plain value as code.

    Examples
    --------
    >>> spelt({"kind": "L2", "l2": 0.1}, "kernel_regularizer"), spelt([2, "?"], "noise_shape"), spelt(0.5, "rate")
    ('nn.regularizers.L2(l2=0.1)', '(2, None)', '0.5')
    """
    if isinstance(value, ByOutput):
        return "{" + ", ".join(f"{json.dumps(name)}: {spelt(v, argument)}" for name, v in value.items()) + "}"
    if isinstance(value, dict):
        module = family(argument)
        home = "nn" if module is layers else module.__name__.removeprefix("pellucid.")
        given = ", ".join(f"{name}={spelt(v, name)}" for name, v in value.items() if name != "kind")
        return f"{home}.{value['kind']}({given})"
    if isinstance(value, list):
        inner = ", ".join("None" if v == UNKNOWN else spelt(v, argument) for v in value)
        return f"[{inner}]" if argument == "metrics" else f"({inner}{',' * (len(value) == 1)})"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def input_code(given: Any) -> str:
    """Write a model's input as code."""
    table = input_table(given)
    rest = ", ".join(f"{key}={spelt(table[key], key)}" for key in ("dtype", "name"))
    return f"nn.Input({spelt(table['shape'], 'shape')}, {rest})"
