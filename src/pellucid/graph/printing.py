"""Expressions as one line of text, in Python's notation and with its precedence.

The same walk writes LaTeX (`pellucid.show.tex`): a notation says how leaves and ops are written, and `render`
does the rest. It goes from left to right with an explicit stack and stops at a limit, because the text of a graph
with much sharing can be exponentially longer than the graph.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pellucid.extensions import expression_text, op_text
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.operators import MAX_TEXT
from pellucid.graph.pattern import Pattern
from pellucid.graph.precedence import ATOM, DIVIDE, MULTIPLY, NEGATE, TemplatePiece
from pellucid.graph.types import Type


class Notation(Protocol):
    """How leaves and ops are written."""

    def leaf(self, node: Any) -> tuple[str, int]:
        """Return the text of a leaf and its precedence."""

    def pieces(self, node: Any) -> tuple[list[TemplatePiece], int]:
        """Return the pieces of an op on its operands, and its precedence."""

    def parenthesize(self) -> tuple[str, str]:
        """Return the opening and the closing parenthesis."""

    def name(self, name: str) -> str:
        """Return how the name of an expression is written."""


def get_operands(node: Any) -> tuple[Any, ...]:
    """Return what an expression or a pattern is made of."""
    return node.operands if isinstance(node, Pattern) else node.inputs


def has_open_settings(node: Any) -> bool:
    """Tell whether this is a pattern that fits any value of some setting, which no op's own form can write."""
    return isinstance(node, Pattern) and any(isinstance(value, Pattern) for value in node.settings.values())


def render(root: Any, notation: Notation, limit: int, names: Mapping[Any, str] | None = None) -> str:
    """Write an expression, stopping at named subexpressions and after ``limit`` pieces.

    A name is one of ``names``, or what `named` gave an expression inside.

    Parameters
    ----------
    root : Expr or Pattern
        What to write.
    notation : Notation
        How to write it.
    limit : int
        The number of pieces after which the rest is written as an ellipsis.
    names : mapping from Expr to str, optional
        Subexpressions to be written as names.

    Returns
    -------
    str
        One line.
    """
    names = names or {}
    opening, closing = notation.parenthesize()
    out: list[str] = []
    stack: list[TemplatePiece] = [(root, 0)]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            out.append(piece)
            continue
        if len(out) > limit:
            return "".join(out) + "…"
        node, least = piece
        written: list[TemplatePiece]
        label = get_given_name(node, names)
        if label is None and node is not root and get_own_name(node) is not None:
            label = notation.name(node.name)
        if label is not None:
            written, precedence = [label], ATOM
        elif getattr(node, "op", None) is None:
            leaf, precedence = notation.leaf(node)
            written = [leaf]
        elif node.op.text == "{0}":
            stack.append((node.inputs[0], least))
            continue
        else:
            written, precedence = notation.pieces(node)
        if precedence < least:
            written = [opening, *written, closing]
        stack.extend(reversed(written))
    return "".join(out)


def get_given_name(node: Any, names: Mapping[Any, str]) -> str | None:
    """Return the name that an expression is given here."""
    return names.get(node) if isinstance(node, Expr) else None


def get_own_name(node: Any) -> str | None:
    """Return the name that `named` gave an expression."""
    return node.name if isinstance(node, Expr) and node.op is not None else None


def fill_template(template: str, operands: tuple[Any, ...], precedence: int) -> list[TemplatePiece]:
    """Split a template such as ``"{0} - {1:>}"`` at its operands.

    An operand is parenthesized if it binds looser than the op; with ``:>`` if it does not bind tighter; with ``:^``
    if it is no atom; with ``:_`` never, because it stands in braces or parentheses of the template's own, as do all
    operands of an op of the highest precedence.
    """
    result: list[TemplatePiece] = []
    for literal, field, spec, _ in string.Formatter().parse(template):
        if literal:
            result.append(literal)
        if field is not None:
            tighter = (MULTIPLY if precedence == DIVIDE else precedence) + 1
            least = {"": precedence % ATOM, ">": tighter, "^": ATOM, "_": 0}[spec or ""]
            result.append((operands[int(field)], least))
    return result


