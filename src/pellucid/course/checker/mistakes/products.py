"""Mistakes in products, quotients and powers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from pellucid.course.checker.formula_graph import Node, add_terms, multiply_factors
from pellucid.course.checker.mistakes.factors import explain_factor
from pellucid.course.checker.mistakes.mistake import CHAIN_RULE, Context, Mistake, Text
from pellucid.course.checker.mistakes.slopes import Slope, SlopeForm, tell_wrong_slope
from pellucid.typing import Array


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    several = len(node.signs) > 1
    for i, factor in enumerate(node.operands):
        if several:
            yield drop_factor(node, context, i)
            yield keep_factor(node, context, i)
        yield invert_factor(node, context, i)
        if factor.kind != "constant":
            yield repeat_factor(node, context, i)
        if several and factor.kind == "sum" and node.signs[i] > 0:
            yield from drop_parentheses(node, context, i)
    if len(node.signs) > 2:
        yield from change_slopes(node, context)
    if len(node.signs) == 2:
        yield from change_operation(node, context)


Item = TypeVar("Item")


def without(i: int, items: tuple[Item, ...]) -> tuple[Item, ...]:
    return items[:i] + items[i + 1 :]


def drop_factor(node: Node, context: Context, i: int) -> Mistake:
    factor, signs = node.operands[i], without(i, node.signs)

    def tell() -> Text:
        text = context.describe(factor)
        if node.signs[i] < 0:
            inverse = f"1/{text}" if text.replace("_", "").replace(".", "").isalnum() else f"1/({text})"
            missing = f"The factor `{inverse}` is missing{context.where(node)}: the division by `{text}`."
        else:
            missing = f"The factor `{text}` is missing{context.where(node)}."
        return missing, explain_factor(context, factor, node.signs[i])

    return Mistake(node, 1.0, lambda v, _: multiply_factors(signs, without(i, v)), tell)


def keep_factor(node: Node, context: Context, i: int) -> Mistake:
    def tell() -> Text:
        rest = [context.quote(o) for j, o in enumerate(node.operands) if j != i]
        verb = "is" if len(rest) == 1 else "are"
        return (
            f"{context.quote(node.operands[i])} stands where {context.quote(node)} belongs: "
            f"{' and '.join(rest)} {verb} missing.",
            "",
        )

    return Mistake(node, 1.7, lambda v, _: v[i], tell)


def invert_factor(node: Node, context: Context, i: int) -> Mistake:
    signs = tuple(-s if j == i else s for j, s in enumerate(node.signs))
    wrong, right = ("divided", "multiplied") if node.signs[i] > 0 else ("multiplied", "divided")

    def tell() -> Text:
        text = context.quote(node.operands[i])
        return f"{text} is on the wrong side of the fraction{context.where(node)}: it is {wrong}, not {right}.", ""

    return Mistake(node, 1.3, lambda v, _: multiply_factors(signs, v), tell)


def repeat_factor(node: Node, context: Context, i: int) -> Mistake:
    verb = "occurs" if node.signs[i] > 0 else "divides"
    return Mistake(
        node,
        1.4,
        lambda v, true: true * v[i] ** node.signs[i],
        lambda: (f"{context.quote(node.operands[i])} {verb} twice{context.where(node)}. Once is right.", ""),
    )


def drop_parentheses(node: Node, context: Context, i: int) -> Iterator[Mistake]:
    """Yield a product whose other factors act on some terms of a sum only, as in ``a + b * c`` for ``(a + b) * c``."""
    inner = node.operands[i]
    terms = [sign * context.graph.base[o] for sign, o in zip(inner.signs, inner.operands, strict=True)]
    rest = [k for k in range(len(node.signs)) if k != i]

    def leave_out(j: int) -> Mistake:
        def compute(v: tuple[Array, ...], true: Array) -> Array:
            others = multiply_factors([node.signs[k] for k in rest], [v[k] for k in rest])
            return np.asarray(true - terms[j] * others + terms[j])

        def tell() -> Text:
            parts = [node.operands[k] for k in rest]
            factors = " * ".join(f"({context.describe(o)})" if o.kind == "sum" else context.describe(o) for o in parts)
            return (
                f"`{factors}` does not act on `{context.describe(inner.operands[j])}`. It multiplies the whole sum "
                f"{context.quote(inner)}: parentheses are missing.",
                "",
            )

        return Mistake(node, 1.1, compute, tell)

    yield from map(leave_out, range(len(terms)))


def change_slopes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield changes of a derivative that is two factors of a longer product, such as ``a * (1 - a)``."""
    base, signs = context.graph.base, node.signs
    pairs = [(i, j) for i in range(len(signs)) for j in range(i) if signs[i] > 0 and signs[j] > 0]
    for slope in context.slopes:
        for pair in pairs:
            product = base[node.operands[pair[0]]] * base[node.operands[pair[1]]]
            if product.shape == slope.value.shape and np.allclose(product, slope.value):
                yield from change_slope(node, slope, [k for k in range(len(signs)) if k not in pair])


