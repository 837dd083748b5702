"""The graph of a model as a twin goes through it: the calls of its layers, from its inputs to its one output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.errors import brief
from pellucid.graph.expr import Expr
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.layers import Layer


def check_form(model: Model) -> None:
    """Refuse a model whose twin cannot be put together of calls of layers."""
    if len(model.outputs) > 1:
        raise ModelError(
            f"{model.name} is verified with one output. Received: {len(model.outputs)}; verify a model of each"
        )
    known = set(model.inputs)
    for place in model.connections.places:
        if place.call.named or len(place.made) > 1 or 0 not in place.made:
            raise ModelError(
                f"{model.name} is verified as layers that make one thing of what they are called on. Received: "
                f"{place.layer.name}, which is called with keywords or makes several; pel.prove it against a program "
                "of your own"
            )
        for e in place.call.given():
            check_known(model, e, known)
        known.update(place.outputs)
    check_known(model, model.outputs[0], known)


def check_known(model: Model, e: Expr, known: set[Expr]) -> None:
    """Refuse what no layer made."""
    if e not in known:
        raise ModelError(
            f"{model.name} is verified as calls of layers. Received: {brief(e)} between them; take a layer in its "
            "place, such as nn.Add or nn.Activation, or pel.prove it against a program of your own"
        )


def walked(model: Model, given: Sequence[Any], apply: Callable[[Layer, Any], Any]) -> Any:
    """Return what comes out when something is applied in the place of each layer."""
    values = dict(zip(model.inputs, given, strict=True))
    for place in model.connections.places:
        x = place.call.inputs
        parts = [values[e] for e in x] if isinstance(x, (list, tuple)) else values[x]
        values[place.made[0]] = apply(place.layer, parts)
    return values[model.outputs[0]]
