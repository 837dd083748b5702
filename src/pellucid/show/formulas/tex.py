"""Expressions as LaTeX."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pellucid.extension_points import model_latex
from pellucid.graph.expr import Constant, Expr, Input, OpSettings, Shared
from pellucid.graph.op import Op, TemplatePiece
from pellucid.graph.pattern import Pattern
from pellucid.graph.precedence import ADD, ATOM
from pellucid.graph.printing import check_printable, fill_template, get_given_name, get_operands, get_own_name, render
from pellucid.show.formulas.latex_names import array_to_latex, escape_latex, name_to_latex, shape_to_latex
from pellucid.show.formulas.model_expressions import SymbolicModel, is_model

Names = Mapping[Any, str]

TRANSPARENT = frozenset({"{0}", "{0:_}"})
"""Templates of ops that formulas omit, such as casts: only the operand is written."""


class LatexNames(Mapping[Any, str]):
    """Names that are converted to LaTeX on access, because a formula contains few of very many names."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def __getitem__(self, e: Expr) -> str:
        return name_to_latex(self.names[e])

    def __iter__(self) -> Iterator[Expr]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class LatexNotation:
    """LaTeX notation for `pellucid.graph.printing.render`.

    The parameters are those of `latex`, with names in LaTeX. After ``limit`` ops, all parentheses are closed.
    """

    def __init__(self, names: Names, limit: int, shapes: bool = False) -> None:
        self.names = names
        self.left: int = limit
        self.shapes = shapes

    def name(self, name: str) -> str:
        return name_to_latex(name)

    def label(self, node: Any) -> str | None:
        label = get_given_name(node, self.names)
        own = get_own_name(node)
        return label if label is not None or own is None else name_to_latex(own)

    def format_leaf(self, node: Any) -> tuple[str, int]:
        if isinstance(node, (Input, Shared, Pattern)):
            letter = name_to_latex(node.name or type(node).__name__.lower())
            below = shape_to_latex(node.shape) if self.shapes and not isinstance(node, Pattern) else ""
            return rf"\underset{{{below}}}{{{letter}}}" if below else letter, ATOM
        if isinstance(node, Expr) and not isinstance(node, Constant):
            return r"\cdots", ATOM
        return array_to_latex(node.value if isinstance(node, Constant) else np.asarray(node))

    def pieces(self, node: Any) -> tuple[list[TemplatePiece], int]:
        if self.left <= 0:
            return [r"\cdots"], ATOM
        if node.op.tex in TRANSPARENT:
            operand = self.skip_transparent(get_operands(node)[0])
            return [(operand, 0)], self.precedence(operand)
        self.left -= 1
        return self.separate_scripts(merge_signs(write_op(node.op, get_operands(node), node.settings))), get_precedence(
            node.op
        )

    def skip_transparent(self, node: Any) -> Any:
        """Return the operand below transparent ops."""
        while self.label(node) is None and getattr(node, "op", None) is not None and node.op.tex in TRANSPARENT:
            node = get_operands(node)[0]
        return node

    def precedence(self, node: Any) -> int:
        if self.label(node) is not None:
            return ATOM
        return self.format_leaf(node)[1] if getattr(node, "op", None) is None else get_precedence(node.op)

    def separate_scripts(self, pieces: list[TemplatePiece]) -> list[TemplatePiece]:
        """Put braces around a name with an index or exponent before it gets another one, which LaTeX refuses."""
        result: list[TemplatePiece] = []
        for position, piece in enumerate(pieces):
            after = pieces[position + 1] if position + 1 < len(pieces) else ""
            if isinstance(piece, str) or not isinstance(after, str) or after[:1] not in ("_", "^"):
                result.append(piece)
                continue
            inner = self.skip_transparent(piece[0])
            bare = self.precedence(inner) >= piece[1]
            result += ["{", piece, "}"] if bare and after[:1] in self.get_script_text(inner) else [piece]
        return result

    def get_script_text(self, node: Any) -> str:
        """Return the text in which there may be an index or exponent already."""
        label = self.label(node)
        if label is not None:
            return label
        if getattr(node, "op", None) is None:
            return self.format_leaf(node)[0]
        pieces = write_op(node.op, get_operands(node), node.settings)
        return "".join(piece for piece in pieces if isinstance(piece, str))

    def parenthesize(self) -> tuple[str, str]:
        return r"\left(", r"\right)"


def get_precedence(op: Op) -> int:
    return op.precedence if op.tex_precedence is None else op.tex_precedence


def write_op(op: Op, operands: tuple[Any, ...], settings: OpSettings) -> list[TemplatePiece]:
    if callable(op.tex):
        return op.tex(operands, settings)
    if op.tex is not None:
        return fill_template(op.tex, operands, get_precedence(op))
    result: list[TemplatePiece] = [rf"\mathrm{{{escape_latex(op.name)}}}("]
    for position, operand in enumerate(operands):
        result += [", ", (operand, 0)] if position else [(operand, 0)]
    return [*result, ")"]


def merge_signs(pieces: list[TemplatePiece]) -> list[TemplatePiece]:
    """Replace ``a + -b`` by ``a - b``."""
    result = list(pieces)
    for i in range(1, len(result)):
        sign, piece = result[i - 1], result[i]
        if isinstance(sign, str) and sign.endswith("+ ") and not isinstance(piece, str):
            operand, precedence = piece
            if getattr(getattr(operand, "op", None), "name", "") == "negative":
                result[i - 1 : i + 1] = [sign[:-2] + "- ", (get_operands(operand)[0], max(precedence, ADD) + 1)]
    return result


def latex(
    expr: Expr | Pattern | SymbolicModel, names: Names | None = None, limit: int = 300, shapes: bool = False
) -> str:
    r"""Write an expression or a pattern as a LaTeX formula.

    Elementwise products of arrays are written with :math:`\odot`, matrix products without a sign. Casts, and axes of
    length 1 that are inserted or removed, are omitted. Expressions with a name by `named` are written as that name;
    `formula` adds the definitions of the names.

    Parameters
    ----------
    expr : Expr, Pattern or Model
        The expression. Of a model, its output in terms of its layers, with their definitions, as in `formula`.
    names : mapping from Expr to str, optional
        Names for subexpressions; a name with a backslash is LaTeX already.
    limit : int
        Number of ops after which the rest is written as dots.
    shapes : bool
        Whether to write the shape of each variable below it.

    Returns
    -------
    str
        LaTeX for math mode.

    Examples
    --------
    >>> X, W1, b1 = pel.matrix("X"), pel.matrix("W1"), pel.vector("b1")
    >>> print(latex(pel.tanh(X @ W1 + b1) ** 2 / 2))
    \frac{\tanh(X W_{1} + b_{1})^{2}}{2}
    """
    if is_model(expr):
        return model_latex(expr, names, shapes)
    known = LatexNames(names or {})
    return render(check_printable(expr, "latex"), LatexNotation(known, limit, shapes), sys.maxsize, known)
