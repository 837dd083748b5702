"""An explanation as text for a terminal, as LaTeX, and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from pellucid.graph.expr import Expr, Input
from pellucid.graph.printing import text
from pellucid.graph.types import shape_text
from pellucid.inspect.explain.explanation import Explanation, Part, Update
from pellucid.nn.optimizers.printing import formula
from pellucid.show.latex_names import domain_tex, name_tex
from pellucid.show.mathml import mathml
from pellucid.show.recurrences import Latex, Line, Plain, Style
from pellucid.show.scan_recurrences import Unfolding
from pellucid.show.tex import latex

Names = Mapping[Any, str]
Results = Sequence[tuple[Input, Expr]]
LIMIT = 300
"""How many ops are written of one formula."""

GRADIENT = r"g = \partial L / \partial w"


class Notes:
    """Formulas in one notation, loops as recurrences.

    Parameters
    ----------
    explanation : Explanation
        What is to be written.
    style : Style
        The notation of recurrences.
    name : function
        How a name is written.
    """

    def __init__(self, explanation: Explanation, style: Style, name: Callable[[str], str]) -> None:
        self.style, self.name = style, name
        self.used = {name(leaf.name or "") for leaf in explanation.inputs}
        for part in explanation.parts:
            self.used |= {name(leaf.name or "") for leaf, _ in [*part.results, *part.parameters]}

    def lines(self, results: Results) -> list[Line]:
        """Write what some letters stand for, with the lines of the loops in it."""
        unfolding = Unfolding(self.style, [(e, {}) for _, e in results], self.used, self.name)
        return [line for leaf, e in results for line in unfolding.formula(e, self.name(leaf.name or ""), {})]


def text_notes(explanation: Explanation) -> Notes:
    """Return the notes in Python's notation."""
    return Notes(explanation, Plain(lambda e, names: text(e, LIMIT, names)), str)


def latex_notes(explanation: Explanation) -> Notes:
    """Return the notes in the notation of mathematics."""
    return Notes(explanation, Latex(lambda e, names: latex(e, names, LIMIT)), name_tex)