def format_number(value: Any, dtype: np.dtype[Any]) -> str:
    """Write a number as short as its dtype allows: 2, 0.1, 1e-08."""
    if dtype.kind in "bi" or dtype.kind == "u":
        return str(value)
    short = str(np.float32(value)) if dtype.itemsize <= 4 else str(float(value))
    return short[:-2] if short.endswith(".0") else short


class PythonNotation:
    """Python's and NumPy's notation."""

    def leaf(self, node: Any) -> tuple[str, int]:
        """Return the text of a leaf and its precedence."""
        if isinstance(node, (Input, Shared, Pattern)):
            return node.name or type(node).__name__.lower(), ATOM
        value = node.value if isinstance(node, Constant) else np.asarray(node)
        return format_constant(value)

    def pieces(self, node: Any) -> tuple[list[TemplatePiece], int]:
        """Return the pieces of an op on its operands, and its precedence."""
        op, operands, settings = node.op, get_operands(node), node.settings
        if has_open_settings(node):
            return format_call(op.name, operands, settings, op.defaults), ATOM
        if callable(op.text):
            return op.text(operands, settings), op.precedence
        if op.text is not None:
            return fill_template(op.text, operands, op.precedence), op.precedence
        return format_call(op.name, operands, settings, op.defaults), ATOM

    def parenthesize(self) -> tuple[str, str]:
        """Return the opening and the closing parenthesis."""
        return "(", ")"

    def name(self, name: str) -> str:
        """Return how the name of an expression is written."""
        return name


def format_call(
    name: str, operands: tuple[Any, ...], settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[TemplatePiece]:
    """Write ``name(a, b, setting=value)``, with the settings that differ from their defaults."""
    result: list[TemplatePiece] = [f"{name}("]
    for position, operand in enumerate(operands):
        result += [", "] if position else []
        result.append((operand, 0))
    for key, value in settings.items():
        if key not in defaults or type(defaults[key]) is not type(value) or defaults[key] != value:
            result.append(f", {key}={format_setting(value)}")
    return [*result, ")"]


def format_setting(value: Any) -> str:
    """Write a setting as it would be given."""
    if isinstance(value, np.dtype):
        return value.name
    if type(value) is tuple:
        return str(value[0]) if len(value) == 1 else f"({', '.join(map(str, value))})"
    return str(value)


def format_constant(value: np.ndarray[Any, Any]) -> tuple[str, int]:
    """Write a constant: a number, a short array in full, a long one by its type."""
    if value.ndim == 0:
        text = format_number(value[()], value.dtype)
        return text, NEGATE if text.startswith("-") else ATOM
    if value.size <= 8:
        text = np.array2string(value, separator=", ", formatter={"all": lambda v: format_number(v, value.dtype)})
        return text.replace("\n", ""), ATOM
    return f"constant({Type(value.shape, value.dtype)})", ATOM


@expression_text.register
def text(node: Any, limit: int = MAX_TEXT, names: Mapping[Any, str] | None = None) -> str:
    """Write an expression or a pattern on one line.

    Parameters
    ----------
    node : Expr or Pattern
        What to write.
    limit : int
        The number of pieces after which the rest is written as an ellipsis.
    names : mapping from Expr to str, optional
        Subexpressions to be written as names.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> text(-(x - (y - 1)) / 2)
    '-(x - (y - 1)) / 2'
    """
    return render(check_printable(node, "text"), PythonNotation(), limit, names)


@op_text.register
def format_op(
    op: Any, operands: Sequence[Any], settings: Mapping[str, Any], limit: int, names: Mapping[Any, str]
) -> str:
    """Write an op on operands of which it makes no expression, for the message that says so."""
    return text(Pattern(op, tuple(operands), dict(settings)), limit, names)


def check_printable(node: Any, who: str) -> Any:
    """Return what is to be written, refusing what is neither an expression nor numbers."""
    if isinstance(node, (Expr, Pattern)) or np.asarray(node).dtype.kind in "biufV":
        return node
    own = f"; it has {who}() of its own" if hasattr(node, who) else ""
    raise UseError(f"{who}: expected an expression. Received: {node!r}, of type {type(node).__name__}{own}")
