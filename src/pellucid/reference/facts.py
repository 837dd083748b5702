"""Facts about a public name: signature, docstring, formula, gradient, cost, methods; and the rewrite rules."""

from __future__ import annotations

import functools
import importlib
import inspect
import io
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pellucid.graph.op import Op
from pellucid.graph.op_docstring import describe_dtypes
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import PHASES, Rule, phases
from pellucid.graph.types import KIND_NAMES
from pellucid.reference.docstrings import DocEntry, Docstring, get_docstring, parse_command_docstring, parse_docstring
from pellucid.reference.inventory import INTERNAL, PublicName, list_public_names
from pellucid.reference.op_formulas import OpFormulas, write_formulas

HELP_WIDTH = 84


@dataclass
class Facts:
    """Facts about a public name."""

    name: str
    kind: str
    section: str
    family: str
    signature: str
    doc: Docstring
    aliases: list[str] = field(default_factory=list)
    formulas: OpFormulas = field(default_factory=OpFormulas)
    gradient: str = ""  # in words, if there are no formulas
    dtypes: str = ""
    cost: str = ""
    used_by: str = ""  # public function of an internal operation
    helpers: list[str] = field(default_factory=list)  # internal operations of a function
    methods: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of a module
    help: str = ""  # of a command


class Fact(NamedTuple):
    """A label and its lines."""

    label: str
    lines: list[str]


@functools.cache
def collect_facts(entry: PublicName) -> Facts:
    r"""Collect the facts about a public name.

    Examples
    --------
    >>> print(*collect_facts(list_public_names()["pel.tanh"]).formulas.gradients)
    \bar{x} = \bar{y} \odot \left(1 - y^2\right)
    """
    parse = parse_command_docstring if entry.kind == "command" else parse_docstring
    facts = Facts(
        entry.name,
        entry.kind,
        entry.section,
        entry.family,
        format_signature(entry),
        parse(get_docstring(entry)),
        entry.aliases,
        methods=[e.name for e in list_public_names().values() if e.owner is entry],
        names=list_module_members(entry),
        help=render_help(entry.short_name) if entry.kind == "command" else "",
    )
    if entry.kind == "operation":
        add_op_facts(facts, entry.op, entry.short_name)
    return facts


