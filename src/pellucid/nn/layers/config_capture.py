"""Capture and checks of constructor and call arguments of layers, with hints for arguments of other libraries."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError, near_miss

FOREIGN_ARGUMENTS: dict[str, str] = {
    "activity_regularizer": "Add it to the loss: loss + nn.regularizers.L2(0.01)(layer(x)).",
    "batch_input_shape": "Begin the model with nn.Input(shape).",
    "data_format": "Channels are the last axis; x.transpose(0, 2, 3, 1) brings them there.",
    "dtype": "A layer computes in the dtype of its input: nn.Input(shape, dtype), or x.astype(dtype).",
    "input_dim": "Begin the model with nn.Input(shape).",
    "input_length": "Begin the model with nn.Input(shape).",
    "input_shape": "Begin the model with nn.Input(shape).",
    "stateful": "Pass the states on: return_state=True, and initial_state= at the next call.",
    "trainable": "Write layer.trainable = False.",
    "unroll": "Loops are compiled without unrolling.",
    "weights": "Write layer.set_weights(values) after the first call.",
}
"""Constructor arguments of layers in other libraries, and what to write instead."""

FOREIGN_CALL_ARGUMENTS: dict[str, str] = {
    "training": "Expressions are in training form; pel.inference(y) returns the inference form.",
    "initial_states": "Use initial_state.",
}
"""Call arguments of layers in other libraries, and what to write instead."""


class InitSignature:
    """Descriptor for ``__signature__``: that of `__init__` on the class, none on instances, which have `__call__`."""

    def __get__(self, instance: Any, cls: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])  # without self


def bind_arguments(
    cls: type, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the constructor arguments by name, with defaults."""
    try:
        bound = signature.bind(*args, **named)
    except TypeError:
        raise UseError(explain_mismatch(cls.__name__, signature, args, named)) from None
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    for key, parameter in signature.parameters.items():
        if isinstance(parameter.default, bool) and isinstance(arguments[key], str):
            raise UseError(f"{cls.__name__}: expected {key} to be True or False. Received: {key}={arguments[key]!r}")
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(key)
    return arguments


def to_call_arguments(
    signature: inspect.Signature, arguments: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split arguments by name into positional and keyword arguments of a call."""
    named = {key: value for key, value in arguments.items() if key in signature.parameters}
    extra = {key: value for key, value in arguments.items() if key not in named}
    bound = inspect.BoundArguments(signature, named)
    return bound.args, {**bound.kwargs, **extra}


def accepts_keyword(signature: inspect.Signature, name: str) -> bool:
    return name in signature.parameters or any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def check_call(layer: str, call: Any, named: Mapping[str, Any]) -> None:
    """Raise an error for keywords that a layer's `call` does not accept."""
    for key in named:
        signature = inspect.signature(call)
        if not accepts_keyword(signature, key):
            known = list(dict.fromkeys([*list(signature.parameters)[1:], "mask"]))
            hint = suggest_argument(key, known, FOREIGN_CALL_ARGUMENTS)
            raise UseError(f"{layer}: its call takes no argument {key!r}.{hint}")


def check_class(layer: Any) -> None:
    """Raise an error for a class that does not call `Layer.__init__`, or whose `call` has an argument ``training``."""
    kind = type(layer).__name__
    if "parts" not in vars(layer):
        raise UseError(f"{kind}: expected its __init__ to begin with super().__init__(name)")
    if "training" in inspect.signature(layer.call).parameters:
        raise UseError(
            f"{layer.name}: expected a call without the argument training. Where training and inference differ, write "
            "pel.training_only(training_value, inference_value)"
        )


def suggest_argument(key: str, known: Sequence[str], foreign: Mapping[str, str]) -> str:
    """Return what to write instead of an unknown argument, the nearest known one, or all known ones."""
    hint = f" {foreign[key]}" if key in foreign else near_miss(key, known)
    return hint or f" It takes: {', '.join(known)}"


def explain_mismatch(name: str, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Return an error message for arguments that do not match a signature."""
    parameters = signature.parameters
    known = [key for key, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    positional = [key for key in known if parameters[key].kind is not inspect.Parameter.KEYWORD_ONLY]
    for key in named:
        if not accepts_keyword(signature, key):
            return f"{name} takes no argument {key!r}.{suggest_argument(key, known, FOREIGN_ARGUMENTS)}"
    if len(args) > len(positional) and not any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        most = f"{len(positional)} positional argument{'s' if len(positional) != 1 else ''}"
        return f"{name} takes at most {most}: {', '.join(positional)}. Received: {len(args)}"
    for key in positional[: len(args)]:
        if key in named:
            return f"{name}: expected one value for {key}. Received: a positional and a keyword argument"
    found = {*positional[: len(args)], *named}
    missing = [key for key in known if parameters[key].default is inspect.Parameter.empty and key not in found]
    return f"{name}: missing required argument{'s' if len(missing) > 1 else ''}: {', '.join(missing)}"
