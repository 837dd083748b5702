"""What an entry of the reference tells, as labelled lines in the markup of docstrings; every form writes the same."""

from __future__ import annotations

from typing import NamedTuple

from pellucid.graph.pass_pipeline import PHASES, phases
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import Rule
from pellucid.show.reference import Entry
from pellucid.show.reference_docstring import Described


class Fact(NamedTuple):
    """A label, and one or several lines."""

    label: str
    lines: list[str]


def facts(entry: Entry) -> list[Fact]:
    """Return what an entry tells beside its sentence and its example."""
    letters, doc = entry.letters, entry.doc
    formulas = [f":math:`{letters.formula}`"] if letters.formula else []
    gradients = [f":math:`{g}`" for g in letters.gradients] or [entry.gradient]
    dtypes = entry.accepts and entry.accepts + (f"; the result is of {entry.gives}" if entry.gives else "")
    told = [
        Fact("Formula", formulas),
        Fact("Opens to", [f":math:`{letters.definition}`"] if letters.definition else []),
        Fact("Gradient", gradients),
        Fact("Dtypes", [dtypes]),
        Fact("Cost", [entry.cost]),
        Fact("Ops behind it", [", ".join(f"`{name}`" for name in entry.helpers)]),
        Fact("Stands behind", [f"`{entry.behind}`"] if entry.behind else []),
        Fact("Also", [", ".join(f"``{alias}``" for alias in entry.aliases)]),
        Fact("Parameters", [line(d) for d in doc.parameters]),
        Fact("Returns", [line(d, typed=True) for d in doc.returns]),
        Fact("Raises", [line(d) for d in doc.raises]),
        Fact("Methods", [f"``{d.name}{d.type}``: {d.about}" for d in entry.members]),
        Fact("Source", [doc.source]),
    ]
    return [Fact(label, lines) for label, lines in told if any(lines)]


def line(described: Described, typed: bool = False) -> str:
    """Write a parameter, a result or an error in one line."""
    name, kind, about = described.name, described.type, described.about
    if typed and not kind:
        return f"{about} ({name})" if about else name
    return f"``{name}``" + (f" ({kind})" if kind else "") + (f": {about}" if about else "")


class RuleRow(NamedTuple):
    """A rewrite rule: its name, what it looks for, what takes its place, and what it takes for granted."""

    name: str
    before: str
    after: str
    when: str


def rules() -> dict[str, tuple[str, list[RuleRow]]]:
    """Return what every phase of simplification does, and its rules."""
    return {name: (PHASES.get(name, ""), [row(rule) for rule in found]) for name, found in phases().items()}


def row(rule: Rule) -> RuleRow:
    """Write a rule; what depends on what was matched is written as dots."""
    after = rule.replacement
    written = text(after) if isinstance(after, Pattern) else "…" if callable(after) else str(after)
    return RuleRow(rule.name.replace("_", " "), text(rule.pattern), written, rule.when)