def counted(number: int, word: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "parameter"), counted(1200, "operation")
    ('1 parameter', '1,200 operations')
    """
    return f"{number:,} {word}{'s' * (number != 1)}"


def facts(part: Part) -> str:
    """Say what a part puts out, learns and costs."""
    kinds = " and ".join(f"{leaf.dtype} {shape_text(leaf.shape)}" for leaf, _ in part.results)
    learned = [counted(part.count, "parameter")] if part.count else []
    spent = [counted(part.operations, "operation")] if part.operations is not None else []
    return ", ".join([kinds, *learned, *spent])


def heading(explanation: Explanation) -> str:
    """Say what the whole learns and costs."""
    numbers = [s for part in explanation.parts for _, s in part.parameters if s.dtype.kind != "u"]
    told = [counted(explanation.count, "parameter")] if numbers else []
    told += [f"{sum(s.get_value().nbytes for s in numbers):,} bytes"] if numbers else []
    if explanation.operations is not None:
        told.append(f"{counted(explanation.operations, 'operation')} a sample")
    return f"{explanation.title}: {', '.join(told)}" if told else explanation.title


def legend(part: Part) -> list[str]:
    """Say what the letters of parameters are, a line each."""
    width = max((len(leaf.name or "") for leaf, _ in part.parameters), default=0)
    return [f"{leaf.name:{width}}  {s.name} {shape_text(s.shape)}" for leaf, s in part.parameters]


def as_text(explanation: Explanation) -> str:
    """Write an explanation for a terminal."""
    notes = text_notes(explanation)
    lines = [heading(explanation), ""]
    lines += [f"  {leaf.name}  {leaf.dtype} {shape_text(leaf.shape)}" for leaf in explanation.inputs]
    for number, part in enumerate(explanation.parts, start=1):
        lines += ["", f"{number}. {part.title}  {facts(part)}"]
        lines += [f"     {left} = {right}" for left, right in notes.lines(part.results)]
        lines += [f"       {line}" for line in legend(part)]
    if explanation.losses:
        lines += ["", f"Loss: {explanation.told[0]}"]
        lines += [f"     {left} = {right}" for left, right in notes.lines(loss_results(explanation))]
        lines += ["", f"Update of every parameter w by its gradient g, {explanation.told[1]}"]
        lines += [f"     {u.target} {u.sign} {text(u.new, LIMIT, u.names)}" for u in explanation.updates]
    return "\n".join([*lines, "", *inference_text(explanation, notes)])


def loss_results(explanation: Explanation) -> list[tuple[Input, Expr]]:
    """Return the losses with leaves that have their names."""
    return [(Input(name, e.shape, e.dtype), e) for name, e in explanation.losses]


def inference_text(explanation: Explanation, notes: Notes) -> list[str]:
    """Say what is different once training is over."""
    changed = [(number, part) for number, part in enumerate(explanation.parts, start=1) if part.after]
    if not changed:
        return ["Inference changes nothing."]
    lines = ["Inference changes:"]
    for number, part in changed:
        found = notes.lines(part.after)
        lines += [
            f"  {f'{number}.' if place == 0 else '':4} {left} = {right}" for place, (left, right) in enumerate(found)
        ]
    return lines


def update_tex(update: Update) -> str:
    """Write one line of an optimizer in LaTeX."""
    names = {e: primed(name) for e, name in update.names.items()}
    sign = r"\leftarrow" if update.sign == "←" else "="
    return rf"{name_tex(update.target)} &{sign} {latex(update.new, names, LIMIT)}"


def optimizer_latex(optimizer: Any) -> str:
    r"""Write an optimizer in LaTeX, for a notebook: what becomes of what it remembers, and of a parameter.

    Examples
    --------
    >>> print(optimizer_latex(pel.optimizers.SGD(0.5)))
    $\displaystyle \begin{split}
    w &\leftarrow w - 0.5 \, g
    \end{split}$
    """
    return rf"$\displaystyle {split([update_tex(Update(*line)) for line in formula(optimizer)])}$"


def optimizer_html(optimizer: Any) -> str:
    """Write an optimizer in HTML, without a script and without a network."""
    return mathml(split([update_tex(Update(*line)) for line in formula(optimizer)]))


def primed(name: str) -> str:
    r"""Write the prime of what is new as LaTeX has it.

    Examples
    --------
    >>> print(primed("m′"), primed("m"))
    m^{\prime} m
    """
    return rf"{name_tex(name[:-1])}^{{\prime}}" if name.endswith("′") else name


def split(lines: Sequence[str]) -> str:
    """Align equations at their signs."""
    return "\\begin{split}\n" + " \\\\\n".join(lines) + "\n\\end{split}"


def equations(lines: Sequence[Line]) -> list[str]:
    """Write lines as equations with a place to align at."""
    return [f"{left} &= {right}" for left, right in lines]


def as_latex(explanation: Explanation) -> str:
    """Write all formulas in one block."""
    notes = latex_notes(explanation)
    lines = [line for part in explanation.parts for line in equations(notes.lines(part.results))]
    lines += equations(notes.lines(loss_results(explanation)))
    return split([*lines, *map(update_tex, explanation.updates)])


def as_html(explanation: Explanation) -> str:
    """Write an explanation as a part of a page."""
    notes = latex_notes(explanation)
    given = ", ".join(
        mathml(rf"{name_tex(leaf.name or '')} \in {domain_tex(leaf.shape, leaf.dtype)}", "inline")
        for leaf in explanation.inputs
    )
    parts = [f"<p>{escape(heading(explanation))}</p>", f"<p class='note'>Given {given}</p>" if given else ""]
    parts.append("<ol class='steps'>")
    parts += [part_html(part, notes) for part in explanation.parts]
    parts.append("</ol>")
    if explanation.losses:
        parts.append(f"<h2>Loss</h2>\n<p class='note'>{escape(explanation.told[0])}</p>")
        parts.append(mathml(split(equations(notes.lines(loss_results(explanation))))))
        parts.append(
            f"<h2>Update</h2>\n<p class='note'>Of every parameter {mathml('w', 'inline')} by its gradient "
            f"{mathml(GRADIENT, 'inline')}: <code>{escape(explanation.told[1])}</code></p>"
        )
        parts.append(mathml(split([update_tex(u) for u in explanation.updates])))
    changed = [part for part in explanation.parts if part.after]
    parts.append("<h2>Inference</h2>")
    if not changed:
        parts.append("<p class='note'>It changes nothing.</p>")
    for part in changed:
        parts.append(f"<p class='note'>{escape(part.title)}</p>")
        parts.append(mathml(split(equations(notes.lines(part.after)))))
    return "\n".join(parts)


def part_html(part: Part, notes: Notes) -> str:
    """Write one layer as a step of a list."""
    letters = ", ".join(
        mathml(rf"{name_tex(leaf.name or '')} \in {domain_tex(leaf.shape, leaf.dtype)}", "inline")
        + f" <small>{escape(s.name or '')}</small>"
        for leaf, s in part.parameters
        if s.dtype.kind != "u"  # the state of a random stream stands in no formula
    )
    return (
        f"<li><b>{escape(part.title)}</b> <span class='rule'>{escape(facts(part))}</span>\n"
        f"{mathml(split(equations(notes.lines(part.results))))}\n"
        + (f"<p class='note'>{letters}</p>" if letters else "")
        + "</li>"
    )
