r"""A whole formula: what an expression is, and what each name in it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.printing import own_name, text
from pellucid.graph.traversal import topological
from pellucid.show.latex_names import domain_tex, name_tex
from pellucid.show.mathml import mathml, page
from pellucid.show.recurrences import Latex, Line, Plain, Style, loop_result
from pellucid.show.scan_recurrences import Unfolding
from pellucid.show.tex import latex

Names = Mapping[Any, str]


class Formula:
    """An expression in terms of the named expressions in it, and these in terms of one another.

    Attributes
    ----------
    expr : Expr
        What the formula is of.
    named : dict from Expr to str
        The named expressions in it, each after those that use it.
    """

    def __init__(self, expr: Expr, names: Names | None = None, shapes: bool = False) -> None:
        self.expr = expr
        self.names = dict(names or {})
        self.shapes = shapes
        used = used_names(expr, self.names)
        self.named = {e: used[e] for e in reversed(topological([expr])) if e in used}

    @property
    def letters(self) -> list[Expr]:
        """The inputs and shared variables, in the order in which the formula meets them."""
        return [e for e in topological([self.expr]) if e.op is None and not isinstance(e, Constant)]

    def lines(self, style: Style, spelled: Callable[[str], str]) -> tuple[list[Line], list[tuple[Line, Expr | None]]]:
        """Write the whole, and what each name stands for, with the expression that the line is of.

        A loop is written as its recurrence, in several lines. The whole has no left side if it has no name.
        """
        names = {e: spelled(name) for e, name in {**self.names, **self.named}.items()}
        roots = {e: without(names, e) if e.op is not None else names for e in (self.expr, *self.named)}
        used = [*names.values(), *(spelled(e.name) for e in self.letters if e.name)]
        unfolding = Unfolding(style, roots.items(), used, spelled)
        name = None if self.expr.op is None else self.names.get(self.expr, own_name(self.expr))
        own = spelled(name) if name else unfolding.letter("h") if loop_result(self.expr) else ""
        whole = unfolding.formula(self.expr, own, roots[self.expr])
        inside = whole[:-1] if whole[-1][0] == own else []
        del whole[: len(inside)]
        defined: list[tuple[Line, Expr | None]] = [(line, None) for line in inside]
        for e in self.named:
            *before, last = unfolding.formula(e, names[e], roots[e])
            defined += [*((line, None) for line in before), (last, e)]
        return whole, defined

    def __str__(self) -> str:
        whole, defined = self.lines(Plain(lambda e, names: text(e, names=names)), str)
        lines = [f"{left} = {right}" if left else right for left, right in whole]
        width = max((len(f"{left} = {right}") for (left, right), _ in defined), default=0)
        for place, ((left, right), e) in enumerate(defined):
            line = f"{'where ' if place == 0 else '      '}{left} = {right}"
            lines.append(f"{line:{width + 6}}    {e.type}" if self.shapes and e is not None else line)
        if self.shapes:
            lines += [f"  {text(e)}: {e.type}" for e in self.letters]
        return "\n".join(lines)

    __repr__ = __str__

    def latex(self) -> str:
        """Return the formula as a ``split`` block, for mathematics mode."""
        whole, defined = self.lines(Latex(lambda e, names: latex(e, names)), name_tex)
        shown = [f"{left} &= {right}{self.domain(e)}" for (left, right), e in defined]
        if self.shapes:
            shown += [rf"{name_tex(text(e))} &\in {domain_tex(e.shape, e.dtype)}" for e in self.letters]
        if not shown and len(whole) == 1:
            return " = ".join(filter(None, whole[0]))
        lines = [f"{left} &= {right}" if left else f"& {right}" for left, right in whole]
        told = [r"\text{where } & ", *shown] if shown else []
        return "\\begin{split}\n" + " \\\\\n".join([*lines, *told]) + "\n\\end{split}"

    def domain(self, e: Expr | None) -> str:
        """Write where the values of a named expression lie, if dimensions are wanted."""
        return rf" \quad \in {domain_tex(e.shape, e.dtype)}" if self.shapes and e is not None else ""

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        return mathml(self.latex())

    def html(self, title: str = "Formula") -> str:
        """Return a page that holds the formula and asks no network."""
        return page(title, self._repr_html_())


def formula(expr: Expr, names: Names | None = None, shapes: bool = False) -> Formula:
    r"""Write an expression as a whole formula: :math:`p = f(h)` *where* :math:`h = g(x)`.

    Parameters
    ----------
    expr : Expr
        What to write.
    names : mapping from Expr to str, optional
        Subexpressions at which the formula stops, beside those that have a name by `named`.
    shapes : bool
        Whether to say the dimensions of every name and letter.

    Returns
    -------
    Formula
        Printed as text; LaTeX by ``latex()``, a page by ``html()``, and shown as mathematics in a notebook.

    Raises
    ------
    TypeError
        If something is no expression.
    ValueError
        If a name is given to something that does not stand in the expression.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, W1, W2 = pel.matrix("X", shape=("n", 2)), pel.matrix("W1", shape=(2, 3)), pel.matrix("W2", shape=(3, 2))
    >>> h = pel.named("h", pel.tanh(X @ W1))
    >>> print(pel.formula(pel.softmax(h @ W2)))
    softmax(h @ W2)
    where h = tanh(X @ W1)
    """
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression: pel.formula(x + y). Received: {expr!r}")
    inside = set(topological([expr]))
    for e, name in (names or {}).items():
        if e not in inside:
            known = [own_name(i) or text(i, 20) for i in inside]
            raise OptionError(f"{name!r} is to name {text(e, 40)}, which stands nowhere in it.{near_miss(name, known)}")
    return Formula(expr, names, shapes)


def used_names(expr: Expr, names: Names) -> dict[Expr, str]:
    """Return the named expressions inside another, but not what only stands behind itself."""
    found: dict[Expr, str] = {}
    for e in topological([expr]):
        name = names.get(e) or own_name(e)
        if name is not None and e is not expr and e.op is not None:
            found[e] = name
    return found


def without(names: Names, e: Expr) -> dict[Any, str]:
    """Return names less that of one expression."""
    return {other: name for other, name in names.items() if other is not e}
