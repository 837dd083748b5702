"""Report of an equivalence check: differences, tolerances and the first mismatch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np

from pellucid.show.pages.input_values import format_number
from pellucid.typing import Array

MAX_ROWS = 12
"""Steps in a printed table."""


class Difference(NamedTuple):
    """Relative difference of a tensor at a step, and its tolerance."""

    step: int
    tensor: str
    size: float
    tolerance: float

    @property
    def is_allowed(self) -> bool:
        """Whether the difference is within the tolerance. NaN is not."""
        return self.size <= self.tolerance

    def __str__(self) -> str:
        return (
            f"step {self.step}, {self.tensor}: the relative difference is {format_number(self.size, 2)}, the tolerance "
            f"{format_number(self.tolerance, 2)}"
        )


@dataclass(frozen=True)
class EquivalenceReport:
    """Comparison of two trainings. True if they agree; iterates over the largest difference of each step.

    Attributes
    ----------
    titles : pair of str
        The two implementations.
    losses : pair of array or None
        The loss of each before every step, if a step returns one number.
    differences, tolerances : dict from str to array
        For every output and tensor, one number per step: the largest difference divided by the tensor's largest
        element, and the allowed value.
    reason : str
        How the tolerances were chosen.
    unmatched : list of str
        Tensors that only one implementation has. They are not compared.
    """

    titles: tuple[str, str]
    losses: tuple[Array, Array] | None
    differences: Mapping[str, Array]
    tolerances: Mapping[str, Array]
    reason: str
    unmatched: Sequence[str] = ()

    @property
    def steps(self) -> int:
        """Number of compared steps."""
        return len(next(iter(self.differences.values())))

    def largest_difference(self, step: int) -> Difference:
        """Return the difference of a step (counted from 1) that is largest relative to its tolerance."""
        i = step - 1
        found = [Difference(step, n, float(d[i]), float(self.tolerances[n][i])) for n, d in self.differences.items()]
        return max(found, key=lambda d: d.size / d.tolerance if d.tolerance else d.size * np.inf)

    def __iter__(self) -> Iterator[Difference]:
        return (self.largest_difference(step) for step in range(1, self.steps + 1))

    @property
    def first_mismatch(self) -> Difference | None:
        """The first difference beyond its tolerance; None if the two agree."""
        return next((d for d in self if not d.is_allowed), None)

    @property
    def agrees(self) -> bool:
        """Whether all differences are within their tolerances."""
        return self.first_mismatch is None

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        a, b = self.titles
        if self.first_mismatch is not None:
            return f"{a} and {b} differ from {self.first_mismatch}."
        largest = max(float(d.max()) for d in self.differences.values())
        return (
            f"{a} and {b} agree: {len(self.differences)} tensors and outputs over {self.steps} "
            f"step{'s' * (self.steps != 1)}, largest relative difference {format_number(largest, 2)}."
        )

    @property
    def header(self) -> list[str]:
        """Column titles of the table."""
        losses = [] if self.losses is None else ["loss, first", "loss, second"]
        return ["step", *losses, "tensor", "difference", "tolerance"]

    def rows(self) -> list[Difference]:
        """Return the rows of the table: the largest difference of at most 12 steps, spaced logarithmically."""
        if self.steps <= MAX_ROWS:
            return list(self)
        chosen = {int(s) for s in np.geomspace(1, self.steps, MAX_ROWS).round()}
        chosen |= {self.first_mismatch.step} if self.first_mismatch else set()
        return [self.largest_difference(step) for step in sorted(chosen)]

    def format_row(self, d: Difference) -> list[str]:
        """Return the cells of one row."""
        losses = [] if self.losses is None else [f"{part[d.step - 1]:.6g}" for part in self.losses]
        return [str(d.step), *losses, d.tensor, format_number(d.size, 2), format_number(d.tolerance, 2)]

    @property
    def notes(self) -> list[str]:
        """Text below the table."""
        unmatched = f"Not compared, because only one of the two has it: {', '.join(self.unmatched)}."
        return [self.reason, *([unmatched] if self.unmatched else [])]

    def __str__(self) -> str:
        lines = [self.header, *(self.format_row(d) for d in self.rows())]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        table = ["  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([self.verdict, "", *table, "", *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.header)
        body = []
        for d in self.rows():
            mark = "" if d.is_allowed else " class='wrong'"
            body.append(f"<tr{mark}>{''.join(f'<td>{escape(c)}</td>' for c in self.format_row(d))}</tr>")
        notes = "".join(f"<p class='note'>{escape(note)}</p>" for note in self.notes)
        return f"<p>{escape(self.verdict)}</p><table><tr>{head}</tr>{''.join(body)}</table>{notes}"
