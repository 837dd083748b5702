"""Constant factors that are missing or too much: 2, the number of samples, a sign."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import (
    CHAIN_RULE,
    RATES,
    Context,
    Mistake,
    Text,
    capitalize,
    is_target,
    iterate_nodes,
)

SIZE_MISSING = "The loss is a mean over the samples, not a sum, so its gradient is divided by their number."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield the whole formula, or what is raised to a power, with a wrong constant factor."""
    graph = context.graph
    is_base = any(node in user.operands and user.kind == "power" for user in graph.order)
    if node is graph.root or is_base:
        yield from (scale(node, context, name, factor) for name, factor in context.factors)


def scale(node: Node, context: Context, name: str, factor: float) -> Mistake:
    def tell() -> Text:
        if node is not context.graph.root:
            return tell_factor(context, name, context.quote(node), node)
        if name == "-1" and (text := tell_swapped_difference(node, context)):
            return text
        return tell_factor(context, name, "the result", node)

    return Mistake(node, 1.2 + rank_factor(name), lambda _, true: factor * true, tell)


def rank_factor(name: str) -> float:
    """Return the extra cost of a factor: unusual ones come last."""
    return 0.0 if name in ("2", "1/2", "-1") else 0.1 if len(name) <= 3 else 0.4


def tell_swapped_difference(node: Node, context: Context) -> Text | None:
    """Describe a wrong sign by the difference that is the wrong way round, if there is only one."""
    differences = [n for n in iterate_nodes(node) if n.kind == "sum" and sorted(n.signs) == [-1, 1]]
    if not differences or any(context.is_penalty(o) for o in node.operands):
        return None
    inner = min(differences, key=lambda n: not is_target(n.operands[n.signs.index(-1)]))
    plus, minus = inner.operands[inner.signs.index(1)], inner.operands[inner.signs.index(-1)]
    return (
        "The sign is wrong: the result is the negative of the right one, as if "
        f"`{context.describe(minus)} - {context.describe(plus)}` took the place of {context.quote(inner)}.",
        "The error is the prediction minus the target." if is_target(minus) else "",
    )


def tell_factor(context: Context, factor: str, what: str, node: Node) -> Text:
    """Describe a part that is ``factor`` times the right one."""
    sign = " and has the wrong sign" if factor[0] == "-" else ""
    also = ", which also has the wrong sign" if sign else ""
    number = factor.lstrip("-")
    if factor == "-1":
        return f"The sign of {what} is wrong.", explain_sign(context, node)
    if number in context.sizes:
        why = explain_missing_size(context, node)
        return f"The factor 1/{number} is missing in {what}{also}.", why
    if number.removeprefix("1/") in context.sizes:
        return tell_divided_twice(context, number[2:], what, node, sign)
    if number in ("2", "4"):
        cancel = "The derivative of `x**2 / 2` is `x`: the 2 and the 1/2 cancel."
        return f"{capitalize(what)} has an extra factor {number}{sign}.", cancel if context.is_penalty(node) else ""
    if number in ("1/2", "1/4"):
        return (
            f"{capitalize(what)} is {number[2:]} times too small{sign}: the factor {number[2:]} is missing, or "
            f"{number} is too much.",
            "The derivative of `x**2` is `2 * x`.",
        )
    if number.startswith("1/"):
        return f"The factor `{number[2:]}` is missing in {what}{also}.", ""
    return f"{capitalize(what)} has an extra factor `{number}`{sign}.", ""


def has_mean(context: Context, node: Node) -> bool:
    """Whether a formula divides by the length of an axis."""
    return any(context.is_size(n) or (n.kind == "reduction" and n.name == "mean") for n in iterate_nodes(node))


def explain_missing_size(context: Context, node: Node) -> str:
    if not has_mean(context, node):
        return ""
    return SIZE_MISSING if context.graph.value.ndim else "The loss is a mean, which divides by the number of entries."


def tell_divided_twice(context: Context, size: str, what: str, node: Node, sign: str) -> Text:
    why = (
        f"The formula divides by {size} once."
        if has_mean(context, node)
        else f"The mean over the samples divides by {size} once. The letters that you were given may contain it."
    )
    return f"{capitalize(what)} is divided by {size} once too often{sign}: the factor 1/{size} is too much.", why


def explain_sign(context: Context, node: Node) -> str:
    if node.kind == "sum" and sorted(node.signs) == [-1, 1]:
        return f"Which way round is the difference? {context.quote(node)} is positive where the first part is larger."
    if any(n.kind == "function" and "log" in n.name for n in iterate_nodes(node)):
        return "The logarithm of a probability is negative, and a loss is positive."
    return ""


def explain_factor(context: Context, node: Node, exponent: int = 1) -> str:
    """Return why a factor belongs into a formula."""
    if slope := context.find_slope(context.graph.base[node]):
        return f"It is the derivative of {slope.place}. {CHAIN_RULE}"
    if context.is_size(node):
        return SIZE_MISSING
    if node.kind == "letter" and node.name in RATES:
        return "The learning rate scales each step."
    if exponent > 0 and node.kind == "constant" and abs(float(context.graph.base[node].ravel()[0])) == 2:
        return "It comes from the square: the derivative of `x**2` is `2 * x`."
    if node.kind == "letter" and node.name.startswith(("lam", "strength", "l2")):
        return "The regularization strength scales the penalty and its gradient."
    return ""
