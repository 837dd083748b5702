"""Mistakes with letters: one in the place of another, too many, at the wrong time or too early."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import RATES, Context, Mistake, Text
from pellucid.course.checker.mistakes.slopes import ACTIVATIONS
from pellucid.typing import Array

OFF_BY_ONE = "is off by one in time: the index is one step too early or too late."
WHICH_STEP = "Check which step each factor belongs to."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield mistakes at a letter itself."""
    true = context.graph.base[node]
    if not true.ndim:
        return
    letter = context.describe(node)
    for name in ACTIVATIONS:
        yield apply_function(node, letter, name)
    yield from update_too_early(node, context)
    if len(true) > 1:
        text = f"`{letter}` {OFF_BY_ONE}", WHICH_STEP
        for by in (1, -1):
            yield shift(node, by, text)


def list_other_formulas(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield the whole formula as a function of one letter, such as another activation function."""
    operands = {**context.letters, **{k: v for k, v in context.scalars.items() if k.isidentifier()}}
    for letter, value in operands.items():
        for name, activation in ACTIVATIONS.items():
            if value.shape == context.graph.value.shape and (value.ndim or name != "softmax"):
                text = f"`{name}({letter})` stands where {context.quote(node)} belongs."
                yield replace(node, 1.9, activation.value(value), (text, ""))


def list_squared_errors(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield the squared error of two letters in the place of a loss."""
    if context.graph.value.ndim or not any(n.kind == "function" and n.name == "log" for n in context.graph.order):
        return
    for (name, a), (other, b) in itertools.combinations(context.letters.items(), 2):
        if a.shape == b.shape and a.ndim:
            squares = (a - b) ** 2
            text = f"The squared error of `{name}` and `{other}` stands where the cross-entropy belongs."
            why = "The cross-entropy is the negative logarithm of the probability of the true class."
            for total in (squares.mean(), squares.sum(), squares.sum() / len(a), squares.mean() / 2, squares.sum() / 2):
                yield replace(node, 1.9, np.asarray(total), (text, why))


def apply_function(node: Node, letter: str, name: str) -> Mistake:
    value = ACTIVATIONS[name].value
    text = f"`{name}({letter})` stands where `{letter}` belongs: {name} is applied once too often."
    return Mistake(node, 1.5, lambda _, true: value(true), lambda: (text, ""))


def update_too_early(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a weight after its update, if the learner has its gradient and a learning rate."""
    letter = node.name
    gradient = context.letters.get(f"d{letter}")
    if gradient is None or gradient.shape != context.graph.base[node].shape:
        return
    for rate in RATES:
        if rate in context.scalars:
            text = (
                f"`{letter}` was updated too early: the gradient needs the weights of the forward pass, not "
                f"`{letter} - {rate} * d{letter}`.",
                "Compute all gradients first, then update all weights.",
            )
            yield from (step(node, sign * context.scalars[rate] * gradient, text) for sign in (-1, 1))


def step(node: Node, change: Array, text: Text) -> Mistake:
    return Mistake(node, 1.0, lambda _, true: true + change, lambda: text)


def shift(node: Node, by: int, text: Text) -> Mistake:
    return Mistake(node, 1.4, lambda _, true: shift_rows(true, by), lambda: text)


def shift_rows(x: Array, by: int) -> Array:
    """Shift along the first axis and fill with zeros."""
    shifted = np.zeros_like(x)
    if by > 0:
        shifted[by:] = x[:-by]
    else:
        shifted[:by] = x[-by:]
    return shifted


def list_exchanges(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield any array with a letter in its place, or with a letter too much."""
    true = context.graph.base[node]
    for name, value in context.letters.items():
        if node.kind == "letter" and node.name == name:
            continue
        if value.shape == true.shape:
            yield replace_by_letter(node, context, name, value)
            if node is context.graph.root or node.kind in ("sum", "product"):
                yield from add_letter(node, context, name, value)
        elif value.ndim == 2 and value.T.shape == true.shape:
            text = f"`{name}.T` stands where {context.quote(node)} belongs."
            yield replace(node, 2.0, value.T, (text, ""))


def list_scalar_exchanges(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a number with another letter in its place, or with a letter too much."""
    for name, value in context.scalars.items():
        if name.isidentifier() and not (node.kind == "letter" and node.name == name):
            yield replace_by_letter(node, context, name, value)
            if node is context.graph.root or node.kind in ("sum", "product"):
                yield from add_letter(node, context, name, value)


def replace(node: Node, cost: float, value: Array, text: Text) -> Mistake:
    return Mistake(node, cost, lambda _, true: value, lambda: text)


def replace_by_letter(node: Node, context: Context, name: str, value: Array) -> Mistake:
    def tell() -> Text:
        right = context.describe(node)
        if name == f"d{right}":
            return (
                f"The gradient `{name}` stands where `{right}` itself belongs.",
                "The error goes back through the weights, not through their gradient.",
            )
        return f"`{name}` stands where `{right}` belongs.", explain_exchange(context, name, right)

    return Mistake(node, 1.2 if node.kind == "letter" else 1.45, lambda _, true: value, tell)


def explain_exchange(context: Context, used: str, right: str) -> str:
    for slope in context.slopes:
        if slope.input and {used, right} == {slope.output, slope.input}:
            return f"`{slope.output}` is the output of {slope.activation}, and `{slope.input}` its input."
    if any("prev" in name for name in (used, right)) and strip_time(used) == strip_time(right):
        return "It is off by one in time."
    return ""


def strip_time(letter: str) -> str:
    for suffix in ("_prev", "_next", "_t", "prev", "next"):
        letter = letter.removesuffix(suffix)
    return letter


def add_letter(node: Node, context: Context, name: str, value: Array) -> Iterator[Mistake]:
    """Yield an array with a letter as a factor or term too much."""
    where = context.where(node)

    def make(cost: float, compute: Any, text: str) -> Mistake:
        return Mistake(node, cost, lambda _, true: compute(true), lambda: (text, ""))

    yield make(1.6, lambda t: t * value, f"The factor `{name}` is too much{where}.")
    yield make(1.65, lambda t: t * (1 - value), f"The factor `1 - {name}` is too much{where}.")
    yield make(1.6, lambda t: t + value, f"The term `{name}` is too much{where}.")
    yield make(1.7, lambda t: t - value, f"The term `-{name}` is too much{where}.")
