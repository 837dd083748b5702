"""Comparison of a learner's formula with the true one, part by part.

The search of mistakes looks at values only, so it works for functions too. A formula as text or an expression can also
be aligned with the true formula: parts with equal values are the same, and the smallest parts that differ are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import FormulaGraph, Node
from pellucid.course.checker.mistakes import list_mistakes
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text, iterate_nodes
from pellucid.course.checker.search import compute_mistake, is_equal

MAX_DIFFERENCES = 3
LARGE = 0.6
"""A part that is more than this share of the formula says nothing new."""


@dataclass(frozen=True)
class PartDifference:
    """Parts of the learner's formula and of the true one that correspond and differ.

    One of them is missing if the other is a term or factor without a counterpart.
    """

    learner: Node | None
    true: Node | None
    kind: str


class Alignment:
    """A learner's formula next to the true one.

    Parameters
    ----------
    learner : FormulaGraph
    context : Context
        The true formula.
    """

    context: Context
    learner: FormulaGraph
    true: FormulaGraph

    def __init__(self, learner: FormulaGraph, context: Context) -> None:
        self.learner, self.context, self.true = learner, context, context.graph

    def describe(self) -> list[Text] | None:
        """Return what is wrong with each part that differs, or None if too much of the formula does."""
        differences = list(self.compare(self.learner.root, self.true.root))
        if not 0 < len(differences) <= MAX_DIFFERENCES or any(map(self.is_large, differences)):
            return None
        return [self.tell(difference) for difference in differences]

    def is_large(self, difference: PartDifference) -> bool:
        if difference.true is self.true.root or difference.learner is self.learner.root:
            return True
        part, whole = difference.true, self.true.root
        if part is None or difference.learner is None:
            return False
        return len(list(iterate_nodes(part))) > LARGE * len(list(iterate_nodes(whole)))

    def is_same(self, learner: Node, true: Node) -> bool:
        a, b = self.learner.base[learner], self.true.base[true]
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape and is_equal(a, b)

    def compare(self, learner: Node, true: Node) -> Iterator[PartDifference]:
        """Yield the smallest parts that differ."""
        if self.is_same(learner, true):
            return
        for kind in ("sum", "product"):
            if self.is_comparable(learner, true, kind):
                yield from self.compare_parts(learner, true, kind)
                return
        if is_similar(learner, true):
            for a, b in zip(learner.operands, true.operands, strict=True):
                yield from self.compare(a, b)
            return
        yield PartDifference(learner, true, "other part")

    def is_comparable(self, learner: Node, true: Node, kind: str) -> bool:
        """Whether two nodes are sums or products, or one is and contains the other or a part of it."""
        if learner.kind == true.kind == kind:
            return True
        return kind in (learner.kind, true.kind) and any(
            sign == other and self.is_same(a, b) for sign, a in split(learner, kind) for other, b in split(true, kind)
        )

    def compare_parts(self, learner: Node, true: Node, kind: str) -> Iterator[PartDifference]:
        """Compare terms or factors in any order."""
        mine, right = split(learner, kind), split(true, kind)
        for sign, part in list(right):
            same = next((m for m in mine if m[0] == sign and self.is_same(m[1], part)), None)
            if same is not None:
                mine.remove(same)
                right.remove((sign, part))
        for sign, part in list(right):
            opposite = next((m for m in mine if m[0] == -sign and self.is_same(m[1], part)), None)
            if opposite is not None:
                mine.remove(opposite)
                right.remove((sign, part))
                yield PartDifference(opposite[1], part, "sign" if kind == "sum" else "inverse")
        if len(mine) == len(right):
            for (_, a), (_, b) in zip(mine, right, strict=True):
                yield from self.compare(a, b)
        else:
            yield from (PartDifference(None, part, f"missing {PARTS[kind]}") for _, part in right)
            yield from (PartDifference(part, None, f"extra {PARTS[kind]}") for _, part in mine)

    def tell(self, difference: PartDifference) -> Text:
        """Return what is wrong. A known mistake within the part is named."""
        learner, true = difference.learner, difference.true
        mine = f"`{self.learner.describe(learner)}`" if learner is not None else ""
        if learner is not None and true is not None and difference.kind == "other part":
            known = find_mistake(self.context, true, self.learner.base[learner])
            if known is not None:
                return known.tell()
        right = self.context.quote(true) if true is not None else ""
        noun = difference.kind.split()[-1]
        texts = {
            "other part": f"{mine} stands where {right} belongs.",
            "sign": f"The sign of {mine} is wrong.",
            "inverse": f"{mine} is on the wrong side of the fraction.",
        }
        if difference.kind.startswith("missing"):
            return f"The {noun} {right} is missing.", ""
        if difference.kind.startswith("extra"):
            return f"The {noun} {mine} is too much.", ""
        return texts[difference.kind], ""


PARTS = {"sum": "term", "product": "factor"}


def is_similar(learner: Node, true: Node) -> bool:
    """Whether two nodes are the same operation with the same settings."""
    if learner.kind == "letter" or (learner.kind, learner.name) != (true.kind, true.name):
        return False
    return len(learner.operands) == len(true.operands) > 0 and get_settings(learner) == get_settings(true)


def split(node: Node, kind: str) -> list[tuple[int, Node]]:
    """Return the signed terms of a sum, or the factors of a product; anything else is one of them."""
    return list(zip(node.signs, node.operands, strict=True)) if node.kind == kind else [(1, node)]


def get_settings(node: Node) -> dict[str, Any]:
    return {key: value for key, value in node.settings.items() if key not in ("dtype", "value")}


def find_mistake(context: Context, part: Node, value: Any) -> Mistake | None:
    """Return the cheapest known mistake within a part of the true formula that gives a value of this part."""
    inside = set(iterate_nodes(part))
    found: list[Mistake] = []
    with np.errstate(all="ignore"):
        for mistake in list_mistakes(context):
            if mistake.node in inside:
                changed: dict[Node, Any] = {}
                compute_mistake(context, mistake, changed)
                made = changed.get(part)
                if isinstance(made, np.ndarray) and is_equal(value, made):
                    found.append(mistake)
    return min(found, key=lambda mistake: mistake.cost, default=None)
