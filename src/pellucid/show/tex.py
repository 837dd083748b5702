r"""Expressions as LaTeX, in one formula or line by line with names."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.op_def import Op
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import ADD, ATOM, Piece, checked, fill, label_of, operands_of, own_name, render
from pellucid.graph.traversal import topological
from pellucid.show.latex_names import array_tex, dimensions_tex, escaped, name_tex
from pellucid.show.recurrences import Latex
from pellucid.show.scan_recurrences import Unfolding

Names = Mapping[Any, str]

PASSES_ON = frozenset({"{0}", "{0:_}"})
"""Templates of ops that mathematics does not write, such as a cast: their operand stands for them."""


class InTex(Mapping[Any, str]):
    """Names as LaTeX has them, each written when it is met: of very many names a formula holds few."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def __getitem__(self, e: Any) -> str:
        return name_tex(self.names[e])

    def __iter__(self) -> Iterator[Any]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class LatexNotation:
    """The notation of mathematics.

    Parameters
    ----------
    names : mapping from Expr to str
        Subexpressions that are written as names, already in LaTeX.
    limit : int
        After so many ops the rest is written as dots, so that what was begun is also closed.
    shapes : bool
        Whether the dimensions of every variable stand below it.
    """

    def __init__(self, names: Names, limit: int, shapes: bool = False) -> None:
        self.names = names
        self.left = limit
        self.shapes = shapes

    def name(self, name: str) -> str:
        """Return how the name of an expression is written."""
        return name_tex(name)

    def label(self, node: Any) -> str | None:
        """Return the name that stands for an expression, if it has one."""
        label = label_of(node, self.names)
        own = own_name(node)
        return label if label is not None or own is None else name_tex(own)

    def leaf(self, node: Any) -> tuple[str, int]:
        """Return the LaTeX of a leaf and its precedence."""
        if isinstance(node, (Input, Shared, Pattern)):
            letter = name_tex(node.name or type(node).__name__.lower())
            below = dimensions_tex(node.shape) if self.shapes and not isinstance(node, Pattern) else ""
            return rf"\underset{{{below}}}{{{letter}}}" if below else letter, ATOM
        if isinstance(node, Expr) and not isinstance(node, Constant):
            return r"\cdots", ATOM
        return array_tex(node.value if isinstance(node, Constant) else np.asarray(node))

    def pieces(self, node: Any) -> tuple[list[Piece], int]:
        """Return the pieces of an op on its operands, and its precedence."""
        if self.left <= 0:
            return [r"\cdots"], ATOM
        if node.op.tex in PASSES_ON:
            behind = self.behind(operands_of(node)[0])
            return [(behind, 0)], self.precedence(behind)
        self.left -= 1
        return self.scripts_apart(signs_joined(op_pieces(node.op, operands_of(node), node.settings))), binds(node.op)

    def behind(self, node: Any) -> Any:
        """Return what is written in the place of an expression."""
        while self.label(node) is None and getattr(node, "op", None) is not None and node.op.tex in PASSES_ON:
            node = operands_of(node)[0]
        return node

    def precedence(self, node: Any) -> int:
        """Tell how tightly an expression binds."""
        if self.label(node) is not None:
            return ATOM
        return self.leaf(node)[1] if getattr(node, "op", None) is None else binds(node.op)

    def scripts_apart(self, pieces: list[Piece]) -> list[Piece]:
        """Put braces around a name that has an index or exponent before it gets another one, which LaTeX refuses."""
        result: list[Piece] = []
        for position, piece in enumerate(pieces):
            after = pieces[position + 1] if position + 1 < len(pieces) else ""
            if isinstance(piece, str) or not isinstance(after, str) or after[:1] not in ("_", "^"):
                result.append(piece)
                continue
            inner = self.behind(piece[0])
            bare = self.precedence(inner) >= piece[1]
            result += ["{", piece, "}"] if bare and after[:1] in self.scripted(inner) else [piece]
        return result

    def scripted(self, node: Any) -> str:
        """Return the text of an expression in which there may be an index or exponent."""
        label = self.label(node)
        if label is not None:
            return label
        if getattr(node, "op", None) is None:
            return self.leaf(node)[0]
        pieces = op_pieces(node.op, operands_of(node), node.settings)
        return "".join(piece for piece in pieces if isinstance(piece, str))

    def parenthesize(self) -> tuple[str, str]:
        """Return the opening and the closing parenthesis."""
        return r"\left(", r"\right)"


