"""Pages of derivations and gradient rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.expr import Constant, Input, Shared
from pellucid.graph.gradient import grad_barrier
from pellucid.graph.precedence import COMPARE
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape
from pellucid.show.derivations.derive import Derivation, DerivationStep
from pellucid.show.derivations.gradient_rules import GradientRule
from pellucid.show.formulas.scan_recurrences import ScanRenderer, find_scan_results
from pellucid.show.formulas.window_sums import index_name, write_window_sum
from pellucid.show.pages.formula_page import Line, Math, Page, Style
from pellucid.show.pages.input_values import format_number

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

INDENT = 5


class DerivationWriter:
    derivation: Derivation
    page: Page

    def __init__(self, derivation: Derivation, page: Page) -> None:
        self.derivation, self.page = derivation, page
        bars = {s.symbol: page.bar(s.name) for s in derivation.steps}
        self.names = {**{e: page.name(n) for e, n in derivation.names.items()}, **bars}
        for e in topological([derivation.cost]):
            if e.op is not None and e.op.name == "cast" and e.inputs[0].op is None and e not in self.names:
                self.names[e] = page.write(e.inputs[0], {})
        self.leaves: list[Expr] = [
            e for e in topological([derivation.cost]) if e.op is None and not isinstance(e, Constant)
        ]
        used = [*self.names.values(), *(page.name(e.name) for e in self.leaves if e.name)]
        self.renderer: ScanRenderer = ScanRenderer(
            page, [(step.gradient, self.names) for step in derivation.steps], used
        )

    def write(self) -> None:
        page, derivation = self.page, self.derivation
        cost = page.name(derivation.names[derivation.cost])
        variables = ", ".join(f"{s.name} {format_shape(s.expr.shape)}" for s in derivation.results)
        page.note("The gradient of ", Math(cost), f" with respect to {variables}")
        page.heading("Formula")
        self.write_definitions()
        for label, kind in (("inputs: ", Input), ("parameters: ", Shared)):
            page.symbols([(text(e), e, "") for e in self.leaves if isinstance(e, kind)], label=label)
        visible = [s for s in derivation.journal.steps if text(s.before, 80) != text(s.after, 80)]
        if visible:
            rules = dict.fromkeys(s.rule.name.replace("_", " ") for s in visible)
            page.note(f"Rewritten before differentiation by: {', '.join(rules)}.", indent=2)
        partial = rf" = \frac{{\partial {cost}}}{{\partial z}}" if page.is_latex else ""
        bar = Math(page.bar("z") + partial)
        page.heading("Backward pass", bar, " is the gradient of ", Math(cost), " with respect to ", Math("z"))
        for number, step in enumerate(derivation.steps, start=1):
            page.step(number)
            self.write_step(step)
        page.end_steps()
        self.write_results()
        if derivation.given is not None:
            error = derivation.max_error()
            difference = f"differ from pel.grad by {format_number(error, 2)} of its largest element"
            page.heading(
                "Check", f"The values of the steps {difference if error else 'equal those of pel.grad exactly'}."
            )

    def write_definitions(self) -> None:
        lines: list[Line] = []
        for e, name in self.derivation.definitions.items():
            body = e.inputs[0] if e.op is grad_barrier.op else e
            others = {o: n for o, n in self.names.items() if o is not e and o is not body}
            lines += self.renderer.write_formula(body, self.page.name(name), others)
        self.page.equations(lines)

    def write_step(self, step: DerivationStep) -> None:
        page = self.page
        page.equations(self.renderer.write_formula(step.gradient, page.bar(step.name), self.names), INDENT)
        for rule in step.rules:
            page.note(*describe_rule(rule, page), indent=INDENT)
            if rule.sums:
                page.note(*describe_sums(rule, page), indent=INDENT)
        for note in step.notes:
            name = [Math(page.name(step.name))] if note.startswith(f"{step.name} ") else []
            page.note("(", *name, note.removeprefix(step.name) if name else note, ")", indent=INDENT)
        if step.gradient_value is not None:
            page.values([(page.name(step.name), step.value), (page.bar(step.name), step.gradient_value)], INDENT)

    def write_results(self) -> None:
        """Write the results of `grad` that differ from the last step, and in which step the others are."""
        symbols = {s.symbol for s in self.derivation.steps}
        lines: list[Line] = []
        complete, recurrent = list[DerivationStep](), list[DerivationStep]()
        for step, gradient in zip(self.derivation.results, self.derivation.gradients, strict=True):
            if not symbols & set(topological([step.gradient])):
                complete.append(step)
            elif find_scan_results(gradient, self.names):
                recurrent.append(step)
            else:
                lines.append(Line(self.page.bar(step.name), self.page.write(gradient, self.names)))
        if not lines and not recurrent:
            return
        self.page.heading("Result of pel.grad")
        if lines:
            self.page.equations(lines, is_extra=True)
        self.write_omitted(complete, "it uses no other gradient")
        self.write_omitted(recurrent, "pel.grad computes a sum over t in one scan, from the last step to the first")

    def write_omitted(self, steps: list[DerivationStep], reason: str) -> None:
        """Write where the gradients are that the results do not repeat, and why."""
        for number, step in enumerate(self.derivation.steps, start=1):
            if any(step is each for each in steps):
                self.page.note(Math(self.page.bar(step.name)), f" is in step {number}: {reason}", indent=2)


def describe_rule(rule: GradientRule, style: Style) -> list[str]:
    if rule.result is None:
        return [rule.description]
    forward, gradients = write_rule(rule, style)
    separator = r", \quad " if style.is_latex else ", "
    return [f"{rule.description}: ", Math(forward), " gives ", Math(separator.join(gradients))]


def describe_sums(rule: GradientRule, style: Style) -> list[str]:
    """Return the elements of the gradients as sums over windows."""
    assert rule.result is not None
    [bar] = [name for name in rule.names.values() if name.endswith("_bar")]
    names = {role: style.name(rule.names.get(i, "")) for role, i in zip("xw", rule.result.inputs, strict=False)}
    names["g"] = style.bar(bar.removesuffix("_bar"))
    spans: list[str] = ["element by element, with 0 outside of an array: "]
    for operand, one in rule.sums:
        left = index_name(style.bar(rule.names[operand]), one.target, style)
        spans += ["; "] * (len(spans) > 1) + [Math(f"{left} = {write_window_sum(one, names, style)}")]
        spans += [f" {one.condition}"] if one.condition and style.is_latex else []
    return spans


def write_rule(rule: GradientRule, style: Style) -> tuple[str, list[str]]:
    """Return the formula of an op on symbols, and of the gradient with respect to each operand."""
    assert rule.result is not None
    names = {
        e: style.bar(name.removesuffix("_bar")) if name.endswith("_bar") else style.name(name)
        for e, name in rule.names.items()
    }
    written = style.write(rule.result, {e: name for e, name in names.items() if e is not rule.result})
    if rule.op.precedence <= COMPARE and style.is_latex:
        written = style.parenthesize(written)  # because y = a > b reads as a chain
    gradients = [f"{style.bar(rule.names[x])} = {style.write(d, names)}" for x, d in rule.gradients]
    return f"{names[rule.result]} = {written}", gradients
