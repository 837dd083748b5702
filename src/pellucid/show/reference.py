"""Reference entries of all ops and public functions, their facts, and the rewrite rules."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph import linalg
from pellucid.graph.errors import near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import OPS, Op
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import PHASES, Rule, phases
from pellucid.graph.types import KIND_NAMES
from pellucid.show.reference_docstring import DocEntry, Docstring, parse_docstring
from pellucid.show.reference_symbols import OpFormulas, write_formulas

AnyFunction = Callable[..., Any]

CHAPTERS = {
    "Elementwise functions": "elementwise exponentials trigonometry hyperbolic rounding signs where logic",
    "Activations and gradient control": "activations softmax gradient_transforms masking train_eval",
    "Normalization and attention": "normalization batch_normalization attention",
    "Special functions": "gamma gamma_ratios stirling_remainders special",
    "Functions without cancellation": "powers_near_one differences remainders scaling",
    "Reductions, cumulative sums and sorting": "reductions statistics cumulative sorting",
    "Linear algebra": "matmul outer_products einsum linear_solve determinants cofactors norms triangular",
    "Shapes and axes": "reshape permute concatenate split repeat padding",
    "Array creation": "creation ranges",
    "Indexing": "indexing indexed_update",
    "Convolution, pooling and images": "convolution conv_transpose pooling patches resize affine_transform",
    "Control flow": "scan while_loops cond",
}
"""Chapters of the reference, each with its modules of `graph/ops` in order."""


@dataclass
class Entry:
    """Reference entry of a function or class."""

    name: str  # without ``pel.``
    signature: str
    module: str
    doc: Docstring
    aliases: list[str] = field(default_factory=list)  # of pellucid, of methods, and of NumPy
    used_by: str = ""  # public function of an internal op
    helpers: list[str] = field(default_factory=list)  # internal ops of a function
    formulas: OpFormulas = field(default_factory=OpFormulas)
    gradient: str = ""  # in words, if there are no formulas
    accepts: str = ""
    gives: str = ""
    cost: str = ""
    members: list[DocEntry] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return f"pel.{self.name}"

    @property
    def family(self) -> str:
        """Name of the module without its package."""
        return self.module.rpartition(".")[2]


@dataclass
class Family:
    """The functions of one module."""

    name: str
    entries: list[Entry]

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    @property
    def introduction(self) -> str:
        return parse_docstring(sys.modules[self.entries[0].module].__doc__).sentence


def make_entry(name: str, names: list[str]) -> Entry:
    """Make the entry of a function on expressions; ``names`` are all its names."""
    function, op = FUNCTIONS[name], OPS.get(name)
    doc = parse_docstring(function.__doc__)
    entry = Entry(name, format_signature(function), function.__module__, doc, find_aliases(name, names))
    if op is None:
        entry.gradient = "through the ops that it uses."
        return entry
    entry.used_by, entry.formulas = op.behind, write_formulas(op)
    entry.gradient, entry.cost = entry.formulas.reason, entry.formulas.cost
    entry.accepts = describe_dtypes(op)
    entry.gives = "" if entry.formulas.result_kind in ("", "f") else KIND_NAMES[entry.formulas.result_kind]
    return entry


def format_signature(function: AnyFunction) -> str:
    """Return the arguments of a function without type annotations."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def find_aliases(name: str, names: list[str]) -> list[str]:
    """Return other names of a function: of pellucid, of methods, and of NumPy functions that accept expressions."""
    found = [f"pel.{other}" for other in names if other != name]
    found += [f"pel.linalg.{name}"] if name in linalg.__all__ and getattr(linalg, name) is FUNCTIONS[name] else []
    found += [f"x.{name}"] if callable(getattr(Expr, name, None)) else []
    dispatches = isinstance(getattr(np, name, None), np.ufunc | type(np.concatenate))
    return found + ([f"np.{name}"] if dispatches else [])


