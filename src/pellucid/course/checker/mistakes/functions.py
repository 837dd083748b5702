"""Mistakes with activation functions, softmax, exponentials and logarithms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node, add_terms
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text, find_axis
from pellucid.course.checker.mistakes.slopes import ACTIVATIONS
from pellucid.typing import Array

LINEAR = "Without an activation function between them, two layers are one linear layer."
FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    **{name: activation.value for name, activation in ACTIVATIONS.items()},
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "square": np.square,
}
ROWS = "The probabilities of each sample, one row, add up to 1."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    if node.name in ("softmax", "log_softmax"):
        yield from list_softmax_mistakes(node, context)
        return
    operand = context.quote(node.operands[0])
    yield drop_function(node, context)
    yield apply_twice(node, context)
    yield from move_term_outside(node, context)
    yield from move_into_product(node, context)
    if node.operands[0].kind == "sum" and len(node.operands[0].signs) > 1:
        yield apply_to_terms(node, context)
    yield from replace_function(node, context)
    for factor, text in (
        (-1.0, f"The sign of {operand} is wrong inside {node.name}."),
        (2.0, f"{operand} has an extra factor 2 inside {node.name}."),
        (0.5, f"{operand} has an extra factor 1/2 inside {node.name}."),
    ):
        yield scale_operand(node, factor, text)


def drop_function(node: Node, context: Context) -> Mistake:
    def tell() -> Text:
        operand, name = context.describe(node.operands[0]), node.name
        letter = context.graph.names.get(node.expr) if node.expr is not None else None
        right = f"`{letter} = {name}({operand})`" if letter else f"`{name}({operand})`"
        kind = "activation function" if name in ACTIVATIONS else "function"
        why = {
            "log": "The loss is the negative logarithm of the probability of the true class.",
            "softmax": "The scores become probabilities: positive, with the sum 1.",
        }.get(name, LINEAR if name in ACTIVATIONS else "")
        return f"The {kind} {name} is missing: `{operand}` stands where {right} belongs.", why

    return Mistake(node, 1.0, lambda v, _: v[0], tell)


def list_extra_functions(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield the whole formula, or a named part of it, with a function too much."""
    is_named = node.expr is not None and node.expr in context.graph.names
    if node.kind == "letter" or not (is_named or node is context.graph.root):
        return
    true = context.graph.base[node]
    for name, function in FUNCTIONS.items():
        if name != node.name and (true.ndim or name != "softmax"):
            yield add_function(node, context, name, function)


def add_function(node: Node, context: Context, name: str, function: Callable[[Array], Array]) -> Mistake:
    what = "the result" if node is context.graph.root else context.quote(node)
    text = f"The function {name} is too much: it is applied to {what}."
    return Mistake(node, 1.5, lambda _, true: function(true), lambda: (text, ""))


def apply_twice(node: Node, context: Context) -> Mistake:
    return Mistake(
        node,
        1.3,
        lambda v, true: node.compute(true),
        lambda: (f"The function {node.name} is applied twice{context.where(node)}.", ""),
    )


def scale_operand(node: Node, factor: float, text: str) -> Mistake:
    return Mistake(node, 1.5, lambda v, _: node.compute(factor * v[0]), lambda: (text, ""))


