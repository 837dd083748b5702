"""What a layer is made with: remembered for clones and files, and told apart from what another library takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError, near_miss

ELSEWHERE: dict[str, str] = {
    "activity_regularizer": "Add it to the loss: loss + nn.regularizers.L2(0.01)(layer(x)).",
    "batch_input_shape": "Begin the model with nn.Input(shape).",
    "data_format": "Channels are the last axis; x.transpose(0, 2, 3, 1) brings them there.",
    "dtype": "A layer computes in the dtype of its input: nn.Input(shape, dtype), or x.astype(dtype).",
    "input_dim": "Begin the model with nn.Input(shape).",
    "input_length": "Begin the model with nn.Input(shape).",
    "input_shape": "Begin the model with nn.Input(shape).",
    "stateful": "Hand the states on: return_state=True, and initial_state= at the next call.",
    "trainable": "Write layer.trainable = False.",
    "unroll": "A loop is compiled as one step, however many there are.",
    "weights": "Write layer.set_weights(values) after the first call.",
}
"""What layers take in other libraries, and what to write here."""

IN_CALLS: dict[str, str] = {
    "training": "A graph is that of training until pel.inference(y) makes it the other one.",
    "initial_states": "It is initial_state.",
}
"""What calls of layers take in other libraries, and what to write here."""


class Arguments:
    """The signature of a class: that of its `__init__`, and nothing of an object, which is called on expressions."""

    def __get__(self, made: Any, cls: type) -> inspect.Signature:
        """Return it without ``self``."""
        if made is not None:
            raise AttributeError("__signature__")
        whole = inspect.signature(cls.__init__)  # type: ignore[misc]
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def bound(cls: type, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name, with their defaults.

    Raises
    ------
    TypeError
        For a name that the class does not take, too many arguments, one that is lacking, or a word for yes or no.
    """
    try:
        found = signature.bind(*args, **named)
    except TypeError:
        raise UseError(why_not(cls.__name__, signature, args, named)) from None
    found.apply_defaults()
    arguments = dict(found.arguments)
    for key, parameter in signature.parameters.items():
        if isinstance(parameter.default, bool) and isinstance(arguments[key], str):
            raise UseError(f"{cls.__name__}: expected {key} to be True or False. Received: {key}={arguments[key]!r}")
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(key)
    return arguments


def given_again(signature: inspect.Signature, arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments by place and by name, as a call has them; a name that the signature has not goes by name."""
    named = {key: value for key, value in arguments.items() if key in signature.parameters}
    more = {key: value for key, value in arguments.items() if key not in named}
    found = inspect.BoundArguments(signature, named)
    return found.args, {**found.kwargs, **more}


def takes(signature: inspect.Signature, name: str) -> bool:
    """Tell whether something can be called with a keyword of this name."""
    return name in signature.parameters or any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def check_call(layer: str, call: Any, named: Mapping[str, Any]) -> None:
    """Refuse keywords that a layer's `call` does not take.

    Raises
    ------
    TypeError
        For such a keyword; the nearest is named.
    """
    signature = inspect.signature(call)
    for key in named:
        if not takes(signature, key):
            known = [*list(signature.parameters)[1:], "mask"]
            instead = f" {IN_CALLS[key]}" if key in IN_CALLS else near_miss(key, known)
            told = instead or f" It takes: {', '.join(dict.fromkeys(known))}"
            raise UseError(f"{layer}: its call takes no argument {key!r}.{told}")


def check_class(layer: Any) -> None:
    """Refuse a class of one's own that is written for another library, or did not begin as layers do.

    Raises
    ------
    TypeError
        If its ``__init__`` did not call that of `Layer`, or its `call` waits to be told about training.
    """
    kind = type(layer).__name__
    if "parts" not in vars(layer):
        raise UseError(f"{kind}: expected its __init__ to begin with super().__init__(name)")
    if "training" in inspect.signature(layer.call).parameters:
        raise UseError(
            f"{layer.name}: expected a call without training, which no layer is told. Write "
            "pel.training_only(while_training, afterwards) where the two differ"
        )


def why_not(name: str, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Say which argument is wrong, and what to write."""
    known = list(signature.parameters)
    for key in named:
        if key not in known:
            instead = f" {ELSEWHERE[key]}" if key in ELSEWHERE else near_miss(key, known)
            return f"{name} takes no argument {key!r}.{instead or ' It takes: ' + ', '.join(known)}"
    if len(args) > len(known):
        return f"{name} takes {len(known)} at most: {', '.join(known)}. Received: {len(args)}"
    for key in known[: len(args)]:
        if key in named:
            return f"{name}: expected one value for {key}. Received: two, by its place and by its name"
    lacking = [
        key
        for key, parameter in signature.parameters.items()
        if parameter.default is parameter.empty and key not in named and key not in known[: len(args)]
    ]
    wanted = " and ".join(filter(None, [", ".join(lacking[:-1]), lacking[-1]]))
    return f"{name}: expected {wanted}. Received: nothing for {'it' if len(lacking) == 1 else 'them'}"
