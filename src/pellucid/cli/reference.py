"""``pellucid reference NAME``: formula, gradient and example of every op, in the terminal or as a page."""

import re
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pellucid.cli.options import Option
from pellucid.experiments.runner import UsageError
from pellucid.experiments.runner.record import as_json

if TYPE_CHECKING:
    from pellucid.show.reference import Entry

WIDTH = 100
LEVEL = ("pellucid.graph.", "pellucid.run.", "pellucid.show.")
"""Where the public names of expressions and programs are at home."""


def reference(
    *names: str,
    out: Annotated[Path | None, Parameter(negative="")] = None,
    json: Annotated[bool, Option] = False,
) -> int:
    """Look an op or a function up: formula, gradient, parameters and example; or write the whole reference as a page.

    For example:

        pellucid reference                       what there is
        pellucid reference softmax np.tanh
        pellucid reference --out reference.html  a page that needs no network
        pellucid reference --out reference.md

    Parameters
    ----------
    names
        What to look up; without a name, everything is listed.
    out
        Write the whole reference to this file: a page for .html, Markdown for .md.
    json
        Print what is known as JSON.
    """
    from pellucid.show.reference import entries

    if out is not None:
        if names or json:
            raise UsageError("reference: --out writes the whole reference. Leave the names and --json out")
        return _write(out)
    found, more = entries(), _further()
    everything = {**more, **found}
    chosen = [_find(name, everything) for name in names]
    if json:
        print(as_json([asdict(entry) for entry in chosen or everything.values()]))
    elif chosen:
        print("\n\n".join(map(as_text, chosen)))
    else:
        print(_contents())
    return 0


def page(suffix: str) -> str:
    """Return the whole reference in the form that belongs to the ending of a file's name."""
    from pellucid.show import reference_page
    from pellucid.show.reference import entries

    forms = {".md": reference_page.markdown, ".html": reference_page.html}
    if suffix not in forms:
        raise UsageError(f"--out: expected a file that ends in .html or .md; received one that ends in {suffix!r}")
    return forms[suffix](entries(), _further())


def _write(out: Path) -> int:
    text = page(out.suffix)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    print(f"The reference is in {out}")
    return 0


def _further() -> "dict[str, Entry]":
    """Return the public names that are no functions on expressions: what makes them, and what is done with them."""
    import pellucid
    from pellucid.show.reference import further

    homes = {home: names for home, names in pellucid._HOMES.items() if home.startswith(LEVEL)}
    return further({**homes, "pellucid.graph.ops.random": ["random.Generator"]})


def _find(name: str, found: "dict[str, Entry]") -> "Entry":
    from pellucid.show.reference import entry_named

    try:
        return entry_named(name, found)
    except KeyError as error:
        raise UsageError(error.args[0]) from None


def _contents() -> str:
    from pellucid.show.reference import entries, families

    lines = []
    for chapter, members in families(entries()).items():
        lines += [chapter, *_names(entry.name for family in members for entry in family.entries), ""]
    lines += ["Expressions, gradients, programs, and ways to see them", *_names(_further()), ""]
    return "\n".join([*lines, "Look one up: pellucid reference softmax. All of it: pellucid reference --out page.html"])


def _names(names: Iterable[str]) -> list[str]:
    return textwrap.wrap(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ")


def as_text(entry: "Entry") -> str:
    """Write an entry for a terminal."""
    from pellucid.show.reference_facts import facts

    lines = [f"pel.{entry.name}{entry.signature}", ""]
    lines += [line for text in (entry.doc.sentence, *entry.doc.more) for line in (*_wrapped(text), "")]
    plain = {"Formula": entry.letters.plain[:1], "Gradient": entry.letters.plain[1:]}
    for label, told in facts(entry):
        for place, text in enumerate(plain.get(label) or told):
            lines += _wrapped(text, f"{label if place == 0 else '':<14}")
    return "\n".join([*lines, "", *(f"  {line}" for line in entry.doc.example.split("\n"))]).rstrip()


def plain_math(latex: str) -> str:
    r"""Write a formula with the signs of mathematics that a terminal has.

    Examples
    --------
    >>> plain_math(r"\operatorname{softmax}(x)_i = e^{x_i} / \sum_j e^{x_j}")
    'softmax(x)_i = e^{x_i} / ∑_j e^{x_j}'
    """
    from latex2mathml.symbols_parser import convert_symbol

    def sign(found: re.Match[str]) -> str:
        code = convert_symbol(found[0])
        return chr(int(code, 16)) if code else found[0]

    words = re.sub(r"\\(?:operatorname|mathrm|mathit|text)\{([^{}]*)\}", r"\1", without_fractions(latex))
    signs = re.sub(r"\\[A-Za-z]+", sign, words.replace(r"\left", "").replace(r"\right", ""))
    return re.sub(
        r"\\(?=(?:log|exp|max|min|sin|cos|tan|sinh|cosh|tanh|det|arcsin|arccos|arctan)\b)", "", signs
    ).replace(r"\, ", "")


def without_fractions(latex: str) -> str:
    r"""Write fractions in one line.

    Examples
    --------
    >>> without_fractions(r"\frac{e^{x}}{1 + e^{x}} + 1")
    '(e^{x}) / (1 + e^{x}) + 1'
    """
    while (start := latex.rfind(r"\frac{")) >= 0:
        upper, middle = braced(latex, start + len(r"\frac"))
        lower, end = braced(latex, middle)
        latex = f"{latex[:start]}({upper}) / ({lower}){latex[end:]}"
    return latex


def braced(latex: str, start: int) -> tuple[str, int]:
    """Return what stands in braces, and where it ends."""
    depth = 0
    for place in range(start, len(latex)):
        depth += {"{": 1, "}": -1}.get(latex[place], 0)
        if depth == 0:
            return latex[start + 1 : place], place + 1
    return latex[start + 1 :], len(latex)


def _wrapped(text: str, label: str = "") -> list[str]:
    from pellucid.show.reference_docstring import spans

    bare = "".join(plain_math(part) if kind == "math" else part for kind, part in spans(text))
    return textwrap.wrap(bare, WIDTH, initial_indent=f"  {label}", subsequent_indent=" " * (2 + len(label)))
