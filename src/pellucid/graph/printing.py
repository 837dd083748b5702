"""Expressions as one line of text, in Python's notation and with its precedence.

The same walk writes LaTeX (`pellucid.show.tex`): a notation says how leaves and ops are written, and `render`
does the rest. It goes from left to right with an explicit stack and stops at a limit, because the text of a graph
with much sharing can be exponentially longer than the graph.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.pattern import Pattern
from pellucid.graph.types import Type

Piece = str | tuple[Any, int]
"""A text, or an operand and the least precedence it may have without parentheses."""

COMPARE, LOGIC, ADD, DIVIDE, MULTIPLY, NEGATE, POWER, ATOM = 10, 20, 30, 39, 40, 50, 60, 100
"""How tightly ops bind. Python reads ``x * y @ z`` as ``(x * y) @ z``, so ``@``, ``//`` and ``%`` stand just below
``*``: they are parenthesized inside a product, and a product inside them is so on the right alone."""

BIG, JUXTAPOSE = 35, 45
r"""In LaTeX a big operator reaches over the product behind it, and matrices side by side bind tighter than \odot."""


class Notation(Protocol):
    """How leaves and ops are written."""

    def leaf(self, node: Any) -> tuple[str, int]:
        """Return the text of a leaf and its precedence."""

    def pieces(self, node: Any) -> tuple[list[Piece], int]:
        """Return the pieces of an op on its operands, and its precedence."""

    def parenthesize(self) -> tuple[str, str]:
        """Return the opening and the closing parenthesis."""

    def name(self, name: str) -> str:
        """Return how the name of an expression is written."""


def operands_of(node: Any) -> tuple[Any, ...]:
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
    stack: list[Piece] = [(root, 0)]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            out.append(piece)
            continue
        if len(out) > limit:
            return "".join(out) + "…"
        node, least = piece
        written: list[Piece]
        label = label_of(node, names)
        if label is None and node is not root and own_name(node) is not None:
            label = notation.name(node.name)
        if label is not None:
            written, precedence = [label], ATOM
        elif getattr(node, "op", None) is None:
            leaf, precedence = notation.leaf(node)
            written = [leaf]
        else:
            written, precedence = notation.pieces(node)
        if precedence < least:
            written = [opening, *written, closing]
        stack.extend(reversed(written))
    return "".join(out)


def label_of(node: Any, names: Mapping[Any, str]) -> str | None:
    """Return the name that an expression is given here."""
    return names.get(node) if isinstance(node, Expr) else None


def own_name(node: Any) -> str | None:
    """Return the name that `named` gave an expression."""
    return node.name if isinstance(node, Expr) and node.op is not None else None


def named(name: Any, expr: Any) -> Any:
    r"""Give an expression a name, at which the formulas that use it stop, :math:`p = f(h)` where :math:`h = \tanh z`.

    The name is a label on the page: it changes no value, no gradient and no program. Equal expressions are one object,
    so they have one name, wherever they stand; a later name takes the place of an earlier one.

    Parameters
    ----------
    name : str
        Such as ``"h"``, ``"h1"`` or ``"y_hat"``.
    expr : Expr
        An op on other expressions. Inputs and shared variables are named where they are made.

    Returns
    -------
    Expr
        The same expression.

    Raises
    ------
    TypeError
        If the name is no text, or what is to be named is a leaf or no expression.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> h = pel.named("h", pel.tanh(2 * x))
    >>> h, h * (1 - h)
    (tanh(2 * x), h * (1 - h))
    """
    if not isinstance(name, str) or not name.strip():
        raise UseError(f"Expected a name and then the expression: pel.named('h', x + y). Received: {name!r} first")
    if not isinstance(expr, Expr):
        raise UseError(f"Only an expression can be named: pel.named({name!r}, x + y). Received: {expr!r}")
    if expr.op is None:
        hint = (
            "give names={...} to what writes it" if isinstance(expr, Constant) else f"write pel.vector({name!r}), say"
        )
        raise UseError(
            f"pel.named names what is computed from other expressions. Received: {expr}, a "
            f"{type(expr).__name__.lower()}; to name it, {hint}"
        )
    expr.name = name
    return expr


def fill(template: str, operands: tuple[Any, ...], precedence: int) -> list[Piece]:
    """Split a template such as ``"{0} - {1:>}"`` at its operands.

    An operand is parenthesized if it binds looser than the op; with ``:>`` if it does not bind tighter; with ``:^``
    if it is no atom; with ``:_`` never, because it stands in braces or parentheses of the template's own, as do all
    operands of an op of the highest precedence.
    """
    result: list[Piece] = []
    for literal, field, spec, _ in string.Formatter().parse(template):
        if literal:
            result.append(literal)
        if field is not None:
            tighter = (MULTIPLY if precedence == DIVIDE else precedence) + 1
            least = {"": precedence % ATOM, ">": tighter, "^": ATOM, "_": 0}[spec or ""]
            result.append((operands[int(field)], least))
    return result


def number(value: Any, dtype: np.dtype[Any]) -> str:
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
        return constant_text(value)

    def pieces(self, node: Any) -> tuple[list[Piece], int]:
        """Return the pieces of an op on its operands, and its precedence."""
        op, operands, settings = node.op, operands_of(node), node.settings
        if has_open_settings(node):
            return call_pieces(op.name, operands, settings, op.defaults), ATOM
        if callable(op.text):
            return op.text(operands, settings), op.precedence
        if op.text is not None:
            return fill(op.text, operands, op.precedence), op.precedence
        return call_pieces(op.name, operands, settings, op.defaults), ATOM

    def parenthesize(self) -> tuple[str, str]:
        """Return the opening and the closing parenthesis."""
        return "(", ")"

    def name(self, name: str) -> str:
        """Return how the name of an expression is written."""
        return name


def call_pieces(
    name: str, operands: tuple[Any, ...], settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[Piece]:
    """Write ``name(a, b, setting=value)``, with the settings that differ from their defaults."""
    result: list[Piece] = [f"{name}("]
    for position, operand in enumerate(operands):
        result += [", "] if position else []
        result.append((operand, 0))
    for key, value in settings.items():
        if key not in defaults or type(defaults[key]) is not type(value) or defaults[key] != value:
            result.append(f", {key}={setting_text(value)}")
    return [*result, ")"]


def setting_text(value: Any) -> str:
    """Write a setting as it would be given."""
    if isinstance(value, np.dtype):
        return value.name
    if type(value) is tuple:
        return str(value[0]) if len(value) == 1 else f"({', '.join(map(str, value))})"
    return str(value)


def constant_text(value: np.ndarray[Any, Any]) -> tuple[str, int]:
    """Write a constant: a number, a short array in full, a long one by its type."""
    if value.ndim == 0:
        text = number(value[()], value.dtype)
        return text, NEGATE if text.startswith("-") else ATOM
    if value.size <= 8:
        text = np.array2string(value, separator=", ", formatter={"all": lambda v: number(v, value.dtype)})
        return text.replace("\n", ""), ATOM
    return f"constant({Type(value.shape, value.dtype)})", ATOM


def text(node: Any, limit: int = 500, names: Mapping[Any, str] | None = None) -> str:
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
    >>> import pellucid as pel
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> text(-(x - (y - 1)) / 2)
    '-(x - (y - 1)) / 2'
    """
    return render(checked(node, "text"), PythonNotation(), limit, names)


def checked(node: Any, who: str) -> Any:
    """Return what is to be written, refusing what is neither an expression nor numbers."""
    if isinstance(node, (Expr, Pattern)) or np.asarray(node).dtype.kind in "biufV":
        return node
    own = f"; it has {who}() of its own" if hasattr(node, who) else ""
    raise UseError(f"{who}: expected an expression. Received: {node!r}, of type {type(node).__name__}{own}")


Text = str | Callable[[tuple[Any, ...], Mapping[str, Any]], list[Piece]]
