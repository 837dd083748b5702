"""An expression as a notebook shows it: its formula, and the tree below it to be unfolded."""

from __future__ import annotations

from html import escape

from pellucid.graph.expr import Expr
from pellucid.graph.text import text
from pellucid.graph.walk import topological
from pellucid.show.mathml import mathml
from pellucid.show.tex import notebook
from pellucid.show.tree import tree

LARGEST_FORMULA = 400
"""Graphs of more expressions than this are written as text, cut short."""


def expression_html(expr: Expr) -> str:
    """Write an expression in HTML, without a script and without a network.

    Parameters
    ----------
    expr : Expr
        What to show.

    Returns
    -------
    str
        A formula in MathML with its dtype and shape, and its tree, folded.

    Examples
    --------
    >>> import pellucid as pel
    >>> page = expression_html(pel.tanh(pel.vector("x")))
    >>> "<math" in page, "<details>" in page
    (True, True)
    """
    large = len(topological([expr])) > LARGEST_FORMULA
    formula = f"<code>{escape(text(expr, 60))}</code>" if large else mathml(notebook(expr).strip("$"))
    told = f'<span style="opacity: .6; font: 13px ui-monospace, monospace">{escape(str(expr.type))}</span>'
    if expr.op is None:
        return f"<div>{formula}{told}</div>"
    return f"<div>{formula}<details><summary>{told}</summary>{tree(expr)._repr_html_()}</details></div>"
