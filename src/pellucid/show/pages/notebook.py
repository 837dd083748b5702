"""Notebook displays of expressions and functions."""

from __future__ import annotations

from html import escape
from typing import Any

from pellucid import extension_points
from pellucid.graph.expr import Expr
from pellucid.graph.printing import get_own_name, text
from pellucid.graph.traversal import topological
from pellucid.show.formulas.formula import Formula
from pellucid.show.formulas.latex_names import name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.formulas.tex import latex
from pellucid.show.graphs.tree import tree
from pellucid.show.pages.formula_page import align

MAX_FORMULA = 400
"""Larger graphs are shown as truncated text."""


@extension_points.expression_latex.register
def expression_latex(expr: Expr) -> str:
    """Return an expression and the definitions of its names as LaTeX between dollars."""
    return rf"$\displaystyle {Formula(expr).latex()}$"


@extension_points.expression_html.register
def expression_html(expr: Expr) -> str:
    """Return an expression as a MathML formula with its type and a folded tree."""
    is_large = len(topological([expr])) > MAX_FORMULA
    formula = f"<code>{escape(text(expr, 60))}</code>" if is_large else latex_to_mathml(Formula(expr).latex())
    type_ = f'<span style="opacity: .6; font: 13px ui-monospace, monospace">{escape(str(expr.type))}</span>'
    if expr.op is None:
        return f"<div>{formula}{type_}</div>"
    return f"<div>{formula}<details><summary>{type_}</summary>{tree(expr)._repr_html_()}</details></div>"


@extension_points.function_html.register
def function_html(function: Any) -> str:
    r"""Return the inputs, outputs and updates of a function, :math:`w \leftarrow f(w)`, as HTML.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> page = function_html(pel.function([], w, updates={w: 2 * w}))
    >>> "function of ()" in page, "<math" in page, "&#x02190;" in page
    (True, True, True)
    """
    head, *rest = str(function).splitlines()
    program = function.program
    roots = [*program.outputs, *program.updates.values()]
    order = topological(roots)
    if len(order) > MAX_FORMULA:
        return f"<pre>{escape(str(function))}</pre>"
    lines = [rf"\text{{returns }} & {latex(e)}" for e in program.outputs]
    lines += [rf"{name_to_latex(text(s))} &\leftarrow {latex(e)}" for s, e in program.updates.items()]
    named = [e for e in reversed(order) if get_own_name(e) is not None and not any(e is root for root in roots)]
    lines += [r"\text{where } & "] * bool(named) + [
        f"{name_to_latex(get_own_name(e) or '')} &= {latex(e)}" for e in named
    ]
    return f"<div><code>{escape(head)}</code>{latex_to_mathml(align(lines)) if rest else ''}</div>"
