"""`Derivation`: the result of `derive`, with definitions, steps and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.rewriter import Journal
from pellucid.graph.traversal import topological
from pellucid.show.derivation_rules import GradientRule
from pellucid.show.renderers import Displayable, Page


@dataclass
class DerivationStep:
    """The gradient with respect to one expression.

    Attributes
    ----------
    name : str
        Name of the expression.
    expr : Expr
        The expression.
    gradient : Expr
        The gradient, in terms of the symbols of earlier steps.
    symbol : Expr
        The symbol of this gradient in later steps.
    rules : list of GradientRule
        Gradient rules that this step uses first.
    through : list of list of Expr
        For each path of the gradient: the expressions on it since the last step.
    notes : list of str
        Remarks, such as on broadcasting.
    value, gradient_value : array or None
        Values of the expression and its gradient, if input values were given.
    """

    name: str
    expr: Expr
    gradient: Expr
    symbol: Expr
    rules: list[GradientRule]
    through: list[list[Expr]]
    notes: list[str] = field(default_factory=list)
    value: Any = None
    gradient_value: Any = None


@dataclass(repr=False)
class Derivation(Displayable):
    """A gradient as numbered steps from the cost to the variables. Prints as text; see ``latex()`` and ``html()``.

    Attributes
    ----------
    cost : Expr
        The cost, as rewritten before differentiation.
    wrt : list of Expr
        The variables.
    gradients : list of Expr
        The results of `grad` for the variables.
    steps : list of DerivationStep
        Steps, from the cost backwards.
    definitions : dict from Expr to str
        Named expressions, in the order of computation.
    journal : Journal
        The rewrites of the cost.
    """

    cost: Expr
    wrt: list[Expr]
    gradients: list[Expr]
    steps: list[DerivationStep]
    definitions: dict[Expr, str]
    journal: Journal
    names: dict[Any, str]
    targets: list[Expr]
    given: dict[Expr, Any] | None = None

    @property
    def page_title(self) -> str:  # type: ignore[override]
        return f"The gradient of {self.names[self.cost]}"

    @property
    def results(self) -> list[DerivationStep]:
        """The steps of the variables, in the order of ``wrt``."""
        by_expr = {s.expr: s for s in self.steps}
        return [by_expr[e] for e in self.targets]

    def evaluate_steps(self, given: Mapping[Expr, Any]) -> dict[Expr, Any]:
        """Evaluate the steps one after another, and return the value of each symbol."""
        values: dict[Expr, Any] = dict(given)
        for step in self.steps:
            with np.errstate(all="ignore"):
                # Intermediate values are kept, so that a long chain is computed once.
                [values[step.symbol]] = evaluate(np, [step.gradient], values, values.__setitem__)
        return values

    def max_error(self) -> float:
        """Return the largest difference between the steps and `grad`, relative to the largest element of the gradient.

        Raises
        ------
        ValueError
            If the derivation has no values.
        """
        if self.given is None:
            raise OptionError("Checking the steps needs values: pel.derive(cost, wrt, values={...})")
        values = self.evaluate_steps(self.given)
        largest = 0.0
        for step, gradient in zip(self.results, self.gradients, strict=True):
            with np.errstate(all="ignore"):
                [expected] = evaluate(np, [gradient], self.given)
            found = np.broadcast_to(values[step.symbol], expected.shape)
            scale = max(float(np.abs(expected).max(initial=0.0)), np.finfo(expected.dtype).tiny)
            largest = max(largest, float(np.abs(found - expected).max(initial=0.0)) / scale)
        return largest

    def write(self, page: Page) -> None:
        from pellucid.show.derivation_renderers import DerivationWriter

        DerivationWriter(self, page).write()


def collect_leaves(expressions: Sequence[Expr]) -> list[Expr]:
    """Return inputs, followed by shared variables."""
    leaves = [e for e in topological(expressions) if e.op is None and not isinstance(e, Constant)]
    return sorted(leaves, key=lambda e: isinstance(e, Shared))
