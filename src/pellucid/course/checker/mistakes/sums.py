"""Mistakes in sums and differences: terms, signs, and a wrong operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from pellucid.course.checker.formula_graph import Node, add_terms
from pellucid.course.checker.mistakes.factors import rank_factor, tell_factor
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text, has_learning_rate, is_target, iterate_nodes
from pellucid.typing import Array

MAX_WINDOW = 50
"""Largest number of inputs for which a bias inside of a sum is recognized by the count."""
ONE_BIAS = "The bias belongs to the unit, not to each of its inputs."
MINUS_TARGET = "The error is the prediction minus the target."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    several = len(node.signs) > 1
    for i, term in enumerate(node.operands):
        if several:
            yield drop_term(node, context, i)
            yield from scale_term(node, context, i)
            if term.kind == "constant":
                yield drop_constant(node, context, i)
        yield flip_sign(node, context, i)
        if several and term.kind == "matmul" and node.signs[i] > 0:
            yield from move_term_into_product(node, context, i)
    if len(node.signs) == 2:
        yield from change_operation(node, context)


Item = TypeVar("Item")


def without(i: int, items: tuple[Item, ...]) -> tuple[Item, ...]:
    return items[:i] + items[i + 1 :]


def drop_term(node: Node, context: Context, i: int) -> Mistake:
    rest = without(i, node.signs)
    return Mistake(node, 1.0, lambda v, _: add_terms(rest, without(i, v)), lambda: tell_missing_term(node, context, i))


def tell_missing_term(node: Node, context: Context, i: int) -> Text:
    term, text = node.operands[i], context.describe(node.operands[i])
    if context.is_bias(term):
        return (
            f"The bias `{text}` is missing{context.where(node)}.",
            "Without the bias, the weighted sum is 0 whenever all inputs are 0.",
        )
    if context.is_penalty(term):
        part = "gradient of the penalty" if context.graph.value.ndim else "penalty"
        return (
            f"The regularization term `{text}` is missing.",
            f"It is the {part} on the squared weights, and the loss contains it.",
        )
    if node.signs[i] < 0 and len(node.operands) == 2:
        other = node.operands[1 - i]
        return (
            f"{context.quote(other)} stands where {context.quote(node)} belongs: `{text}` is not subtracted.",
            MINUS_TARGET if is_target(term) else "",
        )
    subtracted = " It is subtracted there." if node.signs[i] < 0 else ""
    return f"The term `{text}` is missing{context.where(node)}.{subtracted}", explain_term(term)


def explain_term(term: Node) -> str:
    letters = [n.name.lower() for n in iterate_nodes(term) if n.kind == "letter"]
    if any("next" in name for name in letters):
        return "The hidden state also acts on the next time step, so the error of that step comes back as well."
    if any("prev" in name for name in letters):
        return "The hidden state of the time step before is an input too."
    return ""


def drop_constant(node: Node, context: Context, i: int) -> Mistake:
    """Drop a constant and the sign, as in ``a`` for ``1 - a``."""
    rest = without(i, node.signs)
    return Mistake(
        node,
        1.6,
        lambda v, _: np.abs(add_terms(rest, without(i, v))),
        lambda: (f"The constant {context.quote(node.operands[i])} is missing: {context.quote(node)} is right.", ""),
    )


def flip_sign(node: Node, context: Context, i: int) -> Mistake:
    flipped = tuple(-s if j == i else s for j, s in enumerate(node.signs))

    def tell() -> Text:
        term = context.quote(node.operands[i])
        if len(node.signs) == 1:
            return f"The sign of {term} is wrong: {context.quote(node)} is right.", ""
        wrong, right = ("added", "subtracted") if node.signs[i] < 0 else ("subtracted", "added")
        downhill = "The gradient points uphill. Gradient descent subtracts it."
        return (
            f"The sign of {term} is wrong{context.where(node)}: it is {wrong} and should be {right}.",
            downhill if has_learning_rate(node.operands[i]) else "",
        )

    return Mistake(node, 1.0, lambda v, _: add_terms(flipped, v), tell)


def scale_term(node: Node, context: Context, i: int) -> Iterator[Mistake]:
    sign, term = node.signs[i], node.operands[i]

    def scale(name: str, factor: float) -> Mistake:
        return Mistake(
            node,
            1.0 + rank_factor(name),
            lambda v, true: true + (factor - 1) * sign * v[i],
            lambda: tell_scaled_term(context, name, term),
        )

    for name, factor in context.factors:
        if name != "-1":
            yield scale(name, factor)
    if context.is_bias(term):
        yield from (add_bias_often(node, context, i, times) for times in range(3, MAX_WINDOW))


def add_bias_often(node: Node, context: Context, i: int, times: int) -> Mistake:
    sign, bias = node.signs[i], context.quote(node.operands[i])
    text = f"The bias {bias} is added {times} times, inside of the sum. It is added once, after it."
    return Mistake(node, 1.3, lambda v, true: true + (times - 1) * sign * v[i], lambda: (text, ONE_BIAS))


def tell_scaled_term(context: Context, factor: str, term: Node) -> Text:
    if context.is_bias(term) and factor in context.sizes:
        return (
            f"The bias {context.quote(term)} is added {factor} times, inside of the sum. It is added once, after it.",
            ONE_BIAS,
        )
    if factor == f"1/{context.describe(term)}":
        return f"`1` stands where {context.quote(term)} belongs.", ""
    return tell_factor(context, factor, f"the term {context.quote(term)}", term)


def move_term_into_product(node: Node, context: Context, i: int) -> Iterator[Mistake]:
    """Yield a matrix product with another term added to one of its operands, as in ``X @ (W + b)``."""
    operands = node.operands[i].operands
    left, right = (context.graph.base[o] for o in operands)

    def move(j: int, side: int) -> Mistake:
        sign = node.signs[j]

        def compute(v: tuple[Array, ...], true: Array) -> Array:
            term = sign * v[j]
            product = left @ (right + term) if side else (left + term) @ right
            return np.asarray(true - term - v[i] + product)

        def tell() -> Text:
            term = context.quote(node.operands[j])
            return f"{term} is added to {context.quote(operands[side])}, inside the product. It belongs after it.", ""

        return Mistake(node, 1.3, compute, tell)

    for j in range(len(node.signs)):
        if j != i:
            yield from (move(j, 0), move(j, 1))


def change_operation(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a sum of two terms with another operation between them."""
    whole, (first, second) = context.quote(node), node.operands

    def tell_product() -> Text:
        sign = "+" if node.signs == (1, 1) else "-"
        return f"`*` stands where `{sign}` belongs, between {context.quote(first)} and {context.quote(second)}.", ""

    yield Mistake(node, 1.5, lambda v, _: v[0] * v[1], tell_product)
    if sorted(node.signs) != [-1, 1]:
        return
    half = f"The squared error of {whole} stands where {whole} itself belongs.", "The derivative of `x**2 / 2` is `x`."
    yield Mistake(node, 1.3, lambda _, true: true**2 / 2, lambda: half)
    yield Mistake(node, 1.35, lambda _, true: true**2, lambda: half)
    minus = node.signs.index(-1)
    plus = 1 - minus

    def tell_quotient() -> Text:
        up, down = context.describe(node.operands[minus]), context.describe(node.operands[plus])
        return (
            f"`-{up} / {down}` stands where {whole} belongs. It is the derivative by `{down}`.",
            "The derivative by the scores also passes through the softmax, and the two together are short.",
        )

    yield Mistake(node, 1.6, lambda v, _: -v[minus] / v[plus], tell_quotient)
    yield Mistake(
        node,
        1.8,
        lambda _, true: np.abs(true),
        lambda: (f"The absolute value of {whole} is taken. It keeps its sign.", ""),
    )
