"""Derivatives of activation functions, and the wrong forms in which learners write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pellucid.course.checker.formula_graph import FormulaGraph, Node
from pellucid.course.checker.mistakes.mistake import CHAIN_RULE, Context, Mistake, Text
from pellucid.typing import Array

OUTPUTS_IN_FORMULA = ("tanh", "sigmoid")
"""ActivationForm functions whose derivative shows that a letter is an output of theirs."""


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class ActivationForm:
    """An activation function and its derivative.

    Attributes
    ----------
    value : callable
    slope : callable
        The derivative from output a and input z.
    text : str
        The derivative, with ``{a}`` and ``{z}``.
    wrong : dict from str to callable
        Wrong forms of the derivative by text.
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    text: str
    wrong: Mapping[str, Callable[[Array, Array], Array]]


ACTIVATIONS: dict[str, ActivationForm] = {
    "tanh": ActivationForm(
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
    "sigmoid": ActivationForm(
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
    "relu": ActivationForm(
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
    "softmax": ActivationForm(softmax, lambda a, z: a * (1 - a), "{a} * (1 - {a})", {}),
}


@dataclass(frozen=True)
class SlopeForm:
    """A wrong form of a derivative."""

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
        The output and the input of the function in the learner's letters. The input may be unknown.
    value, output_value, input_value : array
    """

    activation: str
    text: str
    output: str
    input: str
    value: Array
    output_value: Array
    input_value: Array

    @property
    def place(self) -> str:
        """The function and its input: "tanh at `z1`"."""
        return f"{self.activation} at `{self.input}`" if self.input else self.activation

    @property
    def wrong_forms(self) -> Iterator[SlopeForm]:
        """The forms in which learners write it wrongly."""
        a, z = self.output_value, self.input_value
        for template, compute in ACTIVATIONS[self.activation].wrong.items():
            if "{z}" in template and not self.input:
                continue
            is_negative = template in ("{a}**2 - 1", "{a} * ({a} - 1)")  # more often, another sign is wrong
            cost = 1.35 if is_negative else 0.7 if "*" in template or template.startswith("1 -") else 1.3
            with np.errstate(all="ignore"):
                yield SlopeForm(template.format(a=self.output, z=self.input), compute(a, z), cost)


def find_slopes(context: Context) -> list[Slope]:
    """Return the derivatives of the activation functions that occur in a formula or define its letters."""
    found = list(_find_slopes_of_inputs(context))
    known = {slope.output for slope in found}
    found += [slope for slope in _find_slopes_of_outputs(context) if slope.output not in known]
    # Letters come first: messages should speak of p, not of sigmoid(-z).
    return sorted(found, key=lambda slope: slope.output not in context.letters)


def _find_slopes_of_inputs(context: Context) -> Iterator[Slope]:
    """Yield the derivatives at letters, and at operands of activation functions, whose output occurs too."""
    graph = context.graph
    inputs = {name: value for name, value in context.letters.items() if value.ndim}
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


def _find_slopes_of_outputs(context: Context) -> Iterator[Slope]:
    """Yield the derivatives at letters that are outputs by their definition, or whose derivative is in the formula."""
    for name in ("tanh", "sigmoid", "softmax"):
        activation = ACTIVATIONS[name]
        for a_text, a in context.letters.items():
            slope = activation.slope(a, a)
            is_output = context.functions.get(a_text) == name
            if is_output or (name in OUTPUTS_IN_FORMULA and a.ndim and has_value(context.graph, slope)):
                yield Slope(name, activation.text.format(a=a_text, z=""), a_text, "", slope, a, a)


def has_value(graph: FormulaGraph, value: Array) -> bool:
    return any(np.shape(v) == value.shape and np.allclose(v, value) for v in graph.arrays)


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a derivative in its wrong forms, and any other array with a derivative too much."""
    true = context.graph.base[node]
    for slope in context.slopes:
        if slope.value.shape != true.shape:
            continue
        if np.allclose(slope.value, true, rtol=1e-9, atol=1e-12):
            yield from (replace_slope(node, slope, form) for form in slope.wrong_forms)
        else:
            yield multiply_by_slope(node, slope, context)


def replace_slope(node: Node, slope: Slope, form: SlopeForm) -> Mistake:
    return Mistake(node, form.cost, lambda _, true: form.value, lambda: tell_wrong_slope(slope, form.text))


def tell_wrong_slope(slope: Slope, form: str) -> Text:
    detail = explain_form(slope, form)
    text = f"`{form}` stands where `{slope.text}` belongs, the derivative of {slope.place}. {detail}"
    return text.strip(), CHAIN_RULE


def explain_form(slope: Slope, form: str) -> str:
    a, z, name = slope.output, slope.input, slope.activation
    known = {
        f"{a} > 0": "That is the derivative of relu.",
        f"1 + {a}**2": "The sign is wrong.",
        f"{a} * (1 + {a})": "The sign is wrong.",
        f"{a}**2 - 1": "The sign is wrong: the difference is the other way round.",
        f"{a} * ({a} - 1)": "The sign is wrong: the difference is the other way round.",
    }
    if name != "sigmoid":
        known[f"{a} * (1 - {a})"] = "That is the derivative of the logistic function."
    if name != "tanh":
        known[f"1 - {a}**2"] = "That is the derivative of tanh."
        known[f"1 - {a}"] = f"The factor `{a}` is missing."
    else:
        known[f"1 - {a}"] = "The square is missing."
    if z and form in (f"1 - {z}**2", f"{z} * (1 - {z})", f"1 - {z}"):
        return f"The variable is wrong: it is a function of the output `{a}`, not of `{z}`."
    if form.startswith(("1 - tanh(", "sigmoid(")) and f"({a})" in form:
        return f"`{a}` already is the output of {name}, which is applied twice here."
    return known.get(form, "")


def multiply_by_slope(node: Node, slope: Slope, context: Context) -> Mistake:
    if slope.activation in ("softmax", "sigmoid"):
        why = (
            f"The difference already combines the derivatives of {slope.activation} and of the cross-entropy: "
            "here it occurs twice."
        )
    else:
        why = f"This quantity is on the other side of {slope.activation}."
    text = f"The factor `{slope.text}`, the derivative of {slope.activation}, is too much"
    return Mistake(node, 1.0, lambda _, true: true * slope.value, lambda: (f"{text}{context.where(node)}.", why))
