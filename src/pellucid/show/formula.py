r"""A whole formula: what an expression is, and what each name in it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.text import own_name, text
from pellucid.graph.walk import topological
from pellucid.show.letters import domain_tex, name_tex
from pellucid.show.mathml import mathml, page
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

    def definition(self, e: Expr, write: Any) -> str:
        """Write an expression in terms of the names of the others."""
        own = {other: name for other, name in self.named.items() if other is not e}
        written: str = write(e, {**self.names, **own} if e.op is None else {**without(self.names, e), **own})
        return written

    @property
    def letters(self) -> list[Expr]:
        """The inputs and shared variables, in the order in which the formula meets them."""
        return [e for e in topological([self.expr]) if e.op is None and not isinstance(e, Constant)]

    def __str__(self) -> str:
        lines = [self.definition(self.expr, lambda e, names: text(e, names=names))]
        defined = [(n, self.definition(e, lambda e, names: text(e, names=names)), e) for e, n in self.named.items()]
        width = max((len(f"{n} = {d}") for n, d, _ in defined), default=0)
        for place, (name, definition, e) in enumerate(defined):
            line = f"{'where ' if place == 0 else '      '}{name} = {definition}"
            lines.append(f"{line:{width + 6}}    {e.type}" if self.shapes else line)
        if self.shapes:
            lines += [f"  {text(e)}: {e.type}" for e in self.letters]
        return "\n".join(lines)

    __repr__ = __str__

    def latex(self) -> str:
        """Return the formula as a ``split`` block, for mathematics mode."""

        def write(e: Expr, names: Names) -> str:
            return latex(e, names)

        main = self.definition(self.expr, write)
        lines = [f"{name_tex(name)} &= {self.definition(e, write)}" + self.domain(e) for e, name in self.named.items()]
        letters = [rf"{name_tex(text(e))} &\in {domain_tex(e.shape, e.dtype)}" for e in self.letters]
        shown = lines + letters if self.shapes else lines
        if not shown:
            return main
        return "\\begin{split}\n" + " \\\\\n".join([f"& {main}", r"\text{where } & ", *shown]) + "\n\\end{split}"

    def domain(self, e: Expr) -> str:
        """Write where the values of a named expression lie, if dimensions are wanted."""
        return rf" \quad \in {domain_tex(e.shape, e.dtype)}" if self.shapes else ""

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
