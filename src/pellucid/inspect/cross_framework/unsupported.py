"""Checks that another framework can express a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pellucid.graph.errors import brief
from pellucid.graph.expr import Expr
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn.layers import Layer
from pellucid.nn.layers.dropout import RandomLayer

Part = TypeVar("Part")


class UnsupportedFeatures:
    """Collects the parts of a model that a framework cannot express, to report all of them at once."""

    model: ModelLike
    title: str

    def __init__(self, title: str, model: ModelLike) -> None:
        self.title, self.model = title, model
        self.found: list[str] = []

    def try_build(self, name: str, part: Part, build: Callable[[Part], object]) -> Any:
        """Return ``build(part)``, or record the part as unsupported."""
        try:
            return build(part)
        except (ModelError, TypeError, ValueError) as error:  # frameworks refuse arguments by TypeError and ValueError
            kind = f", a {type(part).__name__}" if isinstance(part, Layer) else ""
            self.found.append(f"{name}{kind} ({error})")
            return None

    def raise_if_any(self) -> None:
        if self.found:
            raise ModelError(
                f"{self.model.name} cannot be built in {self.title}. Unsupported there: {'; '.join(self.found)}"
            )


def is_random(layer: Layer) -> bool:
    """Return whether a layer only adds randomness, so that it is left out of a deterministic network."""
    return isinstance(layer, RandomLayer) and not layer.parameters


def check_supported(model: ModelLike) -> None:
    """Raise an error unless the model has one output and consists of layer calls with one argument and one result."""
    if len(model.outputs) > 1:
        raise ModelError(
            f"compare_with expects a model with one output. Received: {model.name} with {len(model.outputs)}; compare "
            "a model of each output"
        )
    known = set(model.inputs)
    for node in model.functional_graph.nodes:
        if node.call.keywords or len(node.results) > 1 or 0 not in node.results:
            raise ModelError(
                f"compare_with expects layers that are called without keywords and return one result. Received: the "
                f"layer {node.layer.name} of {model.name}; use pel.check_equivalence with a program instead"
            )
        for e in node.call.get_operands():
            check_layer_output(model, e, known)
        known.update(node.outputs)
    check_layer_output(model, model.outputs[0], known)


def check_layer_output(model: ModelLike, e: Expr, known: set[Expr]) -> None:
    if e not in known:
        raise ModelError(
            f"compare_with expects a model that consists of layer calls. Received: {brief(e)} between the layers of "
            f"{model.name}; use a layer such as nn.Add or nn.Activation, or pel.check_equivalence with a program"
        )
