"""Parser of NumPy-style docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SPAN = re.compile(r":math:`(?P<math>[^`]*)`|``(?P<code>[^`]+)``|`(?P<name>[^`]+)`|\*(?P<emphasis>[^*\s][^*]*)\*")


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
    returns: list[DocEntry] = field(default_factory=list)
    raises: list[DocEntry] = field(default_factory=list)
    example: str = ""
    source: str = ""

    @property
    def formula(self) -> str:
        """The first formula of the first sentence."""
        found = re.search(r":math:`([^`]*)`", self.sentence)
        return found[1] if found else ""


def parse_docstring(text: str | None) -> Docstring:
    r"""Parse a docstring.

    Examples
    --------
    >>> doc = parse_docstring("Elementwise double, :math:`2 x`.\n\nParameters\n----------\nx : Expr\n    An array.")
    >>> doc.formula, doc.parameters[0].description
    ('2 x', 'An array.')
    """
    parts = re.split(r"(?m)^(\w+)\n-{3,}\n", inspect.cleandoc(text or ""))
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    paragraphs = [join_lines(p) for p in re.split(r"\n\s*\n", parts[0].strip())]
    return Docstring(
        sentence=paragraphs[0],
        more=paragraphs[1:],
        parameters=list(parse_entries(sections.get("Parameters", "") + "\n" + sections.get("Attributes", ""))),
        returns=list(parse_entries(sections.get("Returns", ""))),
        raises=list(parse_entries(sections.get("Raises", ""))),
        example=sections.get("Examples", "").strip(),
        source=join_lines(sections.get("References", "")),
    )


def parse_entries(section: str) -> Iterator[DocEntry]:
    for entry in re.split(r"\n(?=\S)", section.strip()):
        head, _, description = entry.partition("\n")
        if head.strip():
            name, _, kind = head.partition(" : ")
            yield DocEntry(name.strip(), kind.strip(), join_lines(description))


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
