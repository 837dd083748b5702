"""Entries of the reference as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from pellucid.reference.docstrings import split_markup
from pellucid.reference.facts import Facts, list_lines
from pellucid.reference.inventory import INTERNAL, SECTIONS, list_public_names

INDENT = 2
LABEL = 14
"""Columns of the labels of facts."""


def format_facts(facts: Facts, width: int) -> str:
    """Return an entry as text with lines of at most ``width`` characters, except formulas and code."""
    if facts.help:
        return facts.help
    heading = f"{facts.name}{facts.signature}"
    lines = [*textwrap.wrap(heading, width, subsequent_indent=" " * 4, break_long_words=False), ""]
    lines += [line for text in (facts.doc.sentence, *facts.doc.more) for line in (*wrap_markup(text, width), "")]
    plain = {"Formula": facts.formulas.text[:1], "Gradient": facts.formulas.text[1:]}
    for label, values in list_lines(facts):
        for index, text in enumerate(plain.get(label) or values):
            lines += wrap_markup(text, width, f"{label if index == 0 else '':<{LABEL}}")
    return "\n".join([*lines, "", *(f"  {line}" for line in facts.doc.example.split("\n"))]).rstrip()


def format_contents(width: int) -> str:
    """Return all public names by section, without methods, modules and internal operations."""
    names: dict[str, list[str]] = {section: [] for section in SECTIONS if section != INTERNAL}
    for entry in list_public_names().values():
        if entry.section in names and entry.owner is None and entry.kind != "module":
            names[entry.section].append(entry.name)
    lines = []
    for section, members in names.items():
        lines += [section, *wrap_words(shorten_names(members), width), ""]
    return "\n".join([*lines, "One entry: pellucid reference softmax. As pages, with pictures: pellucid docs"])


def shorten_names(names: Iterable[str]) -> Iterable[str]:
    """Yield names, in which the module is only that of the first name after another one."""
    previous = None
    for name in names:
        module, _, short = name.rpartition(".")
        yield name if module != previous else short
        previous = module


def wrap_words(words: Iterable[str], width: int) -> list[str]:
    return textwrap.wrap(", ".join(words), width, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def wrap_markup(text: str, width: int, label: str = "") -> list[str]:
    """Return text with markup as plain lines. Later lines are indented as far as the first one behind its label."""
    plain = "".join(latex_to_text(part) if kind == "math" else part for kind, part in split_markup(text))
    indent = " " * INDENT
    return textwrap.wrap(
        plain,
        width,
        initial_indent=indent + label,
        subsequent_indent=indent + " " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def latex_to_text(latex: str) -> str:
    r"""Convert a LaTeX formula to Unicode text.

    Examples
    --------
    >>> latex_to_text(r"\operatorname{softmax}(x)_i = e^{x_i} / \sum_j e^{x_j}")
    'softmax(x)_i = e^{x_i} / ∑_j e^{x_j}'
    """
    from latex2mathml.symbols_parser import convert_symbol

    def to_symbol(match: re.Match[str]) -> str:
        code = convert_symbol(match[0])
        return chr(int(code, 16)) if code else match[0]

    text = re.sub(r"\\(?:operatorname|mathrm|mathit|text)\{([^{}]*)\}", r"\1", replace_fractions(latex))
    symbols = re.sub(r"\\[A-Za-z]+", to_symbol, text.replace(r"\left", "").replace(r"\right", ""))
    return re.sub(
        r"\\(?=(?:log|exp|max|min|sin|cos|tan|sinh|cosh|tanh|det|arcsin|arccos|arctan)\b)", "", symbols
    ).replace(r"\, ", "")


def replace_fractions(latex: str) -> str:
    r"""Replace LaTeX fractions by quotients.

    Examples
    --------
    >>> replace_fractions(r"\frac{e^{x}}{1 + e^{x}} + 1")
    '(e^{x}) / (1 + e^{x}) + 1'
    """
    while (start := latex.rfind(r"\frac{")) >= 0:
        numerator, middle = get_braced(latex, start + len(r"\frac"))
        denominator, end = get_braced(latex, middle)
        latex = f"{latex[:start]}({numerator}) / ({denominator}){latex[end:]}"
    return latex


def get_braced(latex: str, start: int) -> tuple[str, int]:
    """Return the text in braces that starts at ``start``, and the position after it."""
    depth = 0
    for position in range(start, len(latex)):
        depth += {"{": 1, "}": -1}.get(latex[position], 0)
        if depth == 0:
            return latex[start + 1 : position], position + 1
    return latex[start + 1 :], len(latex)
