"""Facts of a reference entry as labelled lines in docstring markup, and tables of rewrite rules."""

from __future__ import annotations

from typing import NamedTuple

from pellucid.graph.pass_pipeline import PHASES, phases
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import Rule
from pellucid.show.reference import Entry
from pellucid.show.reference_docstring import DocEntry


class Fact(NamedTuple):
    """A label and its lines."""

    label: str
    lines: list[str]


def collect_facts(entry: Entry) -> list[Fact]:
    """Return the facts of an entry, except its first sentence and its example."""
    formulas, doc = entry.formulas, entry.doc
    gradients = [f":math:`{g}`" for g in formulas.gradients] or [entry.gradient]
    dtypes = entry.accepts and entry.accepts + (f"; the result is {entry.gives}" if entry.gives else "")
    facts = [
        Fact("Formula", [f":math:`{formulas.formula}`"] if formulas.formula else []),
        Fact("Definition", [f":math:`{formulas.definition}`"] if formulas.definition else []),
        Fact("Gradient", gradients),
        Fact("Dtypes", [dtypes]),
        Fact("Cost", [entry.cost]),
        Fact("Internal ops", [", ".join(f"`{name}`" for name in entry.helpers)]),
        Fact("Used by", [f"`{entry.used_by}`"] if entry.used_by else []),
        Fact("Aliases", [", ".join(f"``{alias}``" for alias in entry.aliases)]),
        Fact("Parameters", [format_entry(d) for d in doc.parameters]),
        Fact("Returns", [format_result(d) for d in doc.returns]),
        Fact("Raises", [format_entry(d) for d in doc.raises]),
        Fact("Methods", [f"``{d.name}{d.type}``: {d.description}" for d in entry.members]),
        Fact("Source", [doc.source]),
    ]
    return [fact for fact in facts if any(fact.lines)]


def format_entry(entry: DocEntry) -> str:
    kind = f" ({entry.type})" if entry.type else ""
    return f"``{entry.name}``{kind}" + (f": {entry.description}" if entry.description else "")


def format_result(entry: DocEntry) -> str:
    """Return a result in one line. An unnamed result has its type as name."""
    if entry.type:
        return format_entry(entry)
    return f"{entry.description} ({entry.name})" if entry.description else entry.name


class RuleRow(NamedTuple):
    """A rewrite rule as text: its name, both sides, and its assumption."""

    name: str
    before: str
    after: str
    when: str


def collect_rules() -> dict[str, tuple[str, list[RuleRow]]]:
    """Return the description and the rules of each phase of simplification."""
    return {name: (PHASES.get(name, ""), [make_row(rule) for rule in rules]) for name, rules in phases().items()}


def make_row(rule: Rule) -> RuleRow:
    """Return a rule as text, with dots for a replacement that depends on the match."""
    after = rule.replacement
    written = text(after) if isinstance(after, Pattern) else "…" if callable(after) else str(after)
    return RuleRow(rule.name.replace("_", " "), text(rule.pattern), written, rule.when)
