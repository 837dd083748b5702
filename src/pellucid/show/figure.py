"""A picture and what it shows in words, for terminals, logs, and people who do not see."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Picture:
    """A figure with its reading. Print it for the words; a notebook shows both.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        What is drawn.
    reading : str
        One paragraph that says what there is to see, with the numbers of the data.
    title : str
        What the picture is of.

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
        """Return the picture as the bytes of a PNG file."""
        held = io.BytesIO()
        self.figure.savefig(held, format="png")
        return held.getvalue()

    def _repr_html_(self) -> str:
        source = base64.b64encode(self.png()).decode()
        alternative = escape(self.reading, quote=True)
        return (
            f'<figure><img src="data:image/png;base64,{source}" alt="{alternative}" style="max-width: 100%">'
            f"<figcaption>{escape(self.reading)}</figcaption></figure>"
        )

    def save(self, path: Any) -> None:
        """Write the picture to a file: ``.png``, ``.svg`` or ``.pdf``; ``.html`` holds the reading too.

        Raises
        ------
        ValueError
            For any other ending.
        """
        from pellucid.show.mathml import page

        target = Path(path)
        ending = target.suffix.lower()
        if ending in (".html", ".htm"):
            target.write_text(page(self.title, self._repr_html_()), "utf-8")
        elif ending in DRAWN:
            self.figure.savefig(target, metadata={} if ending != ".png" else {"Description": self.reading})
        else:
            raise OptionError(f"Expected a path that ends in {', '.join((*DRAWN, '.html'))}. Received: {path}")
