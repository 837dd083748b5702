"""Mistakes with indices, slices, comparisons and conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.letters import OFF_BY_ONE, WHICH_STEP, shift_rows
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text
from pellucid.typing import Array, ArrayLike

PAIRS = (
    "`[:, y]` takes the columns of all rows. One element of each row is right: `[arange(n), y]`.",
    "Two index arrays make pairs: row 0 with y[0], row 1 with y[1] and so on.",
)
TRUE_CLASS = (
    "The largest probability stands where that of the true class belongs.",
    "The loss asks how probable the true class is, not the predicted one.",
)


def make(node: Node, cost: float, compute: Callable[[tuple[Array, ...], Array], ArrayLike], text: Text) -> Mistake:
    return Mistake(node, cost, compute, lambda: text)


def list_gather_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield mistakes at elements that are chosen by index arrays."""
    yield drop_index(node, context, 1.3)
    if node.name == "gather" and len(node.operands) == 3:
        swapped = "Row and column of the index are swapped: the sample comes first, the class second.", ""
        yield make(node, 1.0, lambda v, _: v[0][:, v[2].astype(int)], PAIRS)
        yield make(node, 1.3, lambda v, _: v[0][v[2].astype(int), v[1].astype(int)], swapped)
        yield make(node, 1.4, lambda v, _: v[0].max(axis=-1), TRUE_CLASS)
    elif node.name == "take_along_axis":
        yield make(node, 1.0, lambda v, _: v[0][:, v[1].astype(int).ravel()], PAIRS)
        yield make(node, 1.4, lambda v, _: v[0].max(axis=-1, keepdims=True), TRUE_CLASS)


def drop_index(node: Node, context: Context, cost: float) -> Mistake:
    operand, whole = context.quote(node.operands[0]), context.quote(node)
    text = f"The index is missing: {operand} stands where {whole} belongs."
    return make(node, cost, lambda v, _: v[0], (text, ""))


def list_slice_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    yield drop_index(node, context, 1.5)
    text = f"{context.quote(node)} {OFF_BY_ONE}", WHICH_STEP
    for by in (1, -1):
        yield shift_slice(node, by, text)
        yield move_slice(node, by, text)


def shift_slice(node: Node, by: int, text: Text) -> Mistake:
    return make(node, 1.4, lambda _, true: shift_rows(true, by), text)


def move_slice(node: Node, by: int, text: Text) -> Mistake:
    return make(node, 1.3, lambda v, true: take_neighbors(v[0], true, by), text)


def take_neighbors(whole: Array, part: Array, by: int) -> Array:
    """Return the rows of an array one before or after those of a part of it."""
    for start in range(len(whole) - len(part) + 1):
        if np.array_equal(whole[start : start + len(part)], part):
            if not 0 <= start + by <= len(whole) - len(part):
                break
            return whole[start + by : start + by + len(part)]
    raise ValueError("no such rows")


def list_comparison_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    operand, whole = context.quote(node.operands[0]), context.quote(node)
    itself = (
        f"{operand} itself stands where {whole} belongs.",
        "The derivative of relu is 1 for positive inputs and 0 for others.",
    )
    yield make(node, 1.0, lambda _, true: ~true, (f"The comparison {whole} is the wrong way round.", ""))
    yield make(node, 1.1, lambda v, _: v[0], itself)
    yield make(node, 1.2, lambda v, _: np.maximum(v[0], 0), itself)


def list_where_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    condition = context.quote(node.operands[0])
    missing = f"The condition {condition} is missing{context.where(node)}.", ""
    reverse = f"The condition {condition} is the wrong way round.", ""
    yield make(node, 1.0, lambda v, true: np.broadcast_to(v[1], true.shape), missing)
    yield make(node, 1.0, lambda v, true: np.broadcast_to(v[2], true.shape), missing)
    yield make(node, 1.0, lambda v, _: np.where(v[0], v[2], v[1]), reverse)


def list_op_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield an operand of any other op in the place of the op."""
    for i, operand in enumerate(node.operands):
        text = f"{context.quote(operand)} stands where {context.quote(node)} belongs."
        yield keep_operand(node, i, text)


def keep_operand(node: Node, i: int, text: str) -> Mistake:
    return make(node, 1.7, lambda v, _: v[i], (text, ""))
