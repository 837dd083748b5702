"""Capture and checks of constructor and call arguments of layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError, brief
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.foreign_names import FOREIGN_CALL_ARGUMENTS
from pellucid.graph.unsupported_functions import suggest_argument


def bind_arguments(
    cls: type, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the constructor arguments by name, with defaults."""
    try:
        bound = signature.bind(*args, **named)
    except TypeError:
        raise UseError(explain_mismatch(cls.__name__, signature, args, named)) from None
    if args and cls.__module__.startswith("pellucid.nn.layers"):
        check_no_input(cls.__name__, args)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    for key, parameter in signature.parameters.items():
        if isinstance(parameter.default, bool) and isinstance(arguments[key], str):
            raise UseError(f"{cls.__name__}: expected {key} to be True or False. Received: {key}={arguments[key]!r}")
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(key)
    return arguments


def check_no_input(layer: str, args: Sequence[Any]) -> None:
    """Raise an error for expressions among the arguments of a constructor, as in ``Flatten(x)``."""
    for value in args:
        parts = value if isinstance(value, (list, tuple)) and value else [value]
        if all(isinstance(e, Expr) and e.ndim >= 2 and not isinstance(e, Shared) for e in parts):
            call = f"[{', '.join(map(brief, parts))}]" if parts is value else brief(value)
            raise UseError(f"{layer}: create the layer first, then call it: {layer}(...)({call})")


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


def check_call(layer: str, call: Callable[..., object], named: Mapping[str, Any]) -> None:
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


def explain_mismatch(name: str, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Return an error message for arguments that do not match a signature."""
    parameters = signature.parameters
    known = [key for key, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    positional = [key for key in known if parameters[key].kind is not inspect.Parameter.KEYWORD_ONLY]
    for key in named:
        if not accepts_keyword(signature, key):
            return f"{name} takes no argument {key!r}.{suggest_argument(key, known)}"
    if len(args) > len(positional) and not any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        most = f"{len(positional)} positional argument{'s' if len(positional) != 1 else ''}"
        return f"{name} takes at most {most}: {', '.join(positional)}. Received: {len(args)}"
    for key in positional[: len(args)]:
        if key in named:
            return f"{name}: expected one value for {key}. Received: a positional and a keyword argument"
    found = {*positional[: len(args)], *named}
    missing = [key for key in known if parameters[key].default is inspect.Parameter.empty and key not in found]
    return f"{name}: missing required argument{'s' if len(missing) > 1 else ''}: {', '.join(missing)}"
