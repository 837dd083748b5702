"""The table of a profile: what each expression of a program cost when it ran, beside the whole."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.printing import text

MOST_SHOWN = 25
"""How many rows are printed; `Profile.rows` has them all."""

COLUMNS = ("seconds", "bytes", "order")


class Row(NamedTuple):
    """What one expression costs.

    Attributes
    ----------
    expr : Expr
        Which.
    seconds : float
        The median time to compute it from its operands, alone.
    share : float
        Of the sum over all expressions.
    bytes : int
        Of its value.
    order : int
        When it is computed: 1 is the first.
    """

    expr: Expr
    seconds: float
    share: float
    bytes: int
    order: int


@dataclass(frozen=True)
class Whole:
    """The program as XLA runs it, all in one.

    Attributes
    ----------
    seconds : float
        The median time of a call.
    compile_seconds : float
        How long it took to compile it, or to load it if it lay on disk.
    operations, bytes_moved : float or None
        Arithmetic operations and bytes read and written, by XLA's own count.
    argument_bytes, output_bytes, temporary_bytes : int or None
        The memory of what goes in, of what comes out, and of what lies between.
    """

    seconds: float
    compile_seconds: float
    operations: float | None = None
    bytes_moved: float | None = None
    argument_bytes: int | None = None
    output_bytes: int | None = None
    temporary_bytes: int | None = None


@dataclass(frozen=True)
class Profile:
    """A table of what the expressions of a program cost; print it, walk its rows, or sort it.

    Attributes
    ----------
    rows : list of Row
        One for each op, the slowest first unless sorted otherwise.
    by : str
        ``"numpy"`` or ``"xla"``: what ran each of them, alone.
    repeats : int
        How often.
    whole : Whole or None
        The program as one, for a function that XLA runs.
    overhead : float
        The time of a call that computes nothing, which is in the time of every row.
    """

    rows: list[Row]
    by: str
    repeats: int
    whole: Whole | None
    overhead: float

    @property
    def seconds(self) -> float:
        """The sum over all expressions."""
        return sum(row.seconds for row in self.rows)

    @property
    def bytes(self) -> int:
        """The bytes of all values, none of them fused away or overwritten."""
        return sum(row.bytes for row in self.rows)

    @property
    def ops(self) -> dict[str, float]:
        """The seconds of all expressions of an op, by its name, the slowest first."""
        return self.sums(lambda e: e.op.name if e.op is not None else "")

    @property
    def families(self) -> dict[str, float]:
        """The seconds of all expressions of a family of ops, such as ``"linear"``, the slowest first."""
        return self.sums(lambda e: e.op.value.__module__.rpartition(".")[2] if e.op is not None else "")

    def sums(self, name: Callable[[Expr], str]) -> dict[str, float]:
        """Add up the seconds of the rows by a name of their expressions."""
        totals: dict[str, float] = defaultdict(float)
        for row in self.rows:
            totals[name(row.expr)] += row.seconds
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def sorted(self, by: str = "seconds") -> Profile:
        """Return the same table in another order.

        Parameters
        ----------
        by : {"seconds", "bytes", "order"}
            The slowest first, the largest first, or as they are computed.

        Returns
        -------
        Profile
            With the same rows.
        """
        if by not in COLUMNS:
            raise OptionError(f"Expected one of {COLUMNS}. Received: by={by!r}.{near_miss(by, COLUMNS)}")
        sign = 1 if by == "order" else -1
        return replace(self, rows=sorted(self.rows, key=lambda row: sign * getattr(row, by)))

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def heading(self) -> str:
        """What was measured, and how."""
        alone = {"numpy": "computed alone by NumPy", "xla": "compiled and run alone by XLA"}[self.by]
        return (
            f"{len(self)} expressions, each {alone}, median of {self.repeats}; a call that computes nothing takes "
            f"{time_text(self.overhead)}. XLA runs them together, and fuses many of them"
        )

    @property
    def summary(self) -> list[str]:
        """The sums by family, and the program as one."""
        total = self.seconds or 1.0
        lines = ["by family: " + ", ".join(f"{name} {100 * s / total:.0f}%" for name, s in self.families.items())]
        w = self.whole
        if w is not None:
            lines.append(f"as one XLA program: {time_text(w.seconds)} a call, ready in {time_text(w.compile_seconds)}")
            if w.operations is not None and w.bytes_moved is not None:
                lines.append(f"by XLA's count: {w.operations:,.0f} operations, {w.bytes_moved:,.0f} bytes moved")
            if w.temporary_bytes is not None:
                lines.append(
                    f"its memory: {w.argument_bytes:,} bytes in, {w.output_bytes:,} out, {w.temporary_bytes:,} between"
                )
        return lines

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The table as texts, the sum in the last line."""
        numbers = {row.expr: f"[{row.order}]" for row in self.rows}
        lines: list[tuple[str, ...]] = [("", "time", "share", "bytes", "expression")]
        for row in self.rows[:MOST_SHOWN]:
            written = text(row.expr, 30, {e: n for e, n in numbers.items() if e is not row.expr})
            share = f"{100 * row.share:.1f}%"
            lines.append((numbers[row.expr], time_text(row.seconds), share, f"{row.bytes:,}", written))
        rest = self.rows[MOST_SHOWN:]
        if rest:
            seconds, size = sum(r.seconds for r in rest), sum(r.bytes for r in rest)
            share = f"{100 * sum(r.share for r in rest):.1f}%"
            lines.append(("", time_text(seconds), share, f"{size:,}", f"{len(rest)} more"))
        return [*lines, ("", time_text(self.seconds), "100.0%", f"{self.bytes:,}", "in all")]

    def __str__(self) -> str:
        cells = self.cells
        widths = [max(len(line[i]) for line in cells) for i in range(4)]
        table = ["  ".join([*(c.rjust(w) for c, w in zip(line, widths, strict=False)), line[4]]) for line in cells]
        return "\n".join([self.heading, *table, *self.summary])

    def _repr_html_(self) -> str:
        head, *body = [
            "".join(
                f"<{tag} style='text-align: {'left' if i == 4 else 'right'}'>{html.escape(c)}</{tag}>" for i, c in e
            )
            for tag, e in [("th" if n == 0 else "td", enumerate(line)) for n, line in enumerate(self.cells)]
        ]
        rows = "".join(f"<tr>{line}</tr>" for line in body)
        notes = "<br>".join(map(html.escape, self.summary))
        return (
            f"<table><caption>{html.escape(self.heading)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{notes}</p>"
        )


def time_text(seconds: float) -> str:
    """Write a time in the unit in which it is read best.

    Examples
    --------
    >>> time_text(0.0000123), time_text(0.25), time_text(3.0)
    ('12.3 µs', '250 ms', '3 s')
    """
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"
