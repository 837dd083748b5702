"""Figures of Matplotlib as SVG images with the colors of light and of dark pages.

A browser shows an image with the colors of the color scheme around it: that of the notebook if it is known
(`HOST_SCHEMES`), otherwise that of the system. The image has its own background, so it is readable on every page.
"""

from __future__ import annotations

import base64
import io
import re
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from pellucid.show.pages.html_style import render_style
from pellucid.show.plots.plot_style import DARK_COLORS

COLOR = re.compile("|".join(DARK_COLORS))


class ThemedFigure(Figure):
    """Figure that a notebook displays in the notebook's color scheme."""

    def _repr_html_(self) -> str:
        titles = [axes.get_title(loc="left") for axes in self.axes]
        return render_style() + render_image(self, next(filter(None, titles), "Figure"))

    def _mime_(self) -> tuple[str, str]:
        """Return the output of a marimo cell."""
        return "text/html", self._repr_html_()


def render_image(figure: Figure, alt_text: str, scale: float = 1.0) -> str:
    """Return a figure as an HTML image; a smaller scale shows it smaller."""
    source = base64.b64encode(render_svg(figure).encode()).decode()
    width = round(figure.get_figwidth() * 96 * scale)
    return (
        f'<img class="pellucid" src="data:image/svg+xml;base64,{source}" alt="{escape(alt_text, quote=True)}" '
        f'style="width: {width}px; max-width: 100%; height: auto">'
    )


def render_svg(figure: Figure) -> str:
    """Return a figure as SVG, whose colors depend on the color scheme. The same data give the same text."""
    content = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "pellucid"}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    head, tag, body = content.getvalue().partition("<svg")
    used = sorted(set(COLOR.findall(body)))
    names = {color: f"--c{number}" for number, color in enumerate(used)}
    body = COLOR.sub(lambda match: f"var({names[match[0]]})", body)
    light = "".join(f"{name}:{color};" for color, name in names.items())
    dark = "".join(f"{name}:{DARK_COLORS[color]};" for color, name in names.items())
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    attributes, end, body = body.partition(">")
    return f"{head}{tag}{attributes}{end}{style}{body}"
