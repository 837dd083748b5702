"""Expressions and functions as a notebook shows them: formulas, and what is below them to be unfolded."""

from __future__ import annotations

from html import escape
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.printing import own_name, text
from pellucid.graph.traversal import topological
from pellucid.show.latex_names import name_tex
from pellucid.show.mathml import mathml
from pellucid.show.tex import latex, notebook
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


def function_html(function: Any) -> str:
    r"""Write a function in HTML: what it is given, what it returns, and its updates as :math:`w \leftarrow f(w)`.

    Parameters
    ----------
    function : Function
        What to show.

    Returns
    -------
    str
        A line of text, and formulas in MathML; text where the graph is large.

    Examples
    --------
    >>> import pellucid as pel
    >>> w = pel.shared(1.0, "w")
    >>> page = function_html(pel.function([], w, updates={w: 2 * w}))
    >>> "function of ()" in page, "<math" in page, "&#x02190;" in page
    (True, True, True)
    """
    head, *told = str(function).splitlines()
    program = function.program
    made = [*program.outputs, *program.updates.values()]
    order = topological(made)
    if len(order) > LARGEST_FORMULA:
        return f"<pre>{escape(str(function))}</pre>"
    lines = [rf"\text{{returns }} & {latex(e)}" for e in program.outputs]
    lines += [rf"{name_tex(text(s))} &\leftarrow {latex(e)}" for s, e in program.updates.items()]
    named = [e for e in reversed(order) if own_name(e) is not None and not any(e is m for m in made)]
    lines += [r"\text{where } & "] * bool(named) + [f"{name_tex(own_name(e) or '')} &= {latex(e)}" for e in named]
    formulas = "\\begin{split}\n" + " \\\\\n".join(lines) + "\n\\end{split}"
    return f"<div><code>{escape(head)}</code>{mathml(formulas) if told else ''}</div>"
