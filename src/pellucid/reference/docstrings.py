"""Docstrings of public names: their sections, their markup, and those of assignments."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.reference.inventory import PublicName

SPAN = re.compile(r":math:`(?P<math>[^`]*)`|``(?P<code>[^`]+)``|`(?P<name>[^`]+)`|\*(?P<emphasis>[^*\s][^*]*)\*")


SECTION = re.compile(r"(?m)^\w[\w ]*\n-{3,}$")
"""Title of a section with its line."""


@dataclass(frozen=True)
class DocEntry:
    """A parameter, result or error in a docstring."""

    name: str
    type: str
    description: str


@dataclass
class Docstring:
    """The sections of a docstring."""

    sentence: str = ""
    more: list[str] = field(default_factory=list)
    parameters: list[DocEntry] = field(default_factory=list)
    attributes: list[DocEntry] = field(default_factory=list)
    returns: list[DocEntry] = field(default_factory=list)
    raises: list[DocEntry] = field(default_factory=list)
    example: str = ""
    source: str = ""


def get_docstring(entry: PublicName) -> str:
    """Return the docstring of a public name; that of a method may be inherited, that of an alias stands below it."""
    if entry.kind == "type":
        return read_assignment_docstring(entry)
    if entry.kind == "object":
        return inspect.cleandoc(type(entry.object).__doc__ or "")
    if entry.owner is not None:
        return inspect.getdoc(getattr(entry.owner.object, entry.short_name)) or ""
    return inspect.cleandoc(entry.object.__doc__ or "")


def read_assignment_docstring(entry: PublicName) -> str:
    """Return the string below the assignment of a name, in the module that exports it or one that it imports."""
    from pellucid.reference.inventory import get_public_module

    module: Any = get_public_module(entry.name.removeprefix("pel.").rpartition(".")[0])
    pending, seen = [module.__name__], set[str]()
    while pending:
        name = pending.pop()
        seen.add(name)
        body = ast.parse(inspect.getsource(sys.modules[name])).body
        for statement, following in itertools.pairwise(body):
            if entry.short_name in get_targets(statement) and (text := read_string(following)):
                return inspect.cleandoc(text)
        imported = {s.module or "" for s in body if isinstance(s, ast.ImportFrom) and s.module in sys.modules}
        pending += [m for m in imported - seen if m.startswith(module.__name__)]
    return ""


def get_targets(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def read_string(statement: ast.stmt) -> str | None:
    """Return the string that a statement consists of, or None."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def parse_docstring(text: str) -> Docstring:
    r"""Parse a docstring in NumPy style.

    Examples
    --------
    >>> doc = parse_docstring("Elementwise double, :math:`2 x`.\n\nParameters\n----------\nx : Expr\n    An array.")
    >>> doc.sentence, doc.parameters[0].description
    ('Elementwise double, :math:`2 x`.', 'An array.')
    """
    from docstring_parser import DocstringStyle, parse

    parsed = parse(text, DocstringStyle.NUMPYDOC)
    head = re.split(SECTION, text, maxsplit=1)[0]
    paragraphs = [join_lines(p) for p in re.split(r"\n\s*\n", head.strip())]
    examples = ["\n".join(filter(None, [e.snippet, e.description])) for e in parsed.examples]
    sources = [m.description or "" for m in parsed.meta if m.args == ["references"]]
    fields = [(p.args[0], p.arg_name, p.type_name or "", join_lines(p.description or "")) for p in parsed.params]
    returns = [DocEntry(r.return_name or "", r.type_name or "", r.description or "") for r in parsed.many_returns]
    return Docstring(
        sentence=paragraphs[0],
        more=paragraphs[1:],
        parameters=[DocEntry(*entry) for section, *entry in fields if section != "attribute"],
        attributes=[DocEntry(*entry) for section, *entry in fields if section == "attribute"],
        returns=[DocEntry(r.name, r.type, join_lines(r.description)) for r in returns],
        raises=[DocEntry(r.type_name or "", "", join_lines(r.description or "")) for r in parsed.raises],
        example="\n".join(examples),
        source=join_lines(" ".join(sources)),
    )


def parse_command_docstring(text: str) -> Docstring:
    r"""Parse the docstring of a command, whose indented lines are examples.

    Examples
    --------
    >>> parse_command_docstring("Open it.\n\nFor example:\n\n    pellucid course\n\nIt works from disk.").example
    'pellucid course'
    """
    doc = parse_docstring(text)
    head = re.split(SECTION, text, maxsplit=1)[0]
    doc.example = "\n".join(line[4:] for line in head.split("\n") if line.startswith("    "))
    paragraphs = re.split(r"\n\s*\n", re.sub(r"(?m)^    .*$", "", head).strip())
    doc.more = [join_lines(p) for p in paragraphs[1:] if p.strip() not in ("", "For example:")]
    return doc


def join_lines(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def split_markup(text: str) -> Iterator[tuple[str, str]]:
    r"""Split text into (kind, content), with kinds text, math, code, name and emphasis.

    Examples
    --------
    >>> list(split_markup(r"See `grad` for :math:`\bar x`."))
    [('text', 'See '), ('name', 'grad'), ('text', ' for '), ('math', '\\bar x'), ('text', '.')]
    """
    end = 0
    for found in SPAN.finditer(text):
        if found.start() > end:
            yield "text", text[end : found.start()]
        assert found.lastgroup is not None
        yield found.lastgroup, found[found.lastgroup]
        end = found.end()
    if end < len(text):
        yield "text", text[end:]
