"""A derivation as text for a terminal, as LaTeX, and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from pellucid.graph.expr import Input, Shared
from pellucid.graph.gradient import hold
from pellucid.graph.printing import COMPARE, text
from pellucid.graph.traversal import topological
from pellucid.graph.types import shape_text
from pellucid.show.derivation import Derivation, DerivationStep, letters_in
from pellucid.show.derivation_rules import RuleUse
from pellucid.show.input_values import array_text, figure, value_tex
from pellucid.show.latex_names import bar_tex, domain_tex, name_tex
from pellucid.show.mathml import mathml
from pellucid.show.recurrences import Latex, Line, Plain, Style
from pellucid.show.scan_recurrences import Unfolding, results_used
from pellucid.show.tex import latex

Names = Mapping[Any, str]
INDENT = "     "


class Notes:
    """What the three forms share: the names, and formulas in one notation.

    Parameters
    ----------
    derivation : Derivation
        What is to be written.
    style : Style
        The notation of recurrences.
    name, bar : function
        How a name is written, and the name of the gradient with respect to what has it.
    """

    def __init__(
        self, derivation: Derivation, style: Style, name: Callable[[str], str], bar: Callable[[str], str]
    ) -> None:
        self.derivation, self.style, self.name, self.bar = derivation, style, name, bar
        bars = {s.letter: bar(s.name) for s in derivation.steps}
        self.names: dict[Any, str] = {**{e: name(n) for e, n in derivation.names.items()}, **bars}
        for e in topological([derivation.cost]):
            if e.op is not None and e.op.name == "cast" and e.inputs[0].op is None and e not in self.names:
                self.names[e] = style.write(e.inputs[0], {})
        leaves = [name(e.name) for e in letters_in([derivation.cost]) if e.name]
        roots = [(step.gradient, self.names) for step in derivation.steps]
        self.unfolding = Unfolding(style, roots, [*self.names.values(), *leaves], name)

    def definitions(self) -> list[Line]:
        """Write what every name stands for."""
        lines: list[Line] = []
        for e, name in self.derivation.definitions.items():
            body = e.inputs[0] if e.op is hold.op else e
            lines += self.unfolding.formula(
                body, self.name(name), {o: n for o, n in self.names.items() if o is not e and o is not body}
            )
        return lines

    def gradient(self, step: DerivationStep) -> list[Line]:
        """Write the gradient of one step."""
        return self.unfolding.formula(step.gradient, self.bar(step.name), self.names)

    def altogether(self) -> list[Line]:
        """Write what `grad` returns, where it is more than the last step; a loop is best left in steps."""
        pairs = zip(self.derivation.results, self.derivation.gradients, strict=True)
        letters = {s.letter for s in self.derivation.steps}
        return [
            (self.bar(step.name), self.style.write(gradient, self.names))
            for step, gradient in pairs
            if letters & set(topological([step.gradient])) and not results_used(gradient, self.names)
        ]


def text_notes(derivation: Derivation) -> Notes:
    """Return the notes in Python's notation."""
    return Notes(derivation, Plain(lambda e, names: text(e, 200, names)), str, lambda name: f"{name}_bar")


def latex_notes(derivation: Derivation) -> Notes:
    """Return the notes in the notation of mathematics."""
    return Notes(derivation, Latex(lambda e, names: latex(e, names)), name_tex, bar_tex)


def as_text(derivation: Derivation) -> str:
    """Write a derivation for a terminal."""
    notes, cost = text_notes(derivation), derivation.names[derivation.cost]
    asked = ", ".join(f"{s.name} {shape_text(s.expr.shape)}" for s in derivation.results)
    lines = [f"The gradient of {cost} with respect to {asked}", ""]
    lines += [f"  {left} = {right}" for left, right in notes.definitions()]
    for number, step in enumerate(derivation.steps, start=1):
        lines.append("")
        for place, (left, right) in enumerate(notes.gradient(step)):
            lines.append(f"{f'{number}.' if place == 0 else '':3}  {left} = {right}")
        lines += [f"{INDENT}{rule_text(rule)}" for rule in step.rules]
        lines += [f"{INDENT}({note})" for note in step.notes]
        lines += [f"{INDENT}{name} = {shown}" for name, shown in numbers(step)]
    whole = [f"  {left} = {right}" for left, right in notes.altogether()]
    told = ["", "Altogether, as pel.grad returns it:", *whole] if whole else []
    return "\n".join([*lines, *told, *checked(derivation)])


def rule_text(rule: RuleUse) -> str:
    """Write a rule in one line."""
    if rule.result is None:
        return rule.words
    others = {e: name for e, name in rule.names.items() if e is not rule.result}
    gradients = ", ".join(f"{rule.names[x]}_bar = {text(d, 60, rule.names)}" for x, d in rule.gradients)
    return f"{rule.words}: {rule.names[rule.result]} = {text(rule.result, 60, others)} gives {gradients}"


def numbers(step: DerivationStep) -> list[tuple[str, str]]:
    """Write the values of a step, if there are any."""
    if step.gradient_value is None:
        return []
    pad = " " * (len(step.name) + 4 + len(INDENT) + 3)
    return [
        (f"{name:{len(step.name) + 4}}", array_text(value).replace("\n", "\n" + pad))
        for name, value in ((step.name, step.value), (f"{step.name}_bar", step.gradient_value))
    ]


