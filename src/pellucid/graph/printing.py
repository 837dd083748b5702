"""Pretty printer of expressions, on one line with Python's precedence.

The same walk renders LaTeX (`pellucid.show.formulas.tex`): a `Notation` formats leaves and ops. The walk uses an
explicit stack and stops at a limit, because the text of a graph with sharing can be exponentially longer than the
graph.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pellucid.extension_points import expression_text, op_text
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.op import TemplatePiece, WrittenOperand
from pellucid.graph.operators import MAX_TEXT
from pellucid.graph.pattern import Pattern
from pellucid.graph.precedence import ATOM, DIVIDE, MULTIPLY, NEGATE
from pellucid.graph.types import Type
from pellucid.typing import Array


class Notation(Protocol):
    """Formats leaves and ops."""

    def format_leaf(self, node: Any) -> tuple[str, int]:
        """Return the text of a leaf and its precedence."""

    def pieces(self, node: Any) -> tuple[list[TemplatePiece], int]:
        """Return the pieces of an op on its operands, and its precedence."""

    def parenthesize(self) -> tuple[str, str]:
        """Return the opening and the closing parenthesis."""

    def name(self, name: str) -> str:
        """Return the formatted name of an expression."""


def get_operands(node: Any) -> tuple[Any, ...]:
    return node.operands if isinstance(node, Pattern) else node.inputs


def has_open_settings(node: Any) -> bool:
    """Tell whether this is a pattern with holes among its settings, which the text of the op cannot print."""
    return isinstance(node, Pattern) and any(isinstance(value, Pattern) for value in node.settings.values())


def render(root: Any, notation: Notation, limit: int, names: Mapping[Any, str] | None = None) -> str:
    """Render an expression or a pattern. Subexpressions with a name, own or given, are printed as their names.

    After ``limit`` pieces, the text ends with an ellipsis.
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
        node: Any = piece[0]
        least = piece[1]
        pieces: list[TemplatePiece]
        written: list[TemplatePiece] = []
        if isinstance(node, WrittenOperand):
            node, written = node.operand, node.pieces
        name = find_shown_name(node, root, notation, names)
        if name is not None or written:
            pieces, precedence = written if name is None else [name], ATOM
        elif not isinstance(node, (Expr, Pattern)) or node.op is None:
            leaf, precedence = notation.format_leaf(node)
            pieces = [leaf]
        elif node.op.text == "{0}":  # an op that prints as its operand
            stack.append((get_operands(node)[0], least))
            continue
        else:
            pieces, precedence = notation.pieces(node)
        if precedence < least:
            pieces = [opening, *pieces, closing]
        stack.extend(reversed(pieces))
    return "".join(out)


def find_shown_name(node: Any, root: Any, notation: Notation, names: Mapping[Any, str]) -> str | None:
    """Return the name by which a part of a root is printed."""
    name, own = get_given_name(node, names), get_own_name(node)
    return notation.name(own) if name is None and own is not None and node is not root else name


def get_given_name(node: Any, names: Mapping[Any, str]) -> str | None:
    """Return the name of an expression in a mapping."""
    return names.get(node) if isinstance(node, Expr) else None


def get_own_name(node: Any) -> str | None:
    """Return the name that `named` attached to an expression."""
    return node.name if isinstance(node, Expr) and node.op is not None else None


def fill_template(template: str, operands: tuple[Any, ...], precedence: int) -> list[TemplatePiece]:
    """Split a template such as ``"{0} - {1:>}"`` at its operands.

    An operand is parenthesized if its precedence is lower than that of the op. With ``:>`` it is also parenthesized if
    the precedences are equal, with ``:^`` unless it is an atom, and with ``:_`` never, because the template has
    parentheses or braces around it. Operands of atoms are not parenthesized either.
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
    """Return the shortest text of a number in its dtype: 2, 0.1, 1e-08."""
    if dtype.kind in "biu":
        return str(value)
    short = str(np.float32(value)) if dtype.itemsize <= 4 else str(float(value))
    return short[:-2] if short.endswith(".0") else short


def format_duration(seconds: float) -> str:
    """Return a time with a suitable unit.

    Examples
    --------
    >>> format_duration(2.5), format_duration(0.0012), format_duration(3.4e-6)
    ('2.5 s', '1.2 ms', '3.4 µs')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


class PythonNotation:
    """Notation of Python and NumPy."""

    def format_leaf(self, node: Any) -> tuple[str, int]:
        if isinstance(node, (Input, Shared, Pattern)):
            return node.name or type(node).__name__.lower(), ATOM
        return format_constant(node.value if isinstance(node, Constant) else np.asarray(node))

    def pieces(self, node: Any) -> tuple[list[TemplatePiece], int]:
        op, operands, settings = node.op, get_operands(node), node.settings
        if op.text is None or has_open_settings(node):
            return format_call(op.name, operands, settings, op.defaults), ATOM
        if callable(op.text):
            return op.text(operands, settings), op.precedence
        return fill_template(op.text, operands, op.precedence), op.precedence

    def parenthesize(self) -> tuple[str, str]:
        return "(", ")"

    def name(self, name: str) -> str:
        return name


def format_call(
    name: str, operands: tuple[Any, ...], settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[TemplatePiece]:
    """Return the pieces of ``name(a, b, setting=value)``, with the settings that differ from their defaults."""
    result: list[TemplatePiece] = [f"{name}("]
    for position, operand in enumerate(operands):
        result += [", "] if position else []
        result.append((operand, 0))
    for key, value in settings.items():
        if key not in defaults or type(defaults[key]) is not type(value) or defaults[key] != value:
            result.append(f", {key}={format_setting(value)}")
    return [*result, ")"]


def format_setting(value: Any) -> str:
    if isinstance(value, np.dtype):
        return value.name
    if type(value) is tuple:
        return str(value[0]) if len(value) == 1 else f"({', '.join(map(str, value))})"
    return str(value)


def format_constant(value: Array) -> tuple[str, int]:
    """Return the text of a constant, the type of a large array, and its precedence."""
    if value.ndim == 0:
        text = format_number(value[()], value.dtype)
        return text, NEGATE if text.startswith("-") else ATOM
    if value.size <= 8:
        text = np.array2string(value, separator=", ", formatter={"all": lambda v: format_number(v, value.dtype)})
        return text.replace("\n", ""), ATOM
    return f"constant({Type(value.shape, value.dtype)})", ATOM


@expression_text.register
def text(node: Any, limit: int = MAX_TEXT, names: Mapping[Any, str] | None = None) -> str:
    """Return the text of an expression on one line.

    Parameters
    ----------
    node : Expr or Pattern
        The expression.
    limit : int
        Number of pieces after which the text ends with an ellipsis.
    names : mapping from Expr to str, optional
        Names of subexpressions, in addition to those by `named`.

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
    """Return the text of an op on operands that it does not accept, for messages."""
    return text(Pattern(op, tuple(operands), dict(settings)), limit, names)


def check_printable(node: Any, caller: str) -> Any:
    """Return an expression or numbers unchanged. The caller is named in the error for other values."""
    if isinstance(node, (Expr, Pattern)):
        return node
    if isinstance(node, (bool, int, float, np.ndarray, np.generic)) and np.asarray(node).dtype.kind in "biufV":
        return node
    fix = f"; call its method {caller}()" if hasattr(node, caller) else ""
    raise UseError(f"{caller}: expected an expression. Received: {node!r}, of type {type(node).__name__}{fix}")