def move_term_outside(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a function with a term of its operand outside of it, as in ``tanh(X @ W) + b``."""
    operand = node.operands[0]
    if operand.kind != "sum" or len(operand.signs) < 2:
        return

    def move(i: int) -> Mistake:
        term = operand.signs[i] * context.graph.base[operand.operands[i]]

        def tell() -> Text:
            text = context.quote(operand.operands[i])
            return f"{text} is added outside of {node.name}. It belongs inside: {context.quote(node)}.", ""

        return Mistake(node, 1.3, lambda v, _: node.compute(v[0] - term) + term, tell)

    yield from map(move, range(len(operand.signs)))


def apply_to_terms(node: Node, context: Context) -> Mistake:
    """Return a sum of functions for the function of a sum, as in ``tanh(a) + tanh(b)`` for ``tanh(a + b)``."""
    inner = node.operands[0]
    terms = [node.compute(context.graph.base[o]) for o in inner.operands]
    text = f"{node.name} is applied to each term. It belongs around the whole sum: {context.quote(node)}."
    why = f"{node.name} is not linear, so the order of sum and function matters."
    return Mistake(node, 1.2, lambda v, _: add_terms(inner.signs, terms), lambda: (text, why))


def move_into_product(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a function applied to an operand of a matrix product, as in ``tanh(X) @ W + b`` for ``tanh(X @ W + b)``."""
    operand = node.operands[0]
    for product in (operand, *(operand.operands if operand.kind == "sum" else ())):
        if product.kind == "matmul":
            yield from (move_to_side(node, context, product, side) for side in (0, 1))


def move_to_side(node: Node, context: Context, product: Node, side: int) -> Mistake:
    left, right = (context.graph.base[o] for o in product.operands)
    whole = context.graph.base[product]

    def compute(v: tuple[Array, ...], _: Array) -> Array:
        changed = node.compute(left) @ right if side == 0 else left @ node.compute(right)
        return np.asarray(v[0] - whole + changed)

    text = (
        f"{node.name} is applied to {context.quote(product.operands[side])}. It belongs around the whole sum: "
        f"{context.quote(node)}."
    )
    return Mistake(node, 1.4, compute, lambda: (text, ""))


def replace_function(node: Node, context: Context) -> Iterator[Mistake]:
    operand = context.quote(node.operands[0])

    def replace(name: str) -> Mistake:
        value = FUNCTIONS[name]
        text = f"{name} stands where {node.name} belongs, at {operand}."
        return Mistake(node, 1.4, lambda v, _: value(v[0]), lambda: (text, ""))

    yield from (replace(name) for name in FUNCTIONS if name != node.name)
    if node.name in ACTIVATIONS:
        slope = ACTIVATIONS[node.name].slope
        text = f"The derivative of {node.name} stands where {node.name} itself belongs, at {operand}."
        yield Mistake(node, 1.5, lambda v, true: slope(true, v[0]), lambda: (text, ""))


def list_softmax_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    is_log = node.name == "log_softmax"
    wrap: Callable[[Any], Array] = np.log if is_log else np.asarray
    axis = find_axis(node.settings)
    yield drop_function(node, context)
    yield apply_twice(node, context)
    operand = context.quote(node.operands[0])
    yield scale_operand(node, -1.0, f"The sign of {operand} is wrong inside {node.name}.")
    yield scale_operand(node, 2.0, f"{operand} has an extra factor 2 inside {node.name}.")
    yield scale_operand(node, 0.5, f"{operand} has an extra factor 1/2 inside {node.name}.")
    rows: list[tuple[float, Callable[[Array], Array], str, str]] = [
        (
            1.0,
            lambda s: divide(np.exp(s), np.exp(s).sum(axis=find_other_axis(s, axis), keepdims=True)),
            "The softmax is taken over the wrong axis: the sum runs over the samples, and should run over the classes "
            "(axis=1).",
            ROWS,
        ),
        (
            1.1,
            lambda s: divide(np.exp(s), np.exp(s).sum()),
            "The softmax is normalized over the whole batch: the sum has no axis, and should run over the classes "
            "(axis=1).",
            ROWS,
        ),
        (
            1.0,
            np.exp,
            "The normalization of the softmax is missing: divide by the sum over the classes.",
            "Probabilities add up to 1.",
        ),
        (
            1.0,
            lambda s: 1 / (1 + np.exp(-s)),
            "The logistic function stands where the softmax belongs.",
            "Each class would get a separate probability, and their sum would not be 1.",
        ),
        (
            1.1,
            lambda s: divide(s, s.sum(axis=axis, keepdims=True)),
            "The exponential of the softmax is missing.",
            "Scores can be negative, and probabilities cannot.",
        ),
        (
            1.2,
            lambda s: divide(np.exp(s), s.sum(axis=axis, keepdims=True)),
            "The denominator of the softmax is the sum of the exponentials, not the sum of the scores.",
            "Probabilities add up to 1.",
        ),
        (
            1.4,
            lambda s: np.exp(divide(s, s.sum(axis=axis, keepdims=True))),
            "The scores are divided by their sum before the exponential. The exponentials are divided by theirs.",
            "Probabilities add up to 1.",
        ),
        (
            1.4,
            lambda s: divide(np.exp(s), np.exp(s).max(axis=axis, keepdims=True)),
            "The exponentials are divided by their maximum. The softmax divides by their sum.",
            "Probabilities add up to 1.",
        ),
        (
            1.1,
            lambda s: divide(np.exp(s), np.exp(s).mean(axis=axis, keepdims=True)),
            "The exponentials are divided by their mean. The softmax divides by their sum.",
            "Probabilities add up to 1.",
        ),
        (
            1.5,
            lambda s: divide(np.exp(s), np.linalg.norm(np.exp(s), axis=axis, keepdims=True)),
            "The exponentials are divided by their Euclidean norm. The softmax divides by their sum.",
            "Probabilities add up to 1.",
        ),
    ]
    for cost, change, text, why in rows:
        yield make_softmax_mistake(node, cost, change, wrap, (text, why))
    if is_log:
        missing = "The logarithm is missing: softmax stands where log_softmax belongs.", ""
        yield Mistake(node, 1.0, lambda v, true: np.exp(true), lambda: missing)
    else:
        extra = "The logarithm is too much: the probabilities themselves are asked for.", ""
        yield Mistake(node, 1.3, lambda v, true: np.log(true), lambda: extra)


def make_softmax_mistake(
    node: Node, cost: float, change: Callable[[Array], Array], wrap: Callable[[Array], Array], text: Text
) -> Mistake:
    return Mistake(node, cost, lambda v, _: wrap(change(v[0])), lambda: text)


def divide(a: Array, b: Array) -> Array:
    return np.asarray(a / b)


def find_other_axis(x: Array, axis: Any) -> int:
    """Return the last axis that a softmax did not use."""
    used = {a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
    return max(set(range(x.ndim)) - used, default=0)
