"""A model made anew: the same graph of new layers, which shares nothing with the old one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.types import shape_text, unify
from pellucid.model.functional_graph import as_given
from pellucid.nn.layers import Layer

if TYPE_CHECKING:
    from pellucid.model.model import Model


def check_inputs(inputs: Sequence[Expr], name: str) -> None:
    """Refuse inputs that are no batches of one size."""
    for e in inputs:
        if not e.ndim or unify(e.shape[0], inputs[0].shape[0]) is None:
            told = ", ".join(f"{i} {shape_text(i.shape)}" for i in inputs)
            raise ShapeError(
                f"{name}: expected inputs whose first axis is the batch, of one size or name. Received: {told}"
            )


def clone_model(model: Model) -> Any:
    """Return a new model of new layers of the same kinds, with new parameters; see `Model.clone`.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(3, name="first")])
    >>> pel.clone_model(model).layers
    [<Dense first>]
    """
    return model.clone()


def cloned(model: Model, weights: bool, name: str | None = None) -> Any:
    """Return a clone; see `Model.clone`."""
    from pellucid.model.sequential import Sequential

    copies: dict[Layer, Layer] = {}

    def layer_for(layer: Layer) -> Layer:
        if layer not in copies:
            copies[layer] = layer.clone(name=layer.config.get("name"))
        return copies[layer]

    made: Model
    if isinstance(model, Sequential):
        given: list[Any] = [like(e) for e in model.inputs] if model.built else []
        made = type(model)([*given, *map(layer_for, model.layers)], name=name)
    else:
        made = rewired(model, layer_for, name)
    if weights:
        mine, theirs = model.state(), made.state()
        for path, shared in theirs.items():
            shared.set_value(mine[path].get_value())
    return made


def rewired(model: Model, layer_for: Any, name: str | None) -> Any:
    """Return a clone of a graph, with variables that stand in it outside of layers made anew too."""
    connections = model.connections
    variables: dict[Expr, Expr] = {p: copy_of(p) for p in connections.loose}
    owned: dict[Expr, tuple[Layer, int]] = {
        p: (layer, i) for layer in connections.layers for i, p in enumerate(layer.parameters)
    }
    inputs = [like(e) for e in connections.inputs]

    def leaf_for(leaf: Expr) -> Expr:
        if leaf in owned:
            layer, place = owned[leaf]  # a parameter of a layer that stands outside of it too
            new: list[Any] = layer_for(layer).parameters
            return new[place] if new else leaf
        return variables.get(leaf, leaf)

    outputs = connections.written_on(inputs, layer_for, leaf_for)
    if any(p in owned for p in connections.loose):
        # All layers have their parameters by now.
        outputs = connections.written_on(inputs, layer_for, leaf_for)
    return type(model)(as_given(inputs, model._form), as_given(outputs, model._output_form), name=name)


def like(e: Expr) -> Input:
    """Return another input of the same name and type."""
    return Input(e.name, e.shape, e.dtype)


def copy_of(p: Shared) -> Shared:
    """Return another variable with the same value and tags."""
    made = Shared(p.get_value(), p.name, trainable=p.trainable, regularizable=p.regularizable)
    made.constraint = p.constraint
    return made
