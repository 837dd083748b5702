"""`Picture`: a figure with a description in words, for terminals, logs and screen readers."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import OptionError

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
    >>> from pellucid.show.plots import learning_curves
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
        source = base64.b64encode(self.png()).decode()
        alt_text = escape(self.reading, quote=True)
        return (
            f'<figure><img src="data:image/png;base64,{source}" alt="{alt_text}" style="max-width: 100%">'
            f"<figcaption>{escape(self.reading)}</figcaption></figure>"
        )

    def save(self, path: Any) -> None:
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
        from pellucid.show.mathml import render_page

        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in (".html", ".htm"):
            atomic_write(target, render_page(self.title, self._repr_html_()))
        elif suffix in FIGURE_SUFFIXES:
            content = io.BytesIO()
            metadata = {"Description": self.reading} if suffix == ".png" else {}
            self.figure.savefig(content, format=suffix[1:], metadata=metadata)
            atomic_write(target, content.getvalue())
        else:
            suffixes = ", ".join((*FIGURE_SUFFIXES, ".html"))
            raise OptionError(f"Expected a path that ends in {suffixes}. Received: {path}")