def checked(derivation: Derivation) -> list[str]:
    """Say that the steps give what `grad` gives, if there are numbers to tell."""
    if derivation.given is None:
        return []
    gap = derivation.gap()
    told = f"what pel.grad gives, to {figure(gap, 2)} of its largest element" if gap else "exactly what pel.grad gives"
    return ["", f"Checked on these values: the steps give {told}."]


def as_latex(derivation: Derivation) -> str:
    """Write the definitions and the steps as one block of aligned equations."""
    notes = latex_notes(derivation)
    lines = [*notes.definitions(), *(line for step in derivation.steps for line in notes.gradient(step))]
    return split(lines)


def split(lines: list[Line]) -> str:
    """Align equations at their signs."""
    return "\\begin{split}\n" + " \\\\\n".join(f"{left} &= {right}" for left, right in lines) + "\n\\end{split}"


def as_html(derivation: Derivation) -> str:
    """Write a derivation as a part of a page."""
    notes = latex_notes(derivation)
    parts = [f"<h2>The formula</h2>\n{mathml(split(notes.definitions()))}", letters_html(derivation)]
    rewritten = rewriting_html(derivation)
    if rewritten:
        parts.append(rewritten)
    cost = name_tex(derivation.names[derivation.cost])
    bar = rf"{bar_tex('z')} = \frac{{\partial {cost}}}{{\partial z}}"
    parts.append(
        f"<h2>Backwards, step by step</h2>\n<p class='note'>A bar stands for the gradient with respect to what is "
        f"below it: {mathml(bar, 'inline')}.</p>"
    )
    parts.append("<ol class='steps'>\n" + "\n".join(step_html(step, notes) for step in derivation.steps) + "\n</ol>")
    whole = notes.altogether()
    if whole:
        parts.append(f"<h2>Altogether</h2>\n{mathml(split(whole))}")
    parts += [f"<p class='note'>{escape(line)}</p>" for line in checked(derivation) if line]
    return "\n".join(parts)


def letters_html(derivation: Derivation) -> str:
    """Say what the letters are: where their values lie, and which are learned."""
    told = []
    for kind, heading in ((Input, "inputs"), (Shared, "parameters")):
        letters = [e for e in letters_in([derivation.cost]) if isinstance(e, kind)]
        if letters:
            sets = ", ".join(
                mathml(rf"{name_tex(text(e))} \in {domain_tex(e.shape, e.dtype)}", "inline") for e in letters
            )
            told.append(f"{heading}: {sets}")
    return f"<p class='note'>With {' and '.join(told)}.</p>"


def rewriting_html(derivation: Derivation) -> str:
    """Say what was rewritten before, if it can be seen in the formula."""
    rules = [s for s in derivation.journal.steps if text(s.before, 80) != text(s.after, 80)]
    if not rules:
        return ""
    names = ", ".join(dict.fromkeys(f"<i>{escape(s.rule.name.replace('_', ' '))}</i>" for s in rules))
    return f"<p class='note'>Before it is differentiated the formula was rewritten by: {names}.</p>"


def step_html(step: DerivationStep, notes: Notes) -> str:
    """Write one step: the equations, the rules, what is to be noted, and the numbers."""
    parts = [mathml(split(notes.gradient(step)))]
    parts += [f"<p class='rule'>{rule_html(rule)}</p>" for rule in step.rules]
    parts += [f"<p class='note'>{note_html(note, step)}</p>" for note in step.notes]
    if step.gradient_value is not None:
        pairs = ((name_tex(step.name), step.value), (bar_tex(step.name), step.gradient_value))
        shown = [f"{name} = {value_tex(value)}" for name, value in pairs]
        if not any(r"\text" in s for s in shown):
            shown = [r", \qquad ".join(shown)]
        parts.append(f"<div class='numbers'>{''.join(map(mathml, shown))}</div>")
    return "<li>" + "\n".join(parts) + "</li>"


def note_html(note: str, step: DerivationStep) -> str:
    """Write a note, with the name that it begins with as mathematics."""
    if note.startswith(f"{step.name} "):
        return mathml(name_tex(step.name), "inline") + escape(note.removeprefix(step.name)) + "."
    return escape(note) + "."


def rule_html(rule: RuleUse) -> str:
    """Write a rule in one line."""
    if rule.result is None:
        return escape(rule.words) + "."
    forward, back = rule_tex(rule)
    follows = mathml(r", \quad ".join(back), "inline")
    return f"{escape(rule.words)}: from {mathml(forward, 'inline')} follows {follows}"


def rule_tex(rule: RuleUse) -> tuple[str, list[str]]:
    """Write an op on letters, and the gradient with respect to each of them."""
    assert rule.result is not None
    g = {e: bar_tex(name.removesuffix("_bar")) if name.endswith("_bar") else name for e, name in rule.names.items()}
    others = {e: name for e, name in g.items() if e is not rule.result}
    written = latex(rule.result, others)
    if rule.op.precedence <= COMPARE:
        written = rf"\left({written}\right)"
    forward = f"{name_tex(g[rule.result])} = {written}"
    return forward, [f"{bar_tex(g[x])} = {latex(d, g)}" for x, d in rule.gradients]