def change_slope(node: Node, slope: Slope, rest: list[int]) -> Iterator[Mistake]:
    def multiply_rest(v: tuple[Array, ...]) -> Array:
        return multiply_factors([node.signs[k] for k in rest], [v[k] for k in rest])

    def replace(form: SlopeForm) -> Mistake:
        return Mistake(
            node, form.cost, lambda v, _: multiply_rest(v) * form.value, lambda: tell_wrong_slope(slope, form.text)
        )

    missing = f"The factor `{slope.text}` is missing.", f"It is the derivative of {slope.place}. {CHAIN_RULE}"
    yield Mistake(node, 0.9, lambda v, _: multiply_rest(v), lambda: missing)
    yield from map(replace, slope.wrong_forms)


def change_operation(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield a product of two factors with another operation between them."""

    def tell(operation: str) -> Text:
        left, right = map(context.quote, node.operands)
        return f"`{operation}` stands between {left} and {right}, where they are multiplied or divided.", ""

    yield Mistake(node, 1.6, lambda v, _: v[0] + v[1], lambda: tell("+"))
    yield Mistake(node, 1.6, lambda v, _: v[0] - v[1], lambda: tell("-"))
    entrywise = "This product is taken entry by entry."
    yield Mistake(
        node, 1.5, lambda v, _: v[0] @ v[1], lambda: (f"`@` stands where `*` belongs{context.where(node)}.", entrywise)
    )


def list_power_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    base, exponent = map(context.quote, node.operands)
    is_square = float(context.graph.base[node.operands[1]].ravel()[0]) == 2
    whole = context.quote(node)
    for cost, compute, text in (
        (0.9, lambda v, _: v[0], f"The {'square' if is_square else 'power'} of {base} is missing."),
        (
            1.4,
            lambda v, _: v[1] * v[0] ** (v[1] - 1),
            f"The derivative of {whole} stands where {whole} itself belongs.",
        ),
        (
            1.4,
            lambda v, _: v[0] * v[1],
            f"{base} is multiplied by {exponent}, where it is raised to this power: {whole}.",
        ),
        (1.4, lambda v, _: np.abs(v[0]), f"The absolute value of {base} stands where {whole} belongs."),
        (1.6, lambda v, _: v[0] ** (v[1] + 1), f"The exponent of {base} is too large by 1: {whole} is right."),
        (1.6, lambda v, _: v[0] ** (v[1] + 2), f"The exponent of {base} is too large by 2: {whole} is right."),
        (1.6, lambda v, _: 1 / v[0] ** v[1], f"The sign of the exponent of {base} is wrong: {whole} is right."),
        (1.6, lambda v, _: np.sqrt(v[0]), f"The square root of {base} stands where {whole} belongs."),
    ):
        yield make_power_mistake(node, cost, compute, text)
    if node.operands[0].kind == "sum":
        yield distribute_power(node, context)
        yield from reduce_powers(node, context)


def reduce_powers(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield the mean of powers for the power of a mean, as in ``((x - c)**2).mean()`` for ``(x.mean() - c)**2``."""
    inner = node.operands[0]
    for i, term in enumerate(inner.operands):
        if term.kind == "reduction" and term.name in ("mean", "sum"):
            yield reduce_power(node, context, inner.signs[i], term)


def reduce_power(node: Node, context: Context, sign: int, term: Node) -> Mistake:
    base = context.graph.base
    text = f"The {term.name} is taken after the power. {context.quote(node)} takes the {term.name} first."
    why = "The mean of squares is larger than the square of the mean: their difference is the variance."

    def compute(v: tuple[Array, ...], _: Array) -> Any:
        rest = v[0] - sign * base[term]
        return term.compute((sign * base[term.operands[0]] + rest) ** v[1])

    return Mistake(node, 1.2, compute, lambda: (text, why if term.name == "mean" else ""))


def distribute_power(node: Node, context: Context) -> Mistake:
    """Return a sum of powers for the power of a sum, as in ``a**2 - b**2`` for ``(a - b)**2``."""
    inner = node.operands[0]
    terms = [context.graph.base[o] for o in inner.operands]
    text = f"Each term is raised to the power on its own. {context.quote(node)} is the power of the whole sum."
    why = "The square of a sum is not the sum of the squares."
    return Mistake(node, 1.3, lambda v, _: add_terms(inner.signs, [t ** v[1] for t in terms]), lambda: (text, why))


def make_power_mistake(node: Node, cost: float, compute: Any, text: str) -> Mistake:
    return Mistake(node, cost, compute, lambda: (text, ""))
