"""``pellucid reference NAME``: formula, gradient and example of every op, as text or as a page."""

import re
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pellucid.atomic_write import atomic_write
from pellucid.cli.output import Option
from pellucid.experiments.runner import UsageError
from pellucid.experiments.runner.record import to_json

if TYPE_CHECKING:
    from pellucid.show.reference import Entry

WIDTH = 100
PACKAGES = ("pellucid.graph.", "pellucid.run.", "pellucid.show.")
"""Packages with public names for expressions, programs and their display."""


def reference(
    *names: str,
    out: Annotated[Path | None, Option] = None,
    json: Annotated[bool, Option] = False,
) -> int:
    """Look up an op or a function: formula, gradient, parameters and example; or write the reference as a page.

    For example:

        pellucid reference                       list all names
        pellucid reference softmax np.tanh
        pellucid reference --out reference.html  write a page
        pellucid reference --out reference.md

    Parameters
    ----------
    names
        Names to look up (default: list all).
    out
        Write the whole reference to this .html or .md file.
    json
        Print the entries as JSON.
    """
    from pellucid.show.reference import collect_entries

    if out is not None:
        if names or json:
            raise UsageError("reference: --out writes the whole reference. Omit names and --json")
        text = render_reference(out.suffix)
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, text)
        print(f"The reference is in {out}")
        return 0
    known = {**_get_other_entries(), **collect_entries()}
    chosen = [_find_entry(name, known) for name in names]
    if json:
        print(to_json([asdict(entry) for entry in chosen or known.values()]))
    elif chosen:
        print("\n\n".join(map(format_entry, chosen)))
    else:
        print(_format_contents())
    return 0


def render_reference(suffix: str) -> str:
    """Return the whole reference as a page (.html) or Markdown (.md)."""
    from pellucid.show import reference_page
    from pellucid.show.reference import collect_entries

    renderers = {".md": reference_page.render_markdown, ".html": reference_page.render_html}
    if suffix not in renderers:
        raise UsageError(f"--out: expected a file with the suffix .html or .md; received {suffix!r}")
    return renderers[suffix](collect_entries(), _get_other_entries())


def _get_other_entries() -> "dict[str, Entry]":
    """Return the public names that are not functions on expressions, such as constructors and transformations."""
    from pellucid.show.reference import collect_api_entries

    homes = {
        home: names for home, names in sys.modules["pellucid"]._NAMES_BY_MODULE.items() if home.startswith(PACKAGES)
    }
    return collect_api_entries({**homes, "pellucid.graph.ops.random": ["random.Generator"]})


def _find_entry(name: str, known: "dict[str, Entry]") -> "Entry":
    from pellucid.show.reference import find_entry

    try:
        return find_entry(name, known)
    except KeyError as error:
        raise UsageError(error.args[0]) from None


def _format_contents() -> str:
    from pellucid.show.reference import collect_entries, group_by_chapter

    lines = []
    for chapter, members in group_by_chapter(collect_entries()).items():
        lines += [chapter, *_wrap_names(entry.name for family in members for entry in family.entries), ""]
    lines += ["Expressions, gradients, programs, and inspection", *_wrap_names(_get_other_entries()), ""]
    return "\n".join([*lines, "One entry: pellucid reference softmax. All entries: pellucid reference --out page.html"])


def _wrap_names(names: Iterable[str]) -> list[str]:
    return textwrap.wrap(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ")


def format_entry(entry: "Entry") -> str:
    """Return an entry as text for a terminal."""
    from pellucid.show.reference import collect_facts

    lines = [f"pel.{entry.name}{entry.signature}", ""]
    lines += [line for text in (entry.doc.sentence, *entry.doc.more) for line in (*_wrap(text), "")]
    plain = {"Formula": entry.formulas.text[:1], "Gradient": entry.formulas.text[1:]}
    for label, values in collect_facts(entry):
        for index, text in enumerate(plain.get(label) or values):
            lines += _wrap(text, f"{label if index == 0 else '':<14}")
    return "\n".join([*lines, "", *(f"  {line}" for line in entry.doc.example.split("\n"))]).rstrip()


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


def _wrap(text: str, label: str = "") -> list[str]:
    from pellucid.show.reference_docstring import split_markup

    plain = "".join(latex_to_text(part) if kind == "math" else part for kind, part in split_markup(text))
    return textwrap.wrap(plain, WIDTH, initial_indent=f"  {label}", subsequent_indent=" " * (2 + len(label)))