def binds(op: Op) -> int:
    """Tell how tightly an op binds in LaTeX."""
    return op.precedence if op.tex_precedence is None else op.tex_precedence


def op_pieces(op: Op, operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
    """Write an op on its operands."""
    if callable(op.tex):
        return op.tex(operands, settings)
    if op.tex is not None:
        return fill(op.tex, operands, binds(op))
    result: list[Piece] = [rf"\mathrm{{{escaped(op.name)}}}("]
    for position, operand in enumerate(operands):
        result += [", ", (operand, 0)] if position else [(operand, 0)]
    return [*result, ")"]


def signs_joined(pieces: list[Piece]) -> list[Piece]:
    """Write ``a + -b`` as ``a - b``."""
    result = list(pieces)
    for i in range(1, len(result)):
        sign, piece = result[i - 1], result[i]
        if isinstance(sign, str) and sign.endswith("+ ") and not isinstance(piece, str):
            operand, least = piece
            if getattr(getattr(operand, "op", None), "name", "") == "negative":
                result[i - 1 : i + 1] = [sign[:-2] + "- ", (operands_of(operand)[0], max(least, ADD) + 1)]
    return result


def latex(expr: Any, names: Names | None = None, limit: int = 300, shapes: bool = False) -> str:
    r"""Write an expression or a pattern as a formula in LaTeX.

    Products of arrays, element by element, are written with :math:`\odot`, products of matrices without a sign. Casts,
    and axes of length 1 that come and go, are not written. What has a name by `named` is written as that name;
    `formula` adds what the names stand for.

    Parameters
    ----------
    expr : Expr or Pattern
        What to write.
    names : mapping from Expr to str, optional
        Subexpressions to be written as names; a name with a backslash is LaTeX already.
    limit : int
        The number of ops after which the rest is written as dots.
    shapes : bool
        Whether the dimensions of every variable stand below it.

    Returns
    -------
    str
        LaTeX for mathematics mode.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, W1, b1 = pel.matrix("X"), pel.matrix("W1"), pel.vector("b1")
    >>> print(latex(pel.tanh(X @ W1 + b1) ** 2 / 2))
    \frac{\tanh(X W_{1} + b_{1})^{2}}{2}
    """
    known = InTex(names or {})
    return render(checked(expr, "latex"), LatexNotation(known, limit, shapes), sys.maxsize, known)


def latex_definitions(named: Mapping[str, Any] | Sequence[tuple[str, Any]], limit: int = 300) -> str:
    r"""Write several expressions line by line, each in terms of the names of the others.

    A `scan` among them, or inside them, is written as its recurrence, :math:`h_t = f(x_t, h_{t-1})`.

    Parameters
    ----------
    named : mapping from str to Expr, or such pairs
        What to write, in this order; a name with a backslash is LaTeX already.
    limit : int
        The number of ops of one line after which the rest is written as dots.

    Returns
    -------
    str
        A ``split`` block, for mathematics mode.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, W1, W2 = pel.matrix("X"), pel.matrix("W1"), pel.matrix("W2")
    >>> h = pel.tanh(X @ W1)
    >>> print(latex_definitions({"h": h, "p": pel.softmax(h @ W2)}))
    \begin{split}
    h &= \tanh(X W_{1}) \\
    p &= \operatorname{softmax}(h W_{2})
    \end{split}
    """
    pairs = list(named.items()) if isinstance(named, Mapping) else list(named)
    names: dict[Any, str] = {e: name_tex(name) for name, e in pairs}
    leaves = [name_tex(e.name) for e in topological([e for _, e in pairs]) if e.name]
    lines: list[tuple[str, str]] = []

    def others(e: Expr) -> dict[Any, str]:
        return {other: name for other, name in names.items() if other is not e}

    style = Latex(lambda e, known: latex(e, known, limit))
    unfolding = Unfolding(style, [(e, others(e)) for _, e in pairs], [*names.values(), *leaves], name_tex)
    for name, e in pairs:
        lines += unfolding.formula(e, name_tex(name), others(e))
    return "\\begin{split}\n" + " \\\\\n".join(f"{left} &= {right}" for left, right in lines) + "\n\\end{split}"


def notebook(expr: Expr) -> str:
    """Write an expression as notebooks want it, between dollars, and what the names in it stand for."""
    from pellucid.show.formula import Formula

    return rf"$\displaystyle {Formula(expr).latex()}$"
