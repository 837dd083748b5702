"""Mistakes in matrix products: transpositions, order, and sums that miss a part."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text, capitalize
from pellucid.typing import Array, ArrayLike

BACKWARD = "The error goes back through the same weights: rows and columns change places."
EVERY_STEP = "The same weights act at every step, and each use adds to the gradient: `+=`."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    left, right = node.operands
    yield transpose(node, context, (True, False), lambda a, b: a.T @ b)
    yield transpose(node, context, (False, True), lambda a, b: a @ b.T)
    yield transpose(node, context, (True, True), lambda a, b: a.T @ b.T)
    order = (
        f"The operands of the matrix product are in the wrong order: {context.quote(left)} comes first, "
        f"{context.quote(right)} second.",
        "A matrix product depends on the order of its operands.",
    )
    also = f"{order[0]} One of them is also transposed.", order[1]
    whole = context.quote(node)
    yield make(node, 1.0, lambda a, b: b @ a, order)
    yield make(node, 1.2, lambda a, b: b.T @ a, also)
    yield make(node, 1.2, lambda a, b: b @ a.T, also)
    yield make(node, 1.1, lambda a, b: b.T @ a.T, (f"{whole} is transposed: rows and columns have changed places.", ""))
    elementwise = (
        f"`*` stands where `@` belongs, between {context.quote(left)} and {context.quote(right)}.",
        "`*` multiplies entry by entry; `@` sums over the inner axis.",
    )
    yield make(node, 1.3, lambda a, b: a * b, elementwise)
    yield from sum_partly(node, whole)
    for side, compute in ((0, lambda a, b: b), (1, lambda a, b: a)):
        text = f"The product with {context.quote(node.operands[side])} is missing{context.where(node)}."
        yield make(node, 1.6, compute, (text, ""))


def make(node: Node, cost: float, compute: Callable[[Array, Array], ArrayLike], text: Text) -> Mistake:
    return Mistake(node, cost, lambda v, _: compute(*v), lambda: text)


def transpose(
    node: Node, context: Context, which: tuple[bool, bool], compute: Callable[[Array, Array], ArrayLike]
) -> Mistake:
    def tell() -> Text:
        wrong = [o for o, is_wrong in zip(node.operands, which, strict=True) if is_wrong]
        parts = [
            f"the transposition of {context.quote(o.operands[0])} is missing"
            if o.kind == "transpose"
            else f"{context.quote(o)} is transposed and should not be"
            for o in wrong
        ]
        why = BACKWARD if any(o.kind == "transpose" for o in wrong) else ""
        return f"{capitalize(' and '.join(parts))}{context.where(node)}.", why

    return make_transposed(node, 1.0 + 0.2 * all(which), compute, tell)


def make_transposed(
    node: Node, cost: float, compute: Callable[[Array, Array], ArrayLike], tell: Callable[[], Text]
) -> Mistake:
    return Mistake(node, cost, lambda v, _: compute(*v), tell)


def sum_partly(node: Node, whole: str) -> Iterator[Mistake]:
    """Yield products whose sum misses steps, or pairs the wrong ones."""
    only = "Only the {} step counts in {}: the result is overwritten instead of summed."
    shifted = (
        f"The factors of {whole} are off by one in time: steps of different times are multiplied.",
        "Check which step each factor belongs to.",
    )
    rows: list[tuple[float, Callable[[Array, Array], ArrayLike], Text]] = [
        (1.3, lambda a, b: a[..., -1:] @ b[-1:], (only.format("last", whole), EVERY_STEP)),
        (1.3, lambda a, b: a[..., :1] @ b[:1], (only.format("first", whole), EVERY_STEP)),
        (1.3, lambda a, b: a[..., :-1] @ b[:-1], (f"The last step is missing in the sum {whole}.", "")),
        (1.3, lambda a, b: a[..., 1:] @ b[1:], (f"The first step is missing in the sum {whole}.", "")),
        (1.3, lambda a, b: a[..., 1:] @ b[:-1], shifted),
        (1.3, lambda a, b: a[..., :-1] @ b[1:], shifted),
        (1.4, lambda a, b: (a @ b).sum(axis=0), (f"{whole} is summed over its rows once too often.", "")),
        (1.4, lambda a, b: (a @ b).sum(axis=-1), (f"{whole} is summed over its columns once too often.", "")),
    ]
    for cost, compute, text in rows:
        yield make(node, cost, compute, text)


def list_transpose_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    missing = f"The transposition of {context.quote(node.operands[0])} is missing.", BACKWARD
    yield Mistake(node, 0.9, lambda v, _: v[0], lambda: missing)
