"""Rewriting: an expression after each rewrite of the simplifier."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.rewrite_rule import PHASES
from pellucid.graph.rewriter import Journal, RewriteStep, simplify
from pellucid.graph.substitution import replace
from pellucid.graph.traversal import topological
from pellucid.live.views.base import FigureContext, View
from pellucid.run.function_builder import function
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.formulas.tex import latex
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plot_style import new_figure
from pellucid.typing import Array, Json

__all__ = ["Rewriting", "rewriting"]

MARK = "changedpart"
"""Name in formulas at the place of the part that a rewrite changes."""

Names = dict[Expr, str]


class Rewriting(View):
    values: dict[Input, Array]

    expression: Expr
    reasons: dict[str, str]

    kind = "rewriting"

    def __init__(self, expression: Expr, values: Mapping[Input, Array], reasons: Mapping[str, str], title: str) -> None:
        super().__init__(title)
        if not isinstance(expression, Expr):
            raise UseError(f"pel.live.rewriting: expected an expression. Received: {expression!r}")
        self.journal: Journal = Journal()
        self.last: Expr = simplify(expression, journal=self.journal)
        self.expression, self.values, self.reasons = expression, dict(values), dict(reasons)
        if not self.journal.steps:
            raise OptionError(
                f"pel.live.rewriting: expected an expression that a rule rewrites. None does: {expression}"
            )

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        names: Names = {}
        whole, steps = self.expression, []
        formulas = [latex(whole)]
        values = [self.evaluate(whole)]
        for step in self.journal.steps:
            before, whole = whole, apply_step(whole, step)
            name_by_call(step, names)
            formulas.append(latex(whole, names))
            values.append(self.evaluate(whole))
            steps.append(
                {
                    "rule": step.rule.name.replace("_", " "),
                    "phase": f"{step.rule.family}: {PHASES[step.rule.family]}",
                    "pattern": str(step.rule),
                    "reason": self.reasons.get(step.rule.name, ""),
                    "before": mark_part(before, step.before, names),
                    "after": mark_part(whole, step.after, names),
                }
            )
        given = ", ".join(f"{i} = {format_array(value)}" for i, value in self.values.items())
        shared: dict[str, Json] = {"kind": self.kind, "title": self.title}
        start = latex_to_mathml(formulas[0])
        return shared, {"start": start, "steps": steps, "given": given, "values": values}

    def evaluate(self, e: Expr) -> str | None:
        """Return the value of an expression as it is written, in float32; None without values."""
        if not self.values:
            return None
        inputs = [i for i in topological([e]) if isinstance(i, Input)]
        f = function(inputs, e, rewrite=False, mode="numpy")
        with np.errstate(all="ignore"):
            return format_array(f(*(np.asarray(self.values[i], i.dtype) for i in inputs)))

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        """Return the formulas one below the other."""
        whole, lines = self.expression, [("written", self.expression)]
        for step in self.journal.steps:
            whole = apply_step(whole, step)
            lines.append((step.rule.name.replace("_", " "), whole))
        picture = new_figure(6.4, 0.6 + 0.7 * len(lines))
        for k, (rule, e) in enumerate(lines):
            y = 1 - (k + 0.5) / len(lines)
            picture.text(0.03, y, rule, va="center", fontsize=10)
            picture.text(0.35, y, str(e), va="center", fontsize=12, family="monospace")
        words = "; ".join(f"{rule}: {e}" for rule, e in lines)
        return Picture(picture, f"{words}.", self.title)


def apply_step(whole: Expr, step: RewriteStep) -> Expr:
    """Return the whole expression after a step changed a part of it."""
    result: Expr = replace(whole, {step.before: step.after})
    return result


def name_by_call(step: RewriteStep, names: Names) -> None:
    """Add a name for the result of a step whose formula looks like what it replaces: the call of its op."""
    after = step.after
    if after.op is not None and latex(step.before, names) == latex(after, names):
        operands = ", ".join(latex(i, names) for i in after.inputs)
        op = after.op.name.replace("_", r"\_")
        names[after] = rf"\operatorname{{{op}}}({operands})"


def mark_part(whole: Expr, part: Expr, names: Names) -> str:
    """Return a formula as MathML in which a part is marked."""
    inner = strip_root(latex_to_mathml(latex(part, names)))
    marked = latex_to_mathml(latex(whole, {**names, part: rf"\text{{{MARK}}}"}))
    return re.sub(rf"<mtext[^>]*>{MARK}</mtext>", f'<mrow class="changed">{inner}</mrow>', marked)


def strip_root(formula: str) -> str:
    """Return the content of a MathML formula."""
    return re.sub(r"^<math[^>]*>|</math>$", "", formula)


def format_array(value: Array) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.7g}"
    return f"({', '.join(f'{v:.7g}' for v in array.ravel().tolist())})"


def rewriting(
    expression: Expr,
    values: Mapping[Input, Array] | None = None,
    *,
    reasons: Mapping[str, str] | None = None,
    title: str = "Rewriting",
) -> Rewriting:
    """Expression after each rewrite of the simplifier, with the rule and the changed part, as a slider.

    Parameters
    ----------
    expression : Expr
        The expression as it is written.
    values : dict from Input to array, optional
        Values of the inputs. The view then shows the value of the expression after each rewrite.
    reasons : dict from str to str, optional
        A sentence about a rule, by its name.
    title : str
        Title of the view.

    Returns
    -------
    Rewriting

    Raises
    ------
    UseError, OptionError
        If the argument is not an expression, or no rule rewrites it.

    Examples
    --------
    >>> z = pel.vector("z")
    >>> pel.live.rewriting(pel.log(pel.exp(z).sum())).last
    logsumexp(z)
    """
    return Rewriting(expression, values or {}, reasons or {}, title)
