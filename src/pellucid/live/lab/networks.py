"""Networks of the lab: fully connected layers that the controls choose, or a trained model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Expr, Shared, constant
from pellucid.graph.naming import named
from pellucid.graph.ops.activations import relu, sigmoid
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.random import Generator
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.where import where
from pellucid.graph.passes import inference
from pellucid.live.lab.inputs import WIDTH, LabInputs
from pellucid.run.function_builder import function

if TYPE_CHECKING:
    from pellucid.model.model import Model

FUNCTIONS: dict[str, Callable[[Expr], Expr]] = {"tanh": tanh, "relu": relu, "sigmoid": sigmoid, "linear": lambda x: x}


@dataclass(frozen=True, eq=False)
class LabNetwork:
    """A network on two features.

    Attributes
    ----------
    predict : function
        From features, shape (m, 2), to probabilities of the classes, shape (m, k), or of class 1, shape (m, 1), or to
        numbers, shape (m, 1).
    parameters : list of Shared
        What training changes.
    initial : dict from Shared to Expr
        Initial values for a seed; empty to draw them like the present values.
    used : dict from Shared to Expr
        For each parameter with unused elements, 1 for those that training changes and 0 for the others.
    has_units : bool
        Whether the control of the number of units sets an input of the network.
    """

    predict: Callable[[Expr], Expr]
    parameters: list[Shared]
    initial: Mapping[Shared, Expr] = field(default_factory=dict)
    used: Mapping[Shared, Expr] = field(default_factory=dict)
    has_units: bool = False


def make_dense_network(inputs: LabInputs, layers: int, activation: str) -> LabNetwork:
    r"""Return a network with fully connected hidden layers, :math:`h_l = a(h_{l-1} W_l + b_l)`.

    One compiled module serves all widths. A layer has `WIDTH` units; those beyond ``units`` have weights of 0, which
    training leaves at 0, so they do not matter.
    """
    widths = [2, *[WIDTH] * layers, inputs.classes or 1]
    ends = [k == layers for k in range(layers + 1)]
    weights = [inputs.get_parameter(f"W{k + 1}", widths[k : k + 2], is_last) for k, is_last in enumerate(ends)]
    biases = [inputs.get_parameter(f"b{k + 1}", widths[k + 1 : k + 2], is_last) for k, is_last in enumerate(ends)]

    def predict(X: Expr) -> Expr:
        h: Expr = named("z", (X - inputs.mean) / inputs.scale)
        for k in range(layers):
            h = named(f"h{k + 1}", FUNCTIONS[activation](h @ weights[k] + biases[k]))
        scores: Expr = h @ weights[-1] + biases[-1]
        output: Expr = softmax(scores) if inputs.classes else inputs.target_mean + inputs.target_scale * scores
        return named("p" if inputs.classes else "prediction", output)  # type: ignore[no-any-return]

    used = find_used_elements(inputs, weights, biases)
    initial = draw_weights(inputs, weights, used, activation)
    parameters = [p for pair in zip(weights, biases, strict=True) for p in pair]
    return LabNetwork(predict, parameters, initial, used, has_units=True)


def make_model_network(model: Model) -> LabNetwork:
    """Return a trained model as it predicts, without dropout; its parameters begin with the present values."""
    parameters = model.trainable_parameters
    return LabNetwork(lambda X: inference(model(X)), parameters)


def find_used_elements(inputs: LabInputs, weights: list[Shared], biases: list[Shared]) -> dict[Shared, Expr]:
    """Return, for each parameter of a hidden layer, 1 for elements of used units and 0 for the others."""
    unit: Expr = cast(constant(np.arange(WIDTH, dtype=np.int32)) < inputs.units, inputs.X.dtype)
    used = dict.fromkeys(biases[:-1], unit)
    for k, W in enumerate(weights):
        from_used, to_used = k > 0, k < len(weights) - 1
        if from_used and to_used:
            used[W] = unit[:, None] * unit
        elif from_used or to_used:
            used[W] = unit[:, None] if from_used else unit[None, :]
    return used


def draw_weights(
    inputs: LabInputs, weights: list[Shared], used: Mapping[Shared, Expr], activation: str
) -> dict[Shared, Expr]:
    """Return initial weights: uniform draws with the variances of Glorot and Bengio, or for relu of He et al."""
    dtype = inputs.X.dtype
    sizes = [W.storage.size for W in weights]
    draws: Expr = Generator().uniform(-(3**0.5), 3**0.5, sum(sizes), dtype=dtype)  # of variance 1
    units = cast(inputs.units, dtype)
    initial: dict[Shared, Expr] = {}
    for k, (W, size) in enumerate(zip(weights, sizes, strict=True)):
        start = sum(sizes[:k])
        fan_in: Any = units if k > 0 else W.shape[0]
        fan_out: Any = units if k < len(weights) - 1 else W.shape[1]
        variance = 2 / fan_in if activation == "relu" else 2 / (fan_in + fan_out)
        drawn = variance**0.5 * draws[start : start + size].reshape(W.shape)
        initial[W] = where(used[W] > 0, drawn, 0) if W in used else drawn
    return initial


def set_initial_values(network: LabNetwork, inputs: LabInputs, units: int) -> None:
    """Give the parameters the initial values of seed 0, which the page draws, too."""
    if network.initial:
        draw = function([inputs.units], list(network.initial.values()), mode="numpy", on_unused_input="ignore")
        for parameter, value in zip(network.initial, draw(units), strict=True):
            parameter.set_value(value)
