"""Syntax trees of formulas. Each node knows the part of the text that it was read from, with its parentheses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Place:
    start: int
    end: int
    depth: int = field(default=1, kw_only=True)
    """Number of nodes on the longest path to a leaf."""


@dataclass(frozen=True)
class Number(Place):
    text: str
    value: float


@dataclass(frozen=True)
class Letter(Place):
    name: str


@dataclass(frozen=True)
class Constant(Place):
    """``None``, ``True`` or ``False``, which only indices and arguments can be."""

    name: str


@dataclass(frozen=True)
class Negative(Place):
    operand: Node


@dataclass(frozen=True)
class Binary(Place):
    """An arithmetic operator, matrix product or comparison."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call(Place):
    """A function or method; arguments are in the order of the function's parameters, None where one is left out."""

    function: str
    arguments: tuple[Node | None, ...]


@dataclass(frozen=True)
class Index(Place):
    base: Node
    items: tuple[Node, ...]


@dataclass(frozen=True)
class SliceNode(Place):
    first: Node | None
    last: Node | None
    step: Node | None


@dataclass(frozen=True)
class Tuple(Place):
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Shape(Place):
    base: Node


Node: TypeAlias = Number | Letter | Constant | Negative | Binary | Call | Index | SliceNode | Tuple | Shape
