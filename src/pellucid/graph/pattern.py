"""Patterns: expressions with holes, written with the same operators and functions as expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.graph.operators import Operators

if TYPE_CHECKING:
    from pellucid.graph.op_def import Op


class Pattern(Operators):
    """An op on patterns and numbers, with the settings that must match; it has no shape and no dtype."""

    __slots__ = ("name", "number", "op", "operands", "settings")

    def __init__(
        self,
        op: Op | None,
        operands: tuple[Any, ...],
        settings: dict[str, Any],
        name: str | None = None,
        number: bool = False,
    ) -> None:
        self.op = op
        self.operands = operands
        self.settings = settings
        self.name = name
        self.number = number

    def __repr__(self) -> str:
        from pellucid.graph.printing import text

        return text(self)

    def __bool__(self) -> bool:
        raise TypeError(f"The pattern {self} has no truth value: it stands for many expressions.")


Number = Any
"""How a rule says of a hole that only numbers fit: constants without axes."""


def hole(name: str, number: bool = False) -> Pattern:
    """Return a pattern that any expression fits, or any number."""
    return Pattern(None, (), {}, name, number)
