"""Operator precedence, and templates for printing ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

TemplatePiece = str | tuple[Any, int]
"""A text, or an operand and the least precedence it may have without parentheses."""

COMPARE, LOGIC, ADD, DIVIDE, MULTIPLY, NEGATE, POWER, ATOM = 10, 20, 30, 39, 40, 50, 60, 100
"""How tightly ops bind. Python reads ``x * y @ z`` as ``(x * y) @ z``, so ``@``, ``//`` and ``%`` stand just below
``*``: they are parenthesized inside a product, and a product inside them is so on the right alone."""

BIG, JUXTAPOSE = 35, 45
r"""In LaTeX a big operator reaches over the product behind it, and matrices side by side bind tighter than \odot."""

Template = str | Callable[[tuple[Any, ...], Mapping[str, Any]], list[TemplatePiece]]
"""A template with the operands as fields, or a function of operands and settings."""
