"""`Picture`: a figure with a description in words, for terminals, logs and screen readers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import OptionError
from pellucid.show.pages.html_style import wrap_html
from pellucid.typing import FilePath

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Picture:
    """A figure with its description. Prints as the description; a notebook shows both.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    reading : str
        A paragraph that describes the figure, with numbers from the data. It is the alt text in HTML.
    title : str
        Subject of the figure.

    Examples
    --------
    >>> from pellucid.show.plots.plots import learning_curves
    >>> print(Picture(learning_curves({"loss": [1.0, 0.5]}), "The loss falls from 1 to 0.5.", "loss"))
    The loss falls from 1 to 0.5.
    """

    figure: Figure
    reading: str
    title: str = "picture"

    def __str__(self) -> str:
        return self.reading

    def __repr__(self) -> str:
        return f"<Picture {self.title}: {self.reading}>"

    def png(self) -> bytes:
        """Return the content of a PNG file."""
        content = io.BytesIO()
        self.figure.savefig(content, format="png")
        return content.getvalue()

    def _repr_html_(self) -> str:
        return wrap_html(self.render_figure())

    def render_figure(self) -> str:
        """Return the image and its description as an HTML element, for a page that has the style of results."""
        from pellucid.show.plots.themed_figure import render_image

        return (
            f"<figure>{render_image(self.figure, self.reading)}<figcaption>{escape(self.reading)}</figcaption></figure>"
        )

    def render_file(self, suffix: str) -> bytes:
        """Return the content of a file. An SVG image follows the color scheme of the viewer."""
        from pellucid.show.plots.themed_figure import render_svg

        if suffix == ".svg":
            return render_svg(self.figure).encode()
        content = io.BytesIO()
        metadata = {"Description": self.reading} if suffix == ".png" else {}
        self.figure.savefig(content, format=suffix[1:], metadata=metadata)
        return content.getvalue()

    def save(self, path: FilePath) -> None:
        """Write the figure to a ``.png``, ``.svg`` or ``.pdf`` file, or with its description to an ``.html`` file.

        Parameters
        ----------
        path : str or Path
            The file; an earlier one is replaced.

        Raises
        ------
        ValueError
            If the path has another suffix.
        """
        from pellucid.show.formulas.mathml import render_page

        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in (".html", ".htm"):
            atomic_write(target, render_page(self.title, self._repr_html_()))
        elif suffix in FIGURE_SUFFIXES:
            atomic_write(target, self.render_file(suffix))
        else:
            suffixes = ", ".join((*FIGURE_SUFFIXES, ".html"))
            raise OptionError(f"Expected a path that ends in {suffixes}. Received: {path}")
