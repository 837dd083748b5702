"""The reference as a page in Markdown or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from pellucid.show.mathml import latex_to_mathml, render_page
from pellucid.show.reference import Entry, RuleRow, collect_facts, collect_internal_ops, collect_rules, group_by_chapter
from pellucid.show.reference_docstring import split_markup
from pellucid.show.renderers import html_table

TITLE = "Reference"
INTRODUCTION = [
    "All operations on expressions. ``pellucid reference`` writes this page from the registry of ops. Formulas show "
    "the op on symbols, with capital letters for matrices. A bar denotes the gradient of a cost with respect to a "
    "symbol, :math:`\\bar{x} = \\frac{\\partial c}{\\partial x}`. Gradients are derived by the op's own rule, and "
    "summed over the axes along which an operand is broadcast. :math:`\\odot` is the elementwise product.",
    "An operation is a function ``pel.NAME``. The NumPy function of the same name, if there is one, accepts "
    "expressions too. ``pellucid reference NAME`` prints one entry. Examples assume ``import pellucid as pel`` and "
    "``import numpy as np``.",
]
API = ("Expressions, gradients, programs and display", "Functions and classes that create and use expressions.")
INTERNAL = ("Internal ops", "Ops that functions and gradients use. They have no public function.")
RULES = (
    "Rewrite rules",
    "The rules of `simplify`, in the order in which they are tried. Dots denote a replacement that depends on the "
    "matched expression.",
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
@media (prefers-color-scheme: dark) {
  h2, article { border-color: #3a3f47; }
  h3 { color: #ffb454; }
  article h4 span, dt { color: #b4b7be; }
  a { color: #8ab4f8; }
}
"""


