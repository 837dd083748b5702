"""What the linter finds: what is wrong, where, why it hurts, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import overload

from pellucid.graph.expr import Expr
from pellucid.graph.printing import text
from pellucid.graph.source_location import place_text

DEPTH = 5
"""How deep an expression is written in which something is found."""


def near(e: Expr) -> str:
    """Write an expression with an ellipsis in the place of what lies deep inside of it.

    Examples
    --------
    >>> near(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.scalar("x")))))))))
    'exp(exp(exp(exp(exp(…)))))'
    """
    seen, level = {e}, [e]
    for _ in range(DEPTH):
        level = [i for i in dict.fromkeys(i for outer in level for i in outer.inputs) if i not in seen]
        seen.update(level)
    return text(e, 60, {inner: "…" for inner in level if inner.op is not None})


@dataclass(frozen=True)
class Finding:
    """A mistake.

    Attributes
    ----------
    name : str
        Of the kind of mistake, such as ``"softmax twice"``.
    where : Expr
        The expression in which it is.
    what, why, fix : str
        What is found there, what it does to training, and what to write instead.
    """

    name: str
    where: Expr
    what: str
    why: str
    fix: str

    @property
    def place(self) -> str:
        """The line of the user's that wrote the expression, or nothing where that is not known."""
        return place_text(self.where.origin) if self.where.origin else ""

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.what}", f"  in  {near(self.where)}"]
        lines += [f"  at  {self.place}"] if self.place else []
        return "\n".join([*lines, f"  why {self.why}", f"  fix {self.fix}"])


class Findings(Sequence[Finding]):
    """All that was found; print it, or let a notebook show it. It is false where there is nothing."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self.found = list(found)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.found)) or "No mistake was found."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [
            f"<tr><td><b>{escape(f.name)}</b></td><td>{escape(f.what)}<br><code>{escape(near(f.where))}</code>"
            f"<br><small>{escape(f.place)}</small></td><td>{escape(f.why)}</td><td>{escape(f.fix)}</td></tr>"
            for f in self.found
        ]
        head = "<tr><th>mistake</th><th>where</th><th>why it hurts</th><th>fix</th></tr>"
        return f"<table>{head}{''.join(cells)}</table>" if cells else "<p>No mistake was found.</p>"
