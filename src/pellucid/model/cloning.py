"""Copies of models with new layers."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.model.functional_graph import FunctionalGraph
from pellucid.nn.layers import Layer


def clone_layers() -> Callable[[Layer], Layer]:
    """Return a function that clones each layer once, however often it is used."""
    copies: dict[Layer, Layer] = {}

    def clone(layer: Layer) -> Layer:
        if layer not in copies:
            copies[layer] = layer.clone(name=layer.config.get("name"))
        return copies[layer]

    return clone


def clone_functional(graph: FunctionalGraph, layer_for: Callable[[Layer], Layer]) -> tuple[list[Input], list[Expr]]:
    """Return inputs and outputs of a copy of a graph, with copies of the variables outside of layers."""
    variables: dict[Expr, Expr] = {p: clone_shared(p) for p in graph.free_variables}
    owners: dict[Expr, tuple[Layer, int]] = {
        p: (layer, i) for layer in graph.layers for i, p in enumerate(layer.parameters)
    }
    inputs = [clone_input(e) for e in graph.inputs]

    def leaf_for(leaf: Expr) -> Expr:
        if leaf in owners:  # a parameter that is also used outside of its layer
            layer, index = owners[leaf]
            parameters = layer_for(layer).parameters
            return parameters[index] if parameters else leaf
        return variables.get(leaf, leaf)

    outputs = graph.rebuild_on(inputs, layer_for, leaf_for)
    if any(p in owners for p in graph.free_variables):
        # A parameter may be used before its layer is called; only now do all layers have their parameters.
        outputs = graph.rebuild_on(inputs, layer_for, leaf_for)
    return inputs, outputs


def clone_input(e: Expr) -> Input:
    return Input(e.name, e.shape, e.dtype)


def clone_shared(p: Shared) -> Shared:
    copy = Shared(p.get_value(), p.name, trainable=p.trainable, regularizable=p.regularizable)
    copy.constraint = p.constraint
    return copy
