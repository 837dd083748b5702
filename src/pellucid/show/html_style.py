"""Style of results in notebooks. Text has the color and the font of the page around it, light or dark."""

from __future__ import annotations

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

STYLE = f"""
.pellucid table {{ border-collapse: collapse; margin: .5em 0; font-size: .93em; }}
.pellucid th, .pellucid td {{ text-align: left; vertical-align: top; padding: .25em 1.2em .25em 0; border: 0;
  border-bottom: 1px solid {LINE}; background: none; color: inherit; max-width: 40em; }}
.pellucid th {{ font-weight: 600; }}
.pellucid .number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.pellucid .best {{ font-weight: 600; }}
.pellucid p {{ margin: .5em 0; max-width: 60em; }}
.pellucid figure {{ margin: .5em 0; }}
.pellucid figcaption {{ max-width: 60em; }}
.pellucid summary {{ cursor: pointer; }}
.pellucid pre {{ overflow-x: auto; background: none; color: inherit; }}
.pellucid .scroll {{ overflow-x: auto; }}
"""


def render_style() -> str:
    """Return the style sheet as an element."""
    schemes = "".join(
        ", ".join(f"{host} .pellucid" for host in hosts) + f" {{ color-scheme: {scheme}; }}\n"
        for scheme, hosts in HOST_SCHEMES.items()
    )
    return f"<style>{STYLE}{schemes}</style>"


def wrap_html(body: str) -> str:
    """Return HTML with the style of results in notebooks."""
    return f'<div class="pellucid">{render_style()}{body}</div>'
