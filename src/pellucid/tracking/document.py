"""Parts of report pages: one HTML file with embedded style and pictures, without network access."""

import base64
import re
from collections.abc import Collection, Sequence
from html import escape
from importlib import resources

# Browsers enforce that a page uses only its own style and pictures, and fetches nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render_document(title: str, generator: str, body: str, policy: str = POLICY) -> str:
    """Return a whole page with the style of reports.

    Examples
    --------
    >>> "<title>a &lt; b</title>" in render_document("a < b", "", "<main></main>")
    True
    """
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{generator}
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def render_prose(text: str) -> str:
    """Return text as HTML; `backticks` mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def render_picture(content: bytes, caption: str, reading: str, kind: str = "png") -> str:
    """Return a picture with its caption and its description, which is also its alternative text."""
    source = base64.b64encode(content).decode()
    return (
        f'<figure><img src="data:image/{kind};base64,{source}" alt="{escape(reading)}">'
        f"<figcaption><b>{render_prose(caption)}</b> {render_prose(reading)}</figcaption></figure>"
    )


def render_table(
    caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()
) -> str:
    """Return a table of texts that scrolls on narrow screens, by the keyboard too.

    Parameters
    ----------
    caption : str
        Subject of the table.
    header, rows : sequences of str
        Texts of the cells. The first column names the rows.
    numbers : collection of int
        Columns of numbers, which are aligned to the right.

    Examples
    --------
    >>> '<th scope="row">&lt;b&gt;</th><td class="number">2</td>' in render_table("t", ["a", "n"], [["<b>", "2"]], {1})
    True
    """

    def mark(k: int) -> str:
        return ' class="number"' if k in numbers else ""

    head = "".join(f'<th scope="col"{mark(k)}>{escape(cell)}</th>' for k, cell in enumerate(header))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{mark(k)}>{escape(cell)}</td>" for k, cell in enumerate(others, start=1))
        + "</tr>\n"
        for first, *others in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )
