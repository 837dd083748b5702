"""Pages of the reference as reStructuredText for Sphinx: one for each public name, and one for each section."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS, FOREIGN_METHODS, FOREIGN_MODEL_METHODS
from pellucid.reference.course_links import index_chapters, index_glossary
from pellucid.reference.docstrings import SECTION, get_docstring
from pellucid.reference.facts import Facts, collect_facts, collect_rules, list_derived_lines
from pellucid.reference.inventory import COMMANDS, INTERNAL, SECTIONS, PublicName, list_public_names
from pellucid.reference.pictures import draw_picture

DIRECTIVES = {
    "operation": "py:function",
    "function": "py:function",
    "class": "py:class",
    "error": "py:exception",
    "method": "py:method",
    "property": "py:property",
    "type": "py:data",
    "object": "py:data",
    "module": "py:data",  # `py:module` shows nothing
}
"""Directive of Sphinx for each kind of name."""

INTRODUCTION = """\
Every public name has a page, with its formula, its gradient, an example and its result. The search finds names of NumPy
and Keras, too. In a terminal, ``pellucid reference NAME`` prints a page.

Formulas show an operation on symbols, with capital letters for matrices. A bar denotes the gradient of a cost with
respect to a symbol, :math:`\\bar{x} = \\partial c / \\partial x`. Gradients are derived by the operation's own rule,
and summed over the axes along which an operand is broadcast. Examples assume ``import pellucid as pel`` and
``import numpy as np``."""

RULES = """\
The rules of `simplify`, in the order in which they are tried. Dots denote a replacement that depends on the matched
expression."""

FRAMEWORKS = """\
What to write in pellucid for names of NumPy, Keras, TensorFlow, PyTorch and Theano. Names that are the same are not
listed; errors of pellucid give the same hints."""

MAX_RELATED = 12
"""Number of names of the same family below a page."""


def write_pages() -> dict[str, str]:
    """Return the text of each page of the reference, by its name without suffix."""
    pages = {get_page(entry): write_name(entry) for entry in list_public_names().values() if entry.owner is None}
    for section in SECTIONS:
        pages[get_section_page(section)] = write_section(section)
    return pages | {"index": write_index(), "rules": write_rules(), "other-frameworks": write_frameworks()}


@functools.cache
def list_pages() -> Mapping[PublicName, str]:
    """Return the page of each public name. Methods are on the page of their class."""
    entries = [entry for entry in list_public_names().values() if entry.owner is None]
    plain = {entry: entry.name.removeprefix("pel.").replace(" ", ".") for entry in entries}
    repeated = Counter(page.lower() for page in plain.values())
    # Some file systems do not distinguish `Function` and `function`.
    return {e: f"{p}-class" if e.kind == "class" and repeated[p.lower()] > 1 else p for e, p in plain.items()}


def get_page(entry: PublicName) -> str:
    return list_pages()[entry.owner or entry]


def get_anchor(entry: PublicName) -> str:
    """Return the anchor of a method in the page of its class."""
    return f"#{entry.name}" if entry.owner else ""


def get_section_page(section: str) -> str:
    return f"section-{re.sub(r'[^a-z]+', '-', section.lower())}"


def write_name(entry: PublicName) -> str:
    """Return the page of a name."""
    parts = [make_heading(entry.name), *write_index_entries(entry)]
    parts += write_command(entry) if entry.kind == "command" else write_object(entry)
    return "\n\n".join([*parts, *write_links(entry)]) + "\n"


def make_heading(title: str, mark: str = "=") -> str:
    return f"{title}\n{mark * len(title)}"


def write_index_entries(entry: PublicName) -> list[str]:
    """Return entries of the index for other spellings, such as that of NumPy."""
    spelled = [alias for alias in entry.aliases if '"' not in alias]
    return ["\n".join([".. index::", *(f"   single: {alias}" for alias in spelled)])] if spelled else []


def write_command(entry: PublicName) -> list[str]:
    facts = collect_facts(entry)
    return [facts.doc.sentence, f".. code-block:: text\n\n{indent(facts.help)}"]


def write_object(entry: PublicName) -> list[str]:
    """Return a directive that describes an object, its docstring, its facts, its picture and its methods."""
    facts = collect_facts(entry)
    text = get_docstring(entry)
    start = SECTION.search(text)
    head, sections = (text[: start.start()], text[start.start() :]) if start else (text, "")
    content = [head.strip(), *write_facts(facts), *write_picture(entry), convert_sections(sections)]
    methods = [list_public_names()[name] for name in facts.methods]
    content += [part for method in methods for part in write_object(method)]
    content += [list_names(list_public_names()[name] for name in facts.names)] if facts.names else []
    return [
        f"{write_directive(entry, facts)}\n\n{indent(part)}" if i == 0 else indent(part)
        for i, part in enumerate(content)
        if part
    ]


def write_directive(entry: PublicName, facts: Facts) -> str:
    """Return the head of a directive. Methods are nested in their class."""
    name = entry.short_name if entry.owner else entry.name
    head = f".. {DIRECTIVES[entry.kind]}:: {name}"
    if entry.kind == "type":
        return f"{head}\n   :value: {facts.signature.removeprefix(' = ')}"
    return f"{head}{facts.signature}"


def convert_sections(text: str) -> str:
    """Return the sections of a docstring in reStructuredText."""
    from sphinx.ext.napoleon import Config
    from sphinx.ext.napoleon.docstring import NumpyDocstring

    settings: dict[str, Any] = {
        "napoleon_use_param": False,
        "napoleon_use_rtype": False,
        "napoleon_custom_sections": [("Attributes", "params_style"), ("Warns", "params_style")],
    }
    config: Any = Config(**settings)  # a part of Sphinx's, which its type hint asks for
    text = re.sub(r"(?m)^([A-Z]\.) ", r"\\\1 ", text)  # "A. Vaswani" is an author, not an item of a list
    return str(NumpyDocstring(text, config)).strip() if text else ""


def write_facts(facts: Facts) -> list[str]:
    """Return the derived facts as a list of fields, with formulas on separate lines."""
    fields = []
    for label, lines in list_derived_lines(facts):
        formulas = [re.fullmatch(r":math:`([^`]*)`", line) for line in lines]
        if all(formulas):
            body = "\n\n".join(f".. math:: {found[1]}" for found in formulas if found)
        else:
            body = "\n\n".join(lines)
        fields.append(f":{label}:\n{indent(body)}")
    return ["\n".join(fields)] if fields else []


def write_picture(entry: PublicName) -> list[str]:
    drawing = draw_picture(entry)
    if drawing is None:
        return []
    caption = f"<figcaption>{escape(drawing.description)}</figcaption>"
    html = f'<figure class="reference-picture">{drawing.svg}{caption}</figure>'
    return [f".. raw:: html\n\n{indent(html)}"]


def write_links(entry: PublicName) -> list[str]:
    """Return links to the course, the glossary, names of the same family, and the section."""
    fields = []
    chapters = index_chapters().get(entry, [])
    terms = index_glossary().get(entry, [])
    related = list_related(entry)
    if chapters:
        fields.append(f":In the course: {', '.join(f':doc:`/{page}`' for page in chapters)}")
    if terms:
        fields.append(f":Glossary: {', '.join(f':term:`{term}`' for term in terms)}")
    if related:
        fields.append(f":See also: {', '.join(make_link(other) for other in related)}")
    fields.append(f":Section: :doc:`{entry.section} <{get_section_page(entry.section)}>`")
    return [".. rst-class:: reference-links", "\n".join(fields)]


def list_related(entry: PublicName) -> list[PublicName]:
    """Return the nearest names of the same family, in the order of their definition."""
    family = [
        e
        for e in list_public_names().values()
        if (e.section, e.family) == (entry.section, entry.family) and e.owner is None and e.kind != "module"
    ]
    if entry not in family:
        return []
    place = family.index(entry)
    start = min(max(place - MAX_RELATED // 2, 0), max(len(family) - MAX_RELATED - 1, 0))
    return [e for e in family[start : start + MAX_RELATED + 1] if e is not entry]


def make_link(entry: PublicName) -> str:
    """Return a link to the page of a name, with its text as code."""
    if entry.kind == "command":
        return f":doc:`{entry.name} <{get_page(entry)}>`"
    return f":pellucid:`{entry.name}`"


def list_names(entries: Iterable[PublicName]) -> str:
    """Return a definition list of names with their first sentences."""
    return "\n\n".join(f"{make_link(e)}\n{indent(collect_facts(e).doc.sentence)}" for e in entries)


def write_section(section: str) -> str:
    """Return the page of a section: its families, each with its names."""
    families: dict[str, list[PublicName]] = {}
    for entry in list_public_names().values():
        if entry.section == section and entry.owner is None:
            families.setdefault("Modules" if entry.kind == "module" else entry.family, []).append(entry)
    parts = [make_heading(section)]
    for family, entries in families.items():
        if len(families) > 1 and family:
            parts.append(make_heading(family, "-"))
        parts.append(list_names(entries))
    pages = [f"   {get_page(entry)}" for entries in families.values() for entry in entries]
    return "\n\n".join([*parts, "\n".join([".. toctree::", "   :hidden:", "", *pages])]) + "\n"


def write_index() -> str:
    pages = [f"   {get_section_page(section)}" for section in order_sections()]
    toctree = "\n".join([".. toctree::", "   :maxdepth: 1", "", *pages, "   rules"])
    return (
        "\n\n".join([make_heading("Reference"), INTRODUCTION, toctree, ":ref:`All names by letter <genindex>`"]) + "\n"
    )


def order_sections() -> Iterator[str]:
    yield from (section for section in SECTIONS if section not in (COMMANDS, INTERNAL))
    yield from (COMMANDS, INTERNAL)


def write_rules() -> str:
    """Return the page of the rewrite rules."""
    parts = [make_heading("Rewrite rules"), RULES]
    for phase, (sentence, rows) in collect_rules().items():
        cells = [("rule", "before", "after", "assumes")]
        cells += [(row.name, f"``{row.before}``", f"``{row.after}``", row.when) for row in rows]
        parts += [make_heading(phase.capitalize(), "-"), f"{sentence[:1].upper()}{sentence[1:]}.", make_table(cells)]
    return "\n\n".join(parts) + "\n"


def write_frameworks() -> str:
    """Return the page of the names of other frameworks."""
    tables = {
        "Functions": FOREIGN_FUNCTIONS,
        "Methods of arrays": FOREIGN_METHODS,
        "Methods of models": FOREIGN_MODEL_METHODS,
    }
    parts = [make_heading("Names of other frameworks"), FRAMEWORKS]
    for title, names in tables.items():
        by_advice: dict[tuple[str, str], list[str]] = {}
        for name, advice in names.items():
            by_advice.setdefault((advice.code, advice.note), []).append(name)
        advice_by_names = [
            f"{', '.join(f'``{name}``' for name in found)}\n{indent(join_advice(*advice))}"
            for advice, found in by_advice.items()
        ]
        parts += [make_heading(title, "-"), *advice_by_names]
    return "\n\n".join(parts) + "\n"


def join_advice(code: str, note: str) -> str:
    return ". ".join(filter(None, [f"``{code}``" if code else "", escape_text(note)])).rstrip(".") + "."


def make_table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if index == 0 else ' '} - {cell}".rstrip() for index, cell in enumerate(row)]
    return "\n".join(lines)


def escape_text(text: str) -> str:
    """Return plain text in which no character is markup."""
    return re.sub(r"([*`|_\\])", r"\\\1", text)


def indent(text: str) -> str:
    return "\n".join(f"   {line}" if line else "" for line in text.split("\n"))