def render_help(command: str) -> str:
    """Return what ``pellucid COMMAND --help`` prints."""
    from rich.console import Console

    text = io.StringIO()
    app = importlib.import_module("pellucid.cli.app").app
    app.help_print([command], console=Console(file=text, width=HELP_WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").split("\n"))


def list_module_members(entry: PublicName) -> list[str]:
    """Return the main spellings of the names that a module exports."""
    if entry.kind != "module":
        return []
    return [
        e.name
        for e in list_public_names().values()
        if any(spelled.rpartition(".")[0] == entry.name for spelled in (e.name, *e.aliases))
    ]


def add_op_facts(facts: Facts, op: Op | None, name: str) -> None:
    """Add formula, gradient, dtypes and cost of an operation, derived from its record."""
    if op is None:
        facts.gradient = "through the ops that it uses."
        return
    facts.formulas = write_formulas(op)
    facts.gradient, facts.cost, facts.dtypes = facts.formulas.reason, facts.formulas.cost, describe_dtypes(op)
    if facts.formulas.result_kind not in ("", "f"):
        facts.dtypes += f"; the result is {KIND_NAMES[facts.formulas.result_kind]}"
    facts.used_by = op.behind
    internal = (e for e in list_public_names().values() if e.section == INTERNAL)
    facts.helpers = [e.short_name for e in internal if e.op is not None and e.op.behind == name]


def format_signature(entry: PublicName) -> str:
    """Return the arguments of a name without type annotations; an alias is followed by its definition."""
    if entry.kind in ("module", "property", "object", "command"):
        return ""
    if entry.kind == "type":
        return f" = {str(entry.object).replace('collections.abc.', '').replace('typing.', '')}"
    return str(strip_annotations(get_signature(entry)))


def get_signature(entry: PublicName) -> inspect.Signature:
    """Return the signature of a callable name, without ``self``."""
    if inspect.isclass(entry.object) and not inspect.isfunction(entry.object.__init__):
        return inspect.Signature()  # of C: that of warnings is unknown, that of other classes is not
    if getattr(entry.object, "_is_protocol", False):
        return inspect.Signature()  # protocols are not called
    if entry.owner is None:
        return inspect.signature(entry.object)
    signature = inspect.signature(getattr(entry.object, "__func__", entry.object))
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def strip_annotations(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without types, and with defaults that a reader understands."""
    parameters = [
        p.replace(annotation=p.empty, default=simplify_default(p.default)) for p in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


class Words:
    """A value that is shown as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def simplify_default(default: Any) -> Any:
    """Return a default value, dots if its text has an address, and a class by its name."""
    if default is inspect.Parameter.empty:
        return default
    if inspect.isclass(default):
        return Words(default.__name__)
    return Words("...") if "<" in repr(default) else default


def list_lines(facts: Facts) -> list[Fact]:
    """Return the facts of a name, except its first sentence and its example, as lines of text with markup."""
    return [*list_derived_lines(facts), *list_docstring_lines(facts)]


def list_derived_lines(facts: Facts) -> list[Fact]:
    """Return the facts that are derived from the object itself."""
    formulas = facts.formulas
    lines = [
        Fact("Formula", [f":math:`{formulas.formula}`"] if formulas.formula else []),
        Fact("Definition", [f":math:`{formulas.definition}`"] if formulas.definition else []),
        Fact("Gradient", [f":math:`{g}`" for g in formulas.gradients] or [facts.gradient]),
        Fact("Dtypes", [facts.dtypes]),
        Fact("Cost", [facts.cost]),
        Fact("Internal ops", [", ".join(f"`{name}`" for name in facts.helpers)]),
        Fact("Used by", [f"`{facts.used_by}`"] if facts.used_by else []),
        Fact("Aliases", [", ".join(f"``{alias}``" for alias in facts.aliases)]),
    ]
    return [line for line in lines if any(line.lines)]


def list_docstring_lines(facts: Facts) -> list[Fact]:
    doc = facts.doc
    lines = [
        Fact("Parameters", [format_entry(d) for d in doc.parameters]),
        Fact("Attributes", [format_entry(d) for d in doc.attributes]),
        Fact("Returns", [format_result(d) for d in doc.returns]),
        Fact("Raises", [format_entry(d) for d in doc.raises]),
        Fact("Methods", [", ".join(f"`{name.removeprefix('pel.')}`" for name in facts.methods)]),
        Fact("Names", [", ".join(f"`{name}`" for name in facts.names)]),
        Fact("Source", [doc.source]),
    ]
    return [line for line in lines if any(line.lines)]


def format_entry(entry: DocEntry) -> str:
    kind = f" ({entry.type})" if entry.type else ""
    return f"``{entry.name}``{kind}" + (f": {entry.description}" if entry.description else "")


def format_result(entry: DocEntry) -> str:
    """Return a result in one line. Some results have no name."""
    if entry.name:
        return format_entry(entry)
    return f"{entry.description} ({entry.type})" if entry.description else entry.type


class RuleRow(NamedTuple):
    """A rewrite rule as text: its name, both sides, and its assumption."""

    name: str
    before: str
    after: str
    when: str


def collect_rules() -> dict[str, tuple[str, list[RuleRow]]]:
    """Return the description and the rules of each phase of simplification."""
    return {name: (PHASES.get(name, ""), list(map(make_row, rules))) for name, rules in phases().items()}


def make_row(rule: Rule) -> RuleRow:
    """Return a rule as text, with dots for a replacement that depends on the match."""
    after = rule.replacement
    written = text(after) if isinstance(after, Pattern) else "…" if callable(after) else str(after)
    return RuleRow(rule.name.replace("_", " "), text(rule.pattern), written, rule.when)
