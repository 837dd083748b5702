"""Findings of the linter, the diagnosis and the NaN guard: a problem, its place, its effect and its fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal, overload

from pellucid.extension_points import result_html
from pellucid.graph.expr import Expr
from pellucid.graph.printing import text
from pellucid.graph.source_location import format_location

Severity = Literal["failure", "warning", "note"]
"""A failure makes a result useless, a warning limits it, and a note does neither."""

PRINTED_DEPTH = 5
"""Levels of an expression that a finding prints; deeper operands become an ellipsis."""


def format_expression(e: Expr) -> str:
    """Format an expression, with an ellipsis for its deeply nested operands.

    Examples
    --------
    >>> format_expression(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.exp(pel.scalar("x"))))))))))
    'exp(exp(exp(exp(exp(…)))))'
    """
    seen, level = {e}, [e]
    for _ in range(PRINTED_DEPTH):
        level = [i for i in dict.fromkeys(i for outer in level for i in outer.inputs) if i not in seen]
        seen.update(level)
    return text(e, 60, {inner: "…" for inner in level if inner.op is not None})


@dataclass(frozen=True)
class Finding:
    """One problem of a network, its data or its training.

    Attributes
    ----------
    name : str
        The kind of problem, such as ``"softmax twice"`` or ``"dead units"``.
    where : Expr or str
        The expression that shows the problem, or the name of a layer, class or sample.
    what, why, fix : str
        The problem, its effect on training, and its fix.
    severity : str
        ``"failure"``, ``"warning"`` or ``"note"``.
    """

    name: str
    where: Expr | str
    what: str
    why: str
    fix: str
    severity: Severity = field(default="warning", kw_only=True)

    @property
    def location(self) -> str:
        """The line of user code that created the expression, or an empty string if it is unknown."""
        return format_location(self.where.origin) if isinstance(self.where, Expr) and self.where.origin else ""

    @property
    def where_text(self) -> str:
        """The expression or name, as text."""
        return format_expression(self.where) if isinstance(self.where, Expr) else self.where

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.what}", f"  where: {self.where_text}"]
        lines += [f"  line:  {self.location}"] if self.location else []
        return "\n".join([*lines, f"  why:   {self.why}", f"  fix:   {self.fix}"])


class Findings(Sequence[Finding]):
    """Sequence of findings, empty (and false) if there is no problem. Prints as text, or as a table in a notebook."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self.found: list[Finding] = list(found)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    @property
    def no_findings_text(self) -> str:
        """The text that is printed if there are no findings."""
        return "No problems found."

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.found)) or self.no_findings_text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return result_html(self.render_findings())

    def render_findings(self) -> str:
        """Return the findings as an HTML table."""
        if not self.found:
            return f"<p>{escape(self.no_findings_text)}</p>"
        head = "<tr><th>problem</th><th>where</th><th>why it matters</th><th>fix</th></tr>"
        rows = []
        for f in self.found:
            location = f"<br><small>{escape(f.location)}</small>" if f.location else ""
            rows.append(
                f"<tr><td><b>{escape(f.name)}</b></td><td>{escape(f.what)}<br><code>{escape(f.where_text)}</code>"
                f"{location}</td><td>{escape(f.why)}</td><td>{escape(f.fix)}</td></tr>"
            )
        count = f"{len(self)} problem{'s' * (len(self) != 1)} found"
        return f'<p><b>{count}</b></p><div class="scroll" tabindex="0"><table>{head}{"".join(rows)}</table></div>'
