"""Derivatives of activation functions, and the wrong forms in which learners write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pellucid.course.checker.formula_graph import FormulaGraph
    from pellucid.course.checker.variations import Surroundings

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Activation:
    """An activation function, its derivative from output a and input z, and wrong forms of the derivative by text."""

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    text: str
    wrong: Mapping[str, Callable[[Array, Array], Array]]


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(
        np.tanh,
        lambda a, z: 1 - a**2,
        "1 - {a}**2",
        {
            "1 - {a}": lambda a, z: 1 - a,
            "{a} * (1 - {a})": lambda a, z: a * (1 - a),
            "1 - {z}**2": lambda a, z: 1 - z**2,
            "1 - tanh({a})**2": lambda a, z: 1 - np.tanh(a) ** 2,
            "1 + {a}**2": lambda a, z: 1 + a**2,
            "(1 - {a})**2": lambda a, z: (1 - a) ** 2,
            "{a}**2": lambda a, z: a**2,
            "{a}**2 - 1": lambda a, z: a**2 - 1,
            "{a}": lambda a, z: a,
            "{z} * (1 - {z})": lambda a, z: z * (1 - z),
            "1 - {z}": lambda a, z: 1 - z,
            "{z}": lambda a, z: z,
            "{a} > 0": lambda a, z: (a > 0).astype(float),
            "sigmoid({z}) * (1 - sigmoid({z}))": lambda a, z: sigmoid(z) * (1 - sigmoid(z)),
            "sqrt(1 - {a}**2)": lambda a, z: np.sqrt(1 - a**2),
        },
    ),
    "sigmoid": Activation(
        sigmoid,
        lambda a, z: a * (1 - a),
        "{a} * (1 - {a})",
        {
            "1 - {a}**2": lambda a, z: 1 - a**2,
            "1 - {a}": lambda a, z: 1 - a,
            "{a}": lambda a, z: a,
            "{z} * (1 - {z})": lambda a, z: z * (1 - z),
            "sigmoid({a}) * (1 - sigmoid({a}))": lambda a, z: sigmoid(a) * (1 - sigmoid(a)),
            "{a} * (1 + {a})": lambda a, z: a * (1 + a),
            "{a} * ({a} - 1)": lambda a, z: a * (a - 1),
            "{a}**2": lambda a, z: a**2,
            "1 - {z}**2": lambda a, z: 1 - z**2,
            "1 - tanh({z})**2": lambda a, z: 1 - np.tanh(z) ** 2,
            "{a} > 0": lambda a, z: (a > 0).astype(float),
            "exp(-{z})": lambda a, z: np.exp(-z),
            "{z}": lambda a, z: z,
        },
    ),
    "softmax": Activation(
        softmax,
        lambda a, z: a * (1 - a),
        "{a} * (1 - {a})",
        {},
    ),
    "relu": Activation(
        lambda x: np.maximum(x, 0),
        lambda a, z: (z > 0).astype(float),
        "{z} > 0",
        {
            "{a}": lambda a, z: a,
            "{z}": lambda a, z: z,
            "{z} < 0": lambda a, z: (z < 0).astype(float),
            "1 - {a}**2": lambda a, z: 1 - a**2,
            "{a} * (1 - {a})": lambda a, z: a * (1 - a),
            "sign({z})": lambda a, z: np.sign(z),
        },
    ),
}


@dataclass(frozen=True)
class SlopeForm:
    """A wrong form of a derivative: its text and its value."""

    text: str
    value: Array
    cost: float


@dataclass(frozen=True)
class Slope:
    """The derivative of an activation function at an expression of the formula.

    Attributes
    ----------
    activation : str
        Name of the function.
    text : str
        The derivative in the learner's letters, such as "1 - a1**2".
    output, input : str
        Letters of the output and the input of the function. The input may be unknown.
    value : array
    """

    activation: str
    text: str
    output: str
    input: str
    value: Array
    output_value: Array
    input_value: Array

    @property
    def wrong_forms(self) -> Iterator[SlopeForm]:
        """The forms in which learners write it wrongly."""
        a, z = self.output_value, self.input_value
        for template, compute in ACTIVATIONS[self.activation].wrong.items():
            if "{z}" in template and not self.input:
                continue
            with np.errstate(all="ignore"):
                cost = 0.7 if "*" in template or template.startswith("1 -") else 1.3
                yield SlopeForm(template.format(a=self.output, z=self.input), compute(a, z), cost)


def find_slopes(around: Surroundings) -> list[Slope]:
    """Return the derivatives of the activation functions that occur in a formula or define its letters."""
    graph = around.graph
    if graph.slopes is None:
        found = list(_find_slopes_of_inputs(around))
        known = {slope.output for slope in found}
        found += [slope for slope in _find_slopes_of_outputs(around) if slope.output not in known]
        # Letters come first: messages should speak of p, not of sigmoid(-z).
        graph.slopes = sorted(found, key=lambda slope: slope.output not in around.letters)
    return graph.slopes


def _find_slopes_of_inputs(around: Surroundings) -> Iterator[Slope]:
    """Yield the derivatives at letters, and at operands of activation functions, whose output occurs too."""
    graph = around.graph
    inputs = {name: value for name, value in around.letters.items() if value.ndim}
    outputs = dict(inputs)
    for node in graph.order:
        if node.kind == "function" and node.name in ACTIVATIONS:
            inputs.setdefault(graph.describe(node.operands[0]), graph.base[node.operands[0]])
            outputs.setdefault(graph.describe(node), graph.base[node])
    for name, activation in ACTIVATIONS.items():
        for z_text, z in inputs.items():
            a = activation.value(z)
            a_text = next((t for t, v in outputs.items() if v.shape == a.shape and np.allclose(v, a)), None)
            if a_text is not None and not np.allclose(a, z):
                text = activation.text.format(a=a_text, z=z_text)
                yield Slope(name, text, a_text, z_text, activation.slope(a, z), a, z)


def _find_slopes_of_outputs(around: Surroundings) -> Iterator[Slope]:
    """Yield the derivatives at letters that are outputs by their definition, or whose derivative is in the formula."""
    for name in ("tanh", "sigmoid", "softmax"):
        activation = ACTIVATIONS[name]
        for a_text, a in around.letters.items():
            slope = activation.slope(a, a)
            is_output = around.functions.get(a_text) == name
            if is_output or (name != "softmax" and a.ndim and is_value(around.graph, slope)):
                yield Slope(name, activation.text.format(a=a_text, z=""), a_text, "", slope, a, a)


def is_value(graph: FormulaGraph, value: Array) -> bool:
    values = (v for v in graph.base.values() if isinstance(v, np.ndarray))
    return any(v.shape == value.shape and np.allclose(v, value) for v in values)
