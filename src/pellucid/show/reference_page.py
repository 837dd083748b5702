"""The reference as a page: in Markdown, which code hosts show, and in HTML, which needs neither script nor network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape

from pellucid.show.mathml import mathml, page
from pellucid.show.reference import Entry, Family, behind, families
from pellucid.show.reference_docstring import spans
from pellucid.show.reference_facts import RuleRow, facts, rules

TITLE = "Reference"
INTRODUCTION = [
    "Every operation on expressions, written by ``pellucid reference`` from the registry that runs and tests them. "
    "A formula is the op on letters, capital ones for matrices. A bar stands for the gradient of a cost with respect "
    "to what is below it, :math:`\\bar{x} = \\frac{\\partial c}{\\partial x}`, and every gradient is what the op's own "
    "rule makes of these letters; it is summed over the axes along which an operand was repeated. "
    ":math:`\\odot` is the product of every pair of elements.",
    "An operation is a function of pellucid, ``pel.NAME``; NumPy's function of the same name, where there is one, "
    "takes expressions too. ``pellucid reference NAME`` prints one entry.",
]
BEHIND = "Ops behind the functions"
BEHIND_SENTENCE = "Nobody calls these by name: functions write them, and so do gradients."
FURTHER = "Expressions, gradients, programs, and ways to see them"
FURTHER_SENTENCE = "What makes expressions, and what is done with them."
RULES = "Rewrite rules"
RULES_SENTENCE = (
    "What `simplify` looks for and what takes its place, in the order in which the rules are tried. Dots stand for "
    "what depends on what was matched."
)

STYLE = """
body { max-width: 58rem; }
h2 { font-size: 1.45rem; margin: 3rem 0 .4rem; border-top: 2px solid #1c1c1e; padding-top: .8rem; }
h3 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; color: #8a5a00; }
article { border-top: 1px solid #d9d9de; padding: .7rem 0 .4rem; margin-top: .9rem; }
article h4 { font: 600 1rem/1.4 ui-monospace, Consolas, monospace; margin: 0 0 .3rem; overflow-wrap: anywhere; }
article h4 span { font-weight: 400; color: #55555c; }
article p { margin: .3rem 0; }
dl { display: grid; grid-template-columns: 7.5rem 1fr; gap: .25rem .8rem; margin: .5rem 0; font-size: .95rem; }
dt { color: #55555c; }
dd { margin: 0; overflow-x: auto; overflow-y: hidden; }
dd div { margin: 0 0 .2rem; }
dd math { math-style: normal; }
code { font: .86em ui-monospace, Consolas, monospace; }
a { color: #1d4f91; text-decoration: none; }
a:hover { text-decoration: underline; }
nav { font-size: .92rem; line-height: 1.6; }
nav b { display: inline-block; margin-right: .5rem; }
nav p { margin: .45rem 0; }
table { width: 100%; }
"""


def known_names(found: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return every entry by each of its names."""
    aliases = {a.removeprefix("pel."): e for e in found.values() for a in e.aliases if a.startswith("pel.")}
    return {**aliases, **found}


Writer = Callable[[str], str]


def markdown_math(latex: str) -> str:
    r"""Write a formula between dollars, and between backticks too where Markdown would read signs of its own in it.

    Examples
    --------
    >>> print(markdown_math("x + y"), markdown_math(r"\{0, 1\}"))
    $x + y$ $`\{0, 1\}`$
    """
    return f"$`{latex}`$" if re.search(r"\\[^A-Za-z]|[*<>|_]", latex) else f"${latex}$"


def in_markdown(found: Mapping[str, Entry]) -> Writer:
    """Return what writes the markup of docstrings as Markdown."""
    known = known_names(found)

    def name(text: str) -> str:
        entry = known.get(text.removeprefix("pellucid."))
        return f"[`{text}`](#{entry.anchor})" if entry else f"`{text}`"

    forms: dict[str, Writer] = {
        "plain": lambda text: re.sub(r"([*_<>|])", r"\\\1", text),
        "math": markdown_math,
        "code": lambda text: f"`{text}`",
        "name": name,
        "stress": lambda text: f"*{text}*",
    }
    return lambda text: "".join(forms[kind](part) for kind, part in spans(text))


def markdown(found: Mapping[str, Entry], more: Mapping[str, Entry]) -> str:
    """Write the reference in Markdown."""
    write = in_markdown({**more, **found})
    lines = [f"# {TITLE}", "", "<!-- Written by: pellucid reference --out docs/reference.md -->", ""]
    lines += [line for text in INTRODUCTION for line in (write(text), "")]
    chapters = families(found)
    for chapter, members in chapters.items():
        index = ", ".join(link for family in members for link in links(family.entries, write))
        lines += [f"- **{chapter}**: {index}"]
    lines += [f"- **{FURTHER}**: {', '.join(links(more.values(), write))}", ""]
    for chapter, members in chapters.items():
        lines += [f"## {chapter}", ""]
        for family in members:
            lines += [f"### {family.title}", "", write(family.introduction), ""]
            lines += [line for entry in family.entries for line in markdown_entry(entry, write)]
    for heading, sentence, entries in (
        (FURTHER, FURTHER_SENTENCE, more.values()),
        (BEHIND, BEHIND_SENTENCE, behind(found)),
    ):
        lines += [f"## {heading}", "", sentence, ""]
        lines += [line for entry in entries for line in markdown_entry(entry, write)]
    lines += [f"## {RULES}", "", write(RULES_SENTENCE), ""]
    for phase, (sentence, rows) in rules().items():
        lines += [f"### The phase `{phase}`", "", f"{sentence[:1].upper()}{sentence[1:]}.", ""]
        lines += ["| rule | before | after | when |", "|---|---|---|---|", *map(markdown_row, rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def links(entries: Iterable[Entry], write: Writer) -> list[str]:
    """Write links to entries."""
    return [write(f"`{entry.name}`") for entry in entries]


def markdown_entry(entry: Entry, write: Writer) -> list[str]:
    """Write one entry in Markdown."""
    lines = [f'#### <a id="{entry.anchor}"></a>`pel.{entry.name}{entry.signature}`', ""]
    lines += [line for text in (entry.doc.sentence, *entry.doc.more) for line in (write(text), "")]
    for label, told in facts(entry):
        if len(told) == 1:
            lines.append(f"- **{label}**: {write(told[0])}")
        else:
            lines += [f"- **{label}**:", *(f"  - {write(line)}" for line in told)]
    return [*lines, "", "```python", *entry.doc.example.split("\n"), "```", ""] if entry.doc.example else [*lines, ""]


def markdown_row(row: RuleRow) -> str:
    """Write a rule as a row of a table."""
    cells = (row.name, f"`{row.before}`", f"`{row.after}`", row.when)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def in_html(found: Mapping[str, Entry]) -> Writer:
    """Return what writes the markup of docstrings as HTML."""
    known = known_names(found)

    def name(text: str) -> str:
        entry = known.get(text.removeprefix("pellucid."))
        code = f"<code>{escape(text)}</code>"
        return f'<a href="#{entry.anchor}">{code}</a>' if entry else code

    forms: dict[str, Writer] = {
        "plain": escape,
        "math": lambda latex: mathml(latex, "inline"),
        "code": lambda text: f"<code>{escape(text)}</code>",
        "name": name,
        "stress": lambda text: f"<i>{escape(text)}</i>",
    }
    return lambda text: "".join(forms[kind](part) for kind, part in spans(text))


def html(found: Mapping[str, Entry], more: Mapping[str, Entry]) -> str:
    """Write the reference as a page of HTML."""
    write = in_html({**more, **found})
    chapters = families(found)
    parts = [f"<p>{write(text)}</p>" for text in INTRODUCTION]
    index = {chapter: [e for family in members for e in family.entries] for chapter, members in chapters.items()}
    index |= {FURTHER: list(more.values()), BEHIND: behind(found), RULES: []}
    parts.append(f"<nav>{''.join(html_links(chapter, entries, write) for chapter, entries in index.items())}</nav>")
    for chapter, members in chapters.items():
        parts.append(f'<h2 id="{slug(chapter)}">{escape(chapter)}</h2>')
        parts += [html_family(family, write) for family in members]
    for heading, sentence, entries in (
        (FURTHER, FURTHER_SENTENCE, more.values()),
        (BEHIND, BEHIND_SENTENCE, behind(found)),
    ):
        parts.append(f'<h2 id="{slug(heading)}">{escape(heading)}</h2>\n<p>{escape(sentence)}</p>')
        parts += [html_entry(entry, write) for entry in entries]
    parts.append(f'<h2 id="{slug(RULES)}">{RULES}</h2>\n<p>{write(RULES_SENTENCE)}</p>')
    for phase, (sentence, rows) in rules().items():
        body = "\n".join(map(html_row, rows))
        heading = "<tr><th>rule</th><th>before</th><th>after</th><th>when</th></tr>"
        parts.append(f"<h3>The phase {escape(phase)}</h3>\n<p>{escape(sentence[:1].upper() + sentence[1:])}.</p>")
        parts.append(f"<table>{heading}\n{body}\n</table>")
    return page(TITLE, "\n".join(parts), STYLE)


def slug(title: str) -> str:
    """Return what a link to a chapter ends in."""
    return re.sub(r"\W+", "-", title.lower())


def html_links(chapter: str, entries: Iterable[Entry], write: Writer) -> str:
    """Write the line of the index that belongs to a chapter."""
    return f'<p><b><a href="#{slug(chapter)}">{escape(chapter)}</a></b> {" ".join(links(entries, write))}</p>'


def html_family(family: Family, write: Writer) -> str:
    """Write a family of functions."""
    heading = f"<h3>{escape(family.title)}</h3>\n<p>{write(family.introduction)}</p>"
    return "\n".join([heading, *(html_entry(entry, write) for entry in family.entries)])


def html_entry(entry: Entry, write: Writer) -> str:
    """Write one entry in HTML."""
    parts = [f"<h4>pel.{escape(entry.name)}<span>{escape(entry.signature)}</span></h4>"]
    parts += [f"<p>{write(text)}</p>" for text in (entry.doc.sentence, *entry.doc.more)]
    told = "\n".join(
        f"<dt>{label}</dt><dd>{''.join(f'<div>{write(line)}</div>' for line in lines)}</dd>"
        for label, lines in facts(entry)
    )
    parts += [f"<dl>{told}</dl>"] if told else []
    parts += [f"<pre>{escape(entry.doc.example)}</pre>"] if entry.doc.example else []
    return f'<article id="{entry.anchor}">\n' + "\n".join(parts) + "\n</article>"


def html_row(row: RuleRow) -> str:
    """Write a rule as a row of a table."""
    before, after = f"<code>{escape(row.before)}</code>", f"<code>{escape(row.after)}</code>"
    return (
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in (escape(row.name), before, after, escape(row.when))) + "</tr>"
    )
