"""Docstrings in NumPy's style, taken apart: sentence, parameters, what comes back, what is raised, example, source."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SPAN = re.compile(r":math:`(?P<math>[^`]*)`|``(?P<code>[^`]+)``|`(?P<name>[^`]+)`|\*(?P<stress>[^*\s][^*]*)\*")


@dataclass(frozen=True)
class Described:
    """A parameter, a result or an error: its name, its type, and what is said of it."""

    name: str
    type: str
    about: str


@dataclass
class Docstring:
    """What a docstring says, by its sections."""

    sentence: str = ""
    more: list[str] = field(default_factory=list)
    parameters: list[Described] = field(default_factory=list)
    returns: list[Described] = field(default_factory=list)
    raises: list[Described] = field(default_factory=list)
    example: str = ""
    source: str = ""

    @property
    def formula(self) -> str:
        """The first formula of the sentence."""
        found = re.search(r":math:`([^`]*)`", self.sentence)
        return found[1] if found else ""


def read(text: str | None) -> Docstring:
    r"""Take a docstring apart.

    Examples
    --------
    >>> doc = read("Every element doubled, :math:`2 x`.\n\nParameters\n----------\nx : Expr\n    Of any shape.")
    >>> doc.formula, doc.parameters[0].about
    ('2 x', 'Of any shape.')
    """
    parts = re.split(r"(?m)^(\w+)\n-{3,}\n", inspect.cleandoc(text or ""))
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    paragraphs = [joined(p) for p in re.split(r"\n\s*\n", parts[0].strip())]
    return Docstring(
        sentence=paragraphs[0],
        more=paragraphs[1:],
        parameters=list(described(sections.get("Parameters", "") + "\n" + sections.get("Attributes", ""))),
        returns=list(described(sections.get("Returns", ""))),
        raises=list(described(sections.get("Raises", ""))),
        example=sections.get("Examples", "").strip(),
        source=joined(sections.get("References", "")),
    )


def described(section: str) -> Iterator[Described]:
    """Read the entries of a section, each a line and what is indented below it."""
    for entry in re.split(r"\n(?=\S)", section.strip()):
        head, _, about = entry.partition("\n")
        if head.strip():
            name, _, kind = head.partition(" : ")
            yield Described(name.strip(), kind.strip(), joined(about))


def joined(text: str) -> str:
    """Write lines as one."""
    return re.sub(r"\s+", " ", text).strip()


def spans(text: str) -> Iterator[tuple[str, str]]:
    r"""Tell the formulas, code, names and stressed words of a text from the plain rest.

    Examples
    --------
    >>> list(spans(r"See `grad` for :math:`\bar x`."))
    [('plain', 'See '), ('name', 'grad'), ('plain', ' for '), ('math', '\\bar x'), ('plain', '.')]
    """
    end = 0
    for found in SPAN.finditer(text):
        if found.start() > end:
            yield "plain", text[end : found.start()]
        assert found.lastgroup is not None
        yield found.lastgroup, found[found.lastgroup]
        end = found.end()
    if end < len(text):
        yield "plain", text[end:]
