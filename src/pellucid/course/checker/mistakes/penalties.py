"""Penalties that do not belong into a loss or its gradient, such as those on biases."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text
from pellucid.typing import Array

WEIGHTS_ONLY = "A bias moves a boundary and does not bend it, so the penalty contains the weights only."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield the whole formula with a penalty too much."""
    for strength, value in context.scalars.items():
        if context.graph.base[node].ndim:
            yield from penalize_gradient(node, context, strength, float(value))
        else:
            yield from penalize_loss(node, context, strength, float(value))


def penalize_gradient(node: Node, context: Context, strength: str, c: float) -> Iterator[Mistake]:
    shape = context.graph.base[node].shape
    for name, value in context.letters.items():
        if value.shape == shape:
            for factor, text in ((c, strength), (2 * c, f"2 * {strength}"), (c / 2, f"{strength} / 2")):
                yield add_gradient(node, factor * value, f"{text} * {name}", name in context.biases)


def add_gradient(node: Node, term: Array, text: str, is_bias: bool) -> Mistake:
    statement = (
        (f"`{text}` is too much: the bias is not regularized.", WEIGHTS_ONLY)
        if is_bias
        else (f"The term `{text}` is too much: the loss has no such penalty.", "")
    )
    return Mistake(node, 1.1 if is_bias else 1.5, lambda _, true: true + term, lambda: statement)


def penalize_loss(node: Node, context: Context, strength: str, c: float) -> Iterator[Mistake]:
    groups: list[tuple[str, ...]] = [(name,) for name, value in context.letters.items() if value.ndim]
    if len(context.biases) > 1:
        groups.append(context.biases)
    for names in groups:
        penalty = sum(float((context.letters[name] ** 2).sum()) for name in names if name in context.letters)
        for factor in (c / 2, c):
            yield add_penalty(node, factor * penalty, names, set(names) <= set(context.biases))


def add_penalty(node: Node, term: float, names: tuple[str, ...], is_bias: bool) -> Mistake:
    letters = " and ".join(f"`{name}`" for name in names)
    text: Text = (f"The penalty on {letters} is too much, or counted twice.", "")
    if is_bias:
        noun = "biases" if len(names) > 1 else "bias"
        text = f"The penalty contains the {noun} {letters}. Only weights are regularized.", WEIGHTS_ONLY
    return Mistake(node, 1.1, lambda _, true: true + term, lambda: text)
