r"""`formula` and `latex_definitions`: expressions with the definitions of the names in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.printing import get_own_name, text
from pellucid.graph.traversal import topological
from pellucid.show.formulas.latex_names import domain_to_latex, name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.formulas.model_expressions import SymbolicModel, get_model_expressions, is_model
from pellucid.show.formulas.scan_recurrences import ScanRenderer, find_scan_result
from pellucid.show.pages.formula_page import Displayable, LatexStyle, Line, Names, Style, TextStyle, align, align_lines


class Formula(Displayable):
    """An expression with the definitions of the named expressions in it.

    Attributes
    ----------
    expr : Expr
        The expression.
    named : dict from Expr to str
        The named expressions in it, each after those that use it.
    """

    names: dict[Any, str]

    expr: Expr
    shapes: bool

    page_title = "Formula"

    def __init__(self, expr: Expr, names: Names | None = None, shapes: bool = False) -> None:
        self.expr, self.names, self.shapes = expr, dict(names or {}), shapes
        self.named: dict[Expr, str] = {
            e: name
            for e in reversed(topological([expr]))
            if e is not expr and e.op is not None and (name := self.names.get(e) or get_own_name(e)) is not None
        }

    @property
    def leaves(self) -> list[Expr]:
        """Inputs and shared variables, in topological order."""
        return [e for e in topological([self.expr]) if e.op is None and not isinstance(e, Constant)]

    def write_lines(self, style: Style) -> tuple[list[Line], list[tuple[Line, Expr | None]]]:
        """Return the lines of the expression, and those of the definitions with the expression they define.

        A scan is several lines. The left side is empty if the expression has no name.
        """
        names = {e: style.name(name) for e, name in {**self.names, **self.named}.items()}
        roots = {e: exclude(names, e) if e.op is not None else names for e in (self.expr, *self.named)}
        used = [*names.values(), *(style.name(e.name) for e in self.leaves if e.name)]
        renderer = ScanRenderer(style, roots.items(), used)
        name = None if self.expr.op is None else self.names.get(self.expr, get_own_name(self.expr))
        own = style.name(name) if name else renderer.new_symbol("h") if find_scan_result(self.expr) else ""
        whole = renderer.write_formula(self.expr, own, roots[self.expr])
        definitions: list[tuple[Line, Expr | None]] = []
        if whole[-1].left == own:  # otherwise, the recurrence of a scan is the formula itself
            definitions += [(line, None) for line in whole[:-1]]
            whole = whole[-1:]
        for e in self.named:
            *before, last = renderer.write_formula(e, names[e], roots[e])
            definitions += [*((line, None) for line in before), (last, e)]
        return whole, definitions

    def __str__(self) -> str:
        whole, definitions = self.write_lines(TextStyle(500))
        lines = [f"{line.left} = {line.right}" if line.left else line.right for line in whole]
        width = max((len(f"{line.left} = {line.right}") for line, _ in definitions), default=0)
        for number, (line, e) in enumerate(definitions):
            shown = f"{'where ' if number == 0 else '      '}{line.left} = {line.right}"
            lines.append(f"{shown:{width + 6}}    {e.type}" if self.shapes and e is not None else shown)
        if self.shapes:
            lines += [f"  {text(e)}: {e.type}" for e in self.leaves]
        return "\n".join(lines)

    def latex(self) -> str:
        """Return the formula as LaTeX for math mode."""
        whole, definitions = self.write_lines(LatexStyle())

        def write_domain(e: Expr) -> str:
            return rf"\in {domain_to_latex(e.shape, e.dtype)}"

        shown = [
            f"{line.left} &= {line.right}" + (rf" \quad {write_domain(e)}" if self.shapes and e is not None else "")
            for line, e in definitions
        ]
        shown += [f"{name_to_latex(text(e))} &{write_domain(e)}" for e in self.leaves if self.shapes]
        if not shown and len(whole) == 1:
            return " = ".join(filter(None, (whole[0].left, whole[0].right)))
        lines = [f"{line.left} &= {line.right}" if line.left else f"& {line.right}" for line in whole]
        return align([*lines, *([r"\text{where } & ", *shown] if shown else [])])

    def _repr_html_(self) -> str:
        return latex_to_mathml(self.latex())


def formula(expr: Expr | SymbolicModel, names: Names | None = None, shapes: bool = False) -> Formula:
    r"""Write an expression with the definitions of its names: :math:`p = f(h)` *where* :math:`h = g(x)`.

    Parameters
    ----------
    expr : Expr or Model
        The expression. Of a model, its output in inference mode, with the symbols of `explain` for layers, inputs and
        parameters: :math:`h_1 = \tanh(x W_1 + b_1)`.
    names : mapping from Expr to str, optional
        Names for subexpressions, in addition to names by `named`.
    shapes : bool
        Whether to print the shape of each name and leaf.

    Returns
    -------
    Formula
        Prints as text and displays as mathematics in a notebook. It has ``latex()`` and ``html()``.

    Raises
    ------
    TypeError
        If ``expr`` is not an expression or a model.
    ModelError
        If a model is not built.
    ValueError
        If a name belongs to an expression that is not part of ``expr``.

    Examples
    --------
    >>> X, W1, W2 = pel.matrix("X", shape=("n", 2)), pel.matrix("W1", shape=(2, 3)), pel.matrix("W2", shape=(3, 2))
    >>> h = pel.named("h", pel.tanh(X @ W1))
    >>> print(pel.formula(pel.softmax(h @ W2)))
    softmax(h @ W2)
    where h = tanh(X @ W1)
    """
    if is_model(expr):
        expr = get_model_expressions(expr).get_output("pel.formula")
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression or a model: pel.formula(x + y). Received: {expr!r}")
    inside = set(topological([expr]))
    for e, name in (names or {}).items():
        if e not in inside:
            known = [get_own_name(i) or text(i, 20) for i in inside]
            raise OptionError(
                f"The name {name!r} is for {text(e, 40)}, which is not part of the expression.{near_miss(name, known)}"
            )
    return Formula(expr, names, shapes)


def exclude(names: Names, e: Expr) -> dict[Any, str]:
    return {other: name for other, name in names.items() if other is not e}


def latex_definitions(named: Mapping[str, Any] | Sequence[tuple[str, Any]], limit: int = 300) -> str:
    r"""Write several expressions, one per line, each in terms of the names of the others.

    A `scan` in them is written as its recurrence, :math:`h_t = f(x_t, h_{t-1})`.

    Parameters
    ----------
    named : mapping from str to Expr, or such pairs
        The expressions in order; a name with a backslash is LaTeX already.
    limit : int
        Number of ops in a line after which the rest is written as dots.

    Returns
    -------
    str
        A ``split`` environment for math mode.

    Examples
    --------
    >>> X, W1, W2 = pel.matrix("X"), pel.matrix("W1"), pel.matrix("W2")
    >>> h = pel.tanh(X @ W1)
    >>> print(latex_definitions({"h": h, "p": pel.softmax(h @ W2)}))
    \begin{split}
    h &= \tanh(X W_{1}) \\
    p &= \operatorname{softmax}(h W_{2})
    \end{split}
    """
    pairs = list(named.items()) if isinstance(named, Mapping) else list(named)
    names: dict[Any, str] = {e: name_to_latex(name) for name, e in pairs}
    leaves = [name_to_latex(e.name) for e in topological([e for _, e in pairs]) if e.name]
    roots = [(e, exclude(names, e)) for _, e in pairs]
    renderer = ScanRenderer(LatexStyle(limit), roots, [*names.values(), *leaves])
    return align_lines(
        line for name, e in pairs for line in renderer.write_formula(e, name_to_latex(name), exclude(names, e))
    )
