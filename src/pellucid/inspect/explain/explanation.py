"""What an explanation holds: parts with formulas, the loss, the update, and what inference changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.data.atomic_write import write_atomically
from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Input, Shared


@dataclass(frozen=True)
class Part:
    """A layer, or a whole expression, in letters.

    Attributes
    ----------
    title : str
        What it is, such as ``"dense (Dense)"``.
    results : list of (Input, Expr)
        What stands for each of its results, and the formula.
    after : list of (Input, Expr)
        The formulas once training is over, where they are others.
    parameters : list of (Input, Shared)
        The letters in it that stand for shared variables it is the first to use.
    operations : int or None
        What it takes for one sample, once training is over; None where sizes are unknown.
    """

    title: str
    results: list[tuple[Input, Expr]]
    after: list[tuple[Input, Expr]] = field(default_factory=list)
    parameters: list[tuple[Input, Shared]] = field(default_factory=list)
    operations: int | None = None

    @property
    def count(self) -> int:
        """How many numbers its parameters hold, without the states of random streams."""
        return sum(size(shared) for _, shared in self.parameters if shared.dtype.kind != "u")


@dataclass(frozen=True)
class Update:
    """One line of an optimizer: what is replaced by what, with the names that are known by then."""

    target: str
    new: Expr
    names: dict[Expr, str]
    sign: str = "←"


@dataclass(frozen=True)
class Explanation:
    """A network as formulas: printed as text, shown as mathematics in a notebook, and saved as a page.

    Attributes
    ----------
    title : str
        What is explained.
    inputs : list of Input
        The letters of what goes in.
    parts : list of Part
        Its layers.
    losses : list of (str, Expr)
        What is made small, in letters; empty if nothing is trained.
    told : list of str
        What losses and optimizer are called.
    updates : list of Update
        How a parameter w with the gradient g is changed.
    """

    title: str
    inputs: list[Input]
    parts: list[Part]
    losses: list[tuple[str, Expr]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many numbers all parameters hold."""
        return sum(part.count for part in self.parts)

    @property
    def operations(self) -> int | None:
        """What all parts take for one sample; None where sizes are unknown."""
        each = [part.operations for part in self.parts]
        return None if None in each else sum(o for o in each if o is not None)

    def __str__(self) -> str:
        from pellucid.inspect.explain.renderers import as_text

        return as_text(self)

    __repr__ = __str__

    def latex(self) -> str:
        r"""Return all formulas as one ``split`` block, for mathematics mode."""
        from pellucid.inspect.explain.renderers import as_latex

        return as_latex(self)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        from pellucid.inspect.explain.renderers import as_html

        return as_html(self)

    def html(self) -> str:
        """Return a page that holds the explanation and asks no network."""
        from pellucid.show.mathml import page

        return page(self.title, self._repr_html_())

    def save(self, path: Any) -> None:
        """Write the explanation to a file: ``.html`` a page that stands alone, ``.txt`` text, ``.tex`` LaTeX.

        Raises
        ------
        ValueError
            For any other ending.
        """
        target = Path(path)
        forms = {".html": self.html, ".htm": self.html, ".txt": lambda: f"{self}\n", ".tex": self.latex}
        if target.suffix.lower() not in forms:
            raise OptionError(f"Expected a path that ends in {', '.join(forms)}. Received: {path}")
        write_atomically(target, forms[target.suffix.lower()]())


def size(shared: Shared) -> int:
    """Return how many numbers a shared variable holds."""
    return int(shared.get_value().size)