def describe_dtypes(op: Op) -> str:
    if op.floats:
        return f"{KIND_NAMES['f']}; integers and booleans are converted to `config.floatx`"
    if op.accepts == "biuf":
        return "all"
    return " and ".join(dict.fromkeys(KIND_NAMES[k] for k in op.accepts))


def collect_entries() -> dict[str, Entry]:
    r"""Return the entries of all ops and public functions on expressions, by name.

    Examples
    --------
    >>> print(*collect_entries()["tanh"].formulas.gradients)
    \bar{x} = \bar{y} \odot \left(1 - y^2\right)
    """
    names: dict[AnyFunction, list[str]] = {}
    for name, function in FUNCTIONS.items():
        if is_built_in(function):
            names.setdefault(function, []).append(name)
    # The name in the code is the main name; the others are aliases.
    main = {f: next((n for n in known if n == f.__name__.rstrip("_")), known[0]) for f, known in names.items()}
    entries = {name: make_entry(name, names[function]) for function, name in main.items()}
    for name, entry in entries.items():
        if entry.used_by in entries:
            entries[entry.used_by].helpers.append(name)
    return entries


def group_by_chapter(entries: Mapping[str, Entry]) -> dict[str, list[Family]]:
    """Return the families of each chapter, with the public entries."""
    by_family: dict[str, list[Entry]] = {}
    for entry in entries.values():
        if not entry.used_by:
            by_family.setdefault(entry.family, []).append(entry)
    chapters = {title: [n for n in names.split() if n in by_family] for title, names in CHAPTERS.items()}
    listed = {n for names in chapters.values() for n in names}
    chapters["Other functions"] = [n for n in by_family if n not in listed]
    return {title: [Family(n, by_family[n]) for n in names] for title, names in chapters.items() if names}


def collect_internal_ops(entries: Mapping[str, Entry]) -> list[Entry]:
    return [entry for entry in entries.values() if entry.used_by]


def make_api_entry(name: str, what: Any) -> Entry:
    """Make the entry of a public class or function that is not a function on expressions."""
    entry = Entry(name, format_signature(what), what.__module__, parse_docstring(what.__doc__))
    if inspect.isclass(what):
        for key, member in vars(what).items():
            doc = inspect.getdoc(member) if callable(member) or isinstance(member, property) else None
            if doc and not key.startswith("_"):
                arguments = "" if isinstance(member, property) else format_signature(member).replace("(self, ", "(")
                sentence = parse_docstring(doc).sentence
                entry.members.append(DocEntry(key, arguments.replace("(self)", "()"), sentence))
    return entry


def collect_api_entries(modules: Mapping[str, list[str]]) -> dict[str, Entry]:
    """Return the entries of the classes and functions, except errors, among names of modules."""
    entries: dict[str, Entry] = {}
    for module_name, names in modules.items():
        module = importlib.import_module(module_name)
        for name in names:
            what = getattr(module, name.rpartition(".")[2])
            is_error = inspect.isclass(what) and issubclass(what, (Exception, Warning))
            if callable(what) and not is_error:
                entries[name] = make_api_entry(name, what)
    return entries


def find_entry(name: str, entries: Mapping[str, Entry]) -> Entry:
    """Return the entry of a name or an alias.

    Raises
    ------
    KeyError
        If there is none. The message suggests a similar name.
    """
    key = name.removeprefix("pel.").removeprefix("np.")
    by_alias = {a.removeprefix("pel."): e for e in entries.values() for a in e.aliases}
    entry = entries.get(key) or by_alias.get(key)
    if entry is None:
        hint = near_miss(key, [*entries, *by_alias])
        raise KeyError(f"the reference has no {name!r}.{hint or ' Run `pellucid reference` for a list'}")
    return entry


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
    return {name: (PHASES.get(name, ""), list(map(make_row, rules))) for name, rules in phases().items()}


def make_row(rule: Rule) -> RuleRow:
    """Return a rule as text, with dots for a replacement that depends on the match."""
    after = rule.replacement
    written = text(after) if isinstance(after, Pattern) else "…" if callable(after) else str(after)
    return RuleRow(rule.name.replace("_", " "), text(rule.pattern), written, rule.when)
