"""A derivation as data: the definitions on the way, the steps back, and the numbers of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.rewriter import Journal
from pellucid.show.derivation_rules import RuleUse


@dataclass
class DerivationStep:
    """The gradient with respect to one expression.

    Attributes
    ----------
    name : str
        What the expression is called.
    expr : Expr
        The expression.
    gradient : Expr
        The gradient with respect to it, in terms of the letters of earlier steps.
    letter : Expr
        The letter that stands for this gradient in later steps.
    rules : list of RuleUse
        The gradient rules that are used here for the first time.
    through : list of list of Expr
        For each path on which a gradient arrives: the expressions it came through since the last step.
    notes : list of str
        What else is to be said, such as a broadcast that is undone.
    value, gradient_value : array or None
        Their numbers, if values were given.
    """

    name: str
    expr: Expr
    gradient: Expr
    letter: Expr
    rules: list[RuleUse]
    through: list[list[Expr]]
    notes: list[str] = field(default_factory=list)
    value: Any = None
    gradient_value: Any = None


@dataclass
class Derivation:
    """How a gradient comes about: definitions, and numbered steps from the cost back to what was asked for.

    Printed as text; LaTeX by ``latex()``, a page by ``html()``, mathematics in a notebook.

    Attributes
    ----------
    cost : Expr
        The cost as it was rewritten before it was differentiated.
    wrt : list of Expr
        With respect to what.
    gradients : list of Expr
        What `grad` returns for each.
    steps : list of DerivationStep
        From the cost backwards.
    definitions : dict from Expr to str
        The expressions with a name, in the order of computation.
    journal : Journal
        What was rewritten first.
    """

    cost: Expr
    wrt: list[Expr]
    gradients: list[Expr]
    steps: list[DerivationStep]
    definitions: dict[Expr, str]
    journal: Journal
    names: dict[Any, str]
    given: dict[Expr, Any] | None = None

    @property
    def bars(self) -> dict[Any, str]:
        """The names of everything, those of the gradients among them."""
        return {**self.names, **{s.letter: f"{s.name}_bar" for s in self.steps}}

    @property
    def results(self) -> list[DerivationStep]:
        """The steps at which what was asked for is reached, in the order in which it was asked for."""
        by_name = {s.expr: s for s in self.steps}
        return [by_name[e] for e in self.targets]

    targets: list[Expr] = field(default_factory=list)

    def values(self, given: Mapping[Expr, Any]) -> dict[Expr, Any]:
        """Carry the steps out one after another, on numbers, and return what each letter stands for."""
        known: dict[Expr, Any] = dict(given)
        for step in self.steps:
            with np.errstate(all="ignore"):
                # What a step computes is kept, so that of a long chain each link is computed once.
                [known[step.letter]] = evaluate(np, [step.gradient], known, known.__setitem__)
        return known

    def gap(self) -> float:
        """Return the largest difference between what the steps give and what `grad` gives, relative to the largest.

        Raises
        ------
        ValueError
            If the derivation was made without values.
        """
        if self.given is None:
            raise OptionError("The steps are checked on numbers. Give them: pel.derive(cost, wrt, values={...})")
        known = self.values(self.given)
        largest = 0.0
        for step, gradient in zip(self.results, self.gradients, strict=True):
            with np.errstate(all="ignore"):
                [expected] = evaluate(np, [gradient], self.given)
            found = np.broadcast_to(known[step.letter], expected.shape)
            scale = max(float(np.abs(expected).max(initial=0.0)), np.finfo(expected.dtype).tiny)
            largest = max(largest, float(np.abs(found - expected).max(initial=0.0)) / scale)
        return largest

    def __str__(self) -> str:
        from pellucid.show.derivation_renderers import as_text

        return as_text(self)

    __repr__ = __str__

    def latex(self) -> str:
        """Return the definitions and the steps as a ``split`` block, for mathematics mode."""
        from pellucid.show.derivation_renderers import as_latex

        return as_latex(self)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        from pellucid.show.derivation_renderers import as_html

        return as_html(self)

    def html(self, title: str = "") -> str:
        """Return a page that holds the derivation and asks no network.

        Parameters
        ----------
        title : str
            Its heading; without it, what is derived.
        """
        from pellucid.show.mathml import page

        return page(title or f"The gradient of {self.names[self.cost]}", self._repr_html_())


def letters_in(expressions: Sequence[Expr]) -> list[Expr]:
    """Return the leaves that have a name, inputs first and shared variables after, each in the order they are met."""
    from pellucid.graph.traversal import topological

    leaves = [e for e in topological(expressions) if e.op is None and not isinstance(e, Constant)]
    return [e for e in leaves if not isinstance(e, Shared)] + [e for e in leaves if isinstance(e, Shared)]
