"""Style of results in notebooks. Text has the color and the font of the page around it, light or dark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from pellucid import extension_points

HOST_SCHEMES = {
    "dark": (
        '[data-jp-theme-light="false"]',
        ".vscode-dark",
        ".vscode-high-contrast:not(.vscode-high-contrast-light)",
        '[data-theme="dark"]',
        "body.dark",
    ),
    "light": (
        '[data-jp-theme-light="true"]',
        ".vscode-light",
        ".vscode-high-contrast-light",
        '[data-theme="light"]',
        "body.light",
    ),
}
"""Selectors that show the color scheme of JupyterLab, VS Code, Sphinx themes and marimo."""

LINE = "color-mix(in srgb, currentColor 22%, transparent)"

SCOPE = ".pellucid.pellucid.pellucid"
"""Repeated, so that it takes precedence over JupyterLab's style of tables."""

STYLE = f"""
{SCOPE} table {{ border-collapse: collapse; table-layout: auto; margin: .5em 0; font-size: .93em; color: inherit; }}
{SCOPE} tr {{ background: none; }}
{SCOPE} th, {SCOPE} td {{ text-align: left; vertical-align: top; padding: .25em 1.2em .25em 0; border: 0;
  border-bottom: 1px solid {LINE}; background: none; color: inherit; max-width: 40em; }}
{SCOPE} th {{ font-weight: 600; }}
{SCOPE} .number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
{SCOPE} .best {{ font-weight: 600; }}
{SCOPE} p {{ margin: .5em 0; max-width: 60em; }}
{SCOPE} figure {{ margin: .5em 0; }}
{SCOPE} figcaption {{ max-width: 60em; }}
{SCOPE} summary {{ cursor: pointer; }}
{SCOPE} .scroll {{ overflow-x: auto; }}
{SCOPE} .side-by-side {{ display: flex; flex-wrap: wrap; gap: 0 2.5em; align-items: flex-start; }}
{SCOPE} .side-by-side > * {{ min-width: 0; max-width: 100%; }}
"""


def render_style() -> str:
    """Return the style sheet as an element."""
    schemes = "".join(
        ", ".join(f"{host} .pellucid" for host in hosts) + f" {{ color-scheme: {scheme}; }}\n"
        for scheme, hosts in HOST_SCHEMES.items()
    )
    return f"<style>{STYLE}{schemes}</style>"


@extension_points.result_html.register
def wrap_html(body: str) -> str:
    """Return HTML with the style of results in notebooks."""
    return f'<div class="pellucid">{render_style()}{body}</div>'


def render_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = (), best: int | None = None
) -> str:
    """Return a table as HTML, with escaped texts.

    Parameters
    ----------
    header, rows : sequences of str
        Texts of the cells.
    numbers : collection of int
        Columns of numbers, which are aligned to the right.
    best : int, optional
        Row that is emphasized.

    Examples
    --------
    >>> "<td>&lt;1</td>" in render_table(["a"], [["<1"]])
    True
    """

    def render_row(tag: str, cells: Sequence[str], attribute: str = "") -> str:
        parts = [
            f'<{tag} class="number">{escape(cell)}</{tag}>' if k in numbers else f"<{tag}>{escape(cell)}</{tag}>"
            for k, cell in enumerate(cells)
        ]
        return f"<tr{attribute}>{''.join(parts)}</tr>"

    body = [render_row("td", row, ' class="best"' if k == best else "") for k, row in enumerate(rows)]
    return f'<div class="scroll" tabindex="0"><table>{render_row("th", header)}{"".join(body)}</table></div>'
