"""Patterns of rewrite rules: expressions with holes, built with the same operators and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pellucid.extension_points import expression_text
from pellucid.graph.operators import MAX_TEXT, Operators

if TYPE_CHECKING:
    from pellucid.graph.expr import Constant, Expr, OpSettings
    from pellucid.graph.op import Op

PatternPart: TypeAlias = "Pattern | Expr | complex"
"""Operand of a pattern: a subpattern, a hole, or a number; in formulas that are only printed also an expression."""

Number: TypeAlias = "Constant"
"""Annotation of a hole that matches only scalar constants."""


class Pattern(Operators):
    """An op on patterns and numbers, with the settings that must match. It has no shape and no dtype."""

    __slots__ = ("name", "number", "op", "operands", "settings")

    is_pattern = True

    def __init__(
        self,
        op: Op | None,
        operands: tuple[PatternPart, ...],
        settings: OpSettings,
        name: str | None = None,
        number: bool = False,
    ) -> None:
        self.op: Op | None = op
        self.operands: tuple[PatternPart, ...] = operands
        self.settings: OpSettings = settings
        self.name: str | None = name
        self.number: bool = number

    def apply(self, op: Op, operands: tuple[PatternPart, ...], settings: OpSettings) -> Pattern:
        """Return the pattern of an op on operands. This pattern is one of them."""
        return Pattern(op, operands, settings)

    def __repr__(self) -> str:
        return expression_text(self, MAX_TEXT)

    def __bool__(self) -> bool:
        raise TypeError(f"The pattern {self} has no truth value, because it matches many expressions.")


def make_hole(name: str, number: bool = False) -> Pattern:
    """Return a pattern that matches any expression, or any scalar constant."""
    return Pattern(None, (), {}, name, number)
