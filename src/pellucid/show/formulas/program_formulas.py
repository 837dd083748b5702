"""Formulas of a compiled program: its results and updates, with names for what occurs in several places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.show.formulas.auto_names import assign_names
from pellucid.show.formulas.formula import exclude
from pellucid.show.formulas.mathml import latex_to_mathml, render_page
from pellucid.show.formulas.scan_recurrences import ScanRenderer
from pellucid.show.pages.formula_page import LatexStyle, Line, Style, TextStyle, align_lines

if TYPE_CHECKING:
    from pellucid.run.function import Function


def find_repeated_parts(roots: list[Expr]) -> list[Expr]:
    """Return the arrays, computed in at least two steps, that several expressions of a program use."""
    order = topological(roots)
    uses = Counter([*(i for e in order for i in e.inputs), *roots])
    return [
        e
        for e in order
        if e.op is not None and uses[e] > 1 and is_float(e.dtype) and e.ndim and any(i.op is not None for i in e.inputs)
    ]


def write_formulas(function: Function, style: Style) -> list[Line]:
    """Return the lines of a program: definitions, results, updates."""
    program = function.program
    roots = [*program.outputs, *program.updates.values()]
    leaves = [e for e in topological(roots) if e.op is None and not isinstance(e, Constant)]
    found = assign_names(find_repeated_parts(roots), {}, leaves)
    names = {e: style.name(name) for e, name in found.items()}
    for name, count in Counter(map(text, leaves)).items():
        if count > 1:  # several layers have a W
            alike = [e for e in leaves if text(e) == name]
            names.update((e, style.name(f"{name}_{number}")) for number, e in enumerate(alike, 1))
    used = [*names.values(), *(style.name(e.name) for e in leaves if e.name)]
    renderer = ScanRenderer(style, [*((e, exclude(names, e)) for e in names), *((e, names) for e in roots)], used)
    lines = [line for e in found for line in renderer.write_formula(e, names[e], exclude(names, e))]
    returns = r"\text{returns}" if isinstance(style, LatexStyle) else "returns"
    for e in program.outputs:
        *before, last = renderer.write_formula(e, returns, names)
        lines += [*before, Line(returns, last.right, "")]
    for s, e in program.updates.items():
        *before, last = renderer.write_formula(e, names.get(s, style.name(text(s))), names)
        lines += [*before, Line(last.left, last.right, "←")]
    return lines


def format_program(function: Function) -> list[str]:
    """Return the lines of a program as text."""
    lines = write_formulas(function, TextStyle(500))
    return [" ".join(filter(None, (left, sign, right))) for left, right, sign in lines]


def render_programs(title: str, programs: Sequence[tuple[str, Function]]) -> str:
    """Return an HTML page with the formulas of programs, each under a heading."""
    parts = []
    for heading, function in programs:
        formulas = latex_to_mathml(align_lines(write_formulas(function, LatexStyle())))
        summary = repr(function).splitlines()[0]
        parts.append(f"<h2>{escape(heading)}</h2>\n<p><code>{escape(summary)}</code></p>\n{formulas}")
    return render_page(title, "\n".join(parts))
