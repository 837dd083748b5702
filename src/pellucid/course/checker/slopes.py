"""Derivatives of activation functions, and the wrong forms in which learners write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pellucid.course.checker.formula_graph import FormulaGraph

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


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
                yield SlopeForm(template.format(a=self.output, z=self.input), compute(a, z))


def find_slopes(graph: FormulaGraph, letters: Mapping[str, Array]) -> list[Slope]:
    """Return the derivatives of the activation functions that the letters show.

    A letter is the output of an activation function if another letter, or an expression of the formula, is its input.
    A letter whose input is unknown counts as an output if the formula contains the derivative.
    """
    if graph.slopes is None:
        graph.slopes = list(_iterate_slopes(graph, letters))
    return graph.slopes


def _iterate_slopes(graph: FormulaGraph, letters: Mapping[str, Array]) -> Iterator[Slope]:
    found: set[tuple[str, str]] = set()
    inputs = {name: value for name, value in letters.items() if value.ndim}
    for node in graph.order:
        if node.kind == "function" and node.name in ACTIVATIONS:
            inputs.setdefault(graph.describe(node.operands[0]), graph.base[node.operands[0]])
    for name, activation in ACTIVATIONS.items():
        for z_text, z in inputs.items():
            a = activation.value(z)
            a_text = next((t for t, v in inputs.items() if v.shape == a.shape and np.allclose(v, a)), None)
            if a_text is None:
                if not any(n.kind == "function" and n.name == name and np.allclose(graph.base[n], a) for n in graph.order if graph.base[n].shape == a.shape):
                    continue
                a_text = f"{name}({z_text})"
            found.add((name, a_text))
            text = activation.text.format(a=a_text, z=z_text)
            yield Slope(name, text, a_text, z_text, activation.slope(a, z), a, z)
    if not found:
        yield from _find_slopes_of_outputs(graph, letters)


def _find_slopes_of_outputs(graph: FormulaGraph, letters: Mapping[str, Array]) -> Iterator[Slope]:
    for name in ("tanh", "sigmoid"):
        activation = ACTIVATIONS[name]
        for a_text, a in letters.items():
            slope = activation.slope(a, a)
            if a.ndim and any(v.shape == slope.shape and np.allclose(v, slope) for v in graph.base.values()):
                yield Slope(name, activation.text.format(a=a_text, z=""), a_text, "", slope, a, a)