class Markup:
    """Converter of docstring markup, with links to entries."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        aliases = {a.removeprefix("pel."): e for e in entries.values() for a in e.aliases if a.startswith("pel.")}
        self.by_name: dict[str, Entry] = {**aliases, **entries}
        self.parts: list[str] = []

    def markup(self, text: str) -> str:
        return "".join(self.span(kind, content) for kind, content in split_markup(text))

    def span(self, kind: str, content: str) -> str:
        raise NotImplementedError

    def links(self, entries: Iterable[Entry]) -> list[str]:
        return [self.markup(f"`{entry.name}`") for entry in entries]

    def find_entry(self, name: str) -> Entry | None:
        return self.by_name.get(name.removeprefix("pellucid."))


class MarkdownReference(Markup):
    """The reference in Markdown."""

    def span(self, kind: str, content: str) -> str:
        if kind == "name":
            entry = self.find_entry(content)
            return f"[`{content}`](#{entry.anchor})" if entry else f"`{content}`"
        if kind == "math":
            return markdown_math(content)
        return {"code": f"`{content}`", "emphasis": f"*{content}*"}.get(kind) or re.sub(r"([*_<>|])", r"\\\1", content)

    def paragraph(self, text: str) -> None:
        self.parts += [self.markup(text), ""]

    def index(self, chapters: Mapping[str, Sequence[Entry]]) -> None:
        shown = {title: entries for title, entries in chapters.items() if entries and title != INTERNAL[0]}
        self.parts += [*(f"- **{title}**: {', '.join(self.links(entries))}" for title, entries in shown.items()), ""]

    def heading(self, title: str) -> None:
        self.parts += [f"## {title}", ""]

    def subheading(self, title: str) -> None:
        self.parts += [f"### {title}", ""]

    def entry(self, entry: Entry) -> None:
        self.parts += [f'#### <a id="{entry.anchor}"></a>`pel.{entry.name}{entry.signature}`', ""]
        for text in (entry.doc.sentence, *entry.doc.more):
            self.paragraph(text)
        for label, lines in collect_facts(entry):
            if len(lines) == 1:
                self.parts.append(f"- **{label}**: {self.markup(lines[0])}")
            else:
                self.parts += [f"- **{label}**:", *(f"  - {self.markup(line)}" for line in lines)]
        self.parts += ["", "```python", entry.doc.example, "```", ""] if entry.doc.example else [""]

    def rules(self, rows: Sequence[RuleRow]) -> None:
        self.parts += ["| rule | before | after | when |", "|---|---|---|---|"]
        for row in rows:
            cells = (row.name, f"`{row.before}`", f"`{row.after}`", row.when)
            self.parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        self.parts.append("")


class HtmlReference(Markup):
    """The reference in HTML."""

    def span(self, kind: str, content: str) -> str:
        if kind == "math":
            return latex_to_mathml(content, "inline")
        code = f"<code>{escape(content)}</code>"
        if kind == "name":
            entry = self.find_entry(content)
            return f'<a href="#{entry.anchor}">{code}</a>' if entry else code
        return {"code": code, "emphasis": f"<i>{escape(content)}</i>"}.get(kind, escape(content))

    def paragraph(self, text: str) -> None:
        self.parts.append(f"<p>{self.markup(text)}</p>")

    def index(self, chapters: Mapping[str, Sequence[Entry]]) -> None:
        lines = [
            f'<p><b><a href="#{make_slug(title)}">{escape(title)}</a></b> {" ".join(self.links(entries))}</p>'
            for title, entries in chapters.items()
        ]
        self.parts.append(f"<nav>{''.join(lines)}</nav>")

    def heading(self, title: str) -> None:
        self.parts.append(f'<h2 id="{make_slug(title)}">{escape(title)}</h2>')

    def subheading(self, title: str) -> None:
        self.parts.append(f"<h3>{escape(title)}</h3>")

    def entry(self, entry: Entry) -> None:
        self.parts.append(f'<article id="{entry.anchor}">')
        self.parts.append(f"<h4>pel.{escape(entry.name)}<span>{escape(entry.signature)}</span></h4>")
        for text in (entry.doc.sentence, *entry.doc.more):
            self.paragraph(text)
        facts = "\n".join(
            f"<dt>{label}</dt><dd>{''.join(f'<div>{self.markup(line)}</div>' for line in lines)}</dd>"
            for label, lines in collect_facts(entry)
        )
        self.parts += [f"<dl>{facts}</dl>"] if facts else []
        self.parts += [f"<pre>{escape(entry.doc.example)}</pre>"] if entry.doc.example else []
        self.parts.append("</article>")

    def rules(self, rows: Sequence[RuleRow]) -> None:
        cells = [
            [
                escape(row.name),
                f"<code>{escape(row.before)}</code>",
                f"<code>{escape(row.after)}</code>",
                escape(row.when),
            ]
            for row in rows
        ]
        self.parts.append(html_table(["rule", "before", "after", "when"], cells))


def write_reference(
    page: MarkdownReference | HtmlReference, entries: Mapping[str, Entry], api: Mapping[str, Entry]
) -> str:
    """Write all entries and rewrite rules to a page, and return its text."""
    chapters, internal = group_by_chapter(entries), collect_internal_ops(entries)
    for text in INTRODUCTION:
        page.paragraph(text)
    index = {title: [e for family in families for e in family.entries] for title, families in chapters.items()}
    page.index({**index, API[0]: list(api.values()), INTERNAL[0]: internal, RULES[0]: []})
    for title, families in chapters.items():
        page.heading(title)
        for family in families:
            page.subheading(family.title)
            page.paragraph(family.introduction)
            for entry in family.entries:
                page.entry(entry)
    for (title, sentence), group in ((API, list(api.values())), (INTERNAL, internal)):
        page.heading(title)
        page.paragraph(sentence)
        for entry in group:
            page.entry(entry)
    page.heading(RULES[0])
    page.paragraph(RULES[1])
    for phase, (sentence, rows) in collect_rules().items():
        page.subheading(f"Phase {phase}")
        page.paragraph(f"{sentence[:1].upper()}{sentence[1:]}.")
        page.rules(rows)
    return "\n".join(page.parts)


def render_markdown(entries: Mapping[str, Entry], api: Mapping[str, Entry]) -> str:
    head = f"# {TITLE}\n\n<!-- Written by: pellucid reference --out docs/reference.md -->\n\n"
    return head + write_reference(MarkdownReference({**api, **entries}), entries, api).rstrip() + "\n"


def render_html(entries: Mapping[str, Entry], api: Mapping[str, Entry]) -> str:
    return render_page(TITLE, write_reference(HtmlReference({**api, **entries}), entries, api), STYLE)


def markdown_math(latex: str) -> str:
    r"""Return a formula between dollars, and between backticks if Markdown would interpret characters in it.

    Examples
    --------
    >>> print(markdown_math("x + y"), markdown_math(r"\{0, 1\}"))
    $x + y$ $`\{0, 1\}`$
    """
    return f"$`{latex}`$" if re.search(r"\\[^A-Za-z]|[*<>|_]", latex) else f"${latex}$"


def make_slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower())
