"""What a comparison of two trainings found: how far every tensor is apart at every step, and what rounding explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np

from pellucid.show.input_values import figure

Array = np.ndarray[Any, Any]
MOST_ROWS = 12


class Gap(NamedTuple):
    """How far a tensor is apart at a step, as a share of its greatest element, and how far it may be."""

    step: int
    tensor: str
    difference: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"step {self.step}, {self.tensor}: they differ by {figure(self.difference, 2)} of its greatest element, "
            f"where {figure(self.tolerance, 2)} is allowed"
        )


@dataclass(frozen=True)
class Proof:
    """Two trainings side by side; true if they agree.

    Attributes
    ----------
    titles : pair of str
        What was compared.
    losses : pair of array or None
        The loss of each before every step, where a step returns one number.
    differences, tolerances : dict from str to array
        For everything a step puts out and every tensor, one number a step: the largest difference, as a share of the
        tensor's greatest element, and what is allowed.
    reason : str
        Where the tolerance comes from.
    alone : list of str
        Tensors that only one of the two has, and which are not compared.
    """

    titles: tuple[str, str]
    losses: tuple[Array, Array] | None
    differences: Mapping[str, Array]
    tolerances: Mapping[str, Array]
    reason: str
    alone: Sequence[str] = ()

    @property
    def steps(self) -> int:
        """How many steps were compared."""
        return len(next(iter(self.differences.values())))

    def worst(self, step: int) -> Gap:
        """Return the gap that is largest for what is allowed, after so many steps from 1."""
        at = step - 1
        gaps = [Gap(step, n, float(d[at]), float(self.tolerances[n][at])) for n, d in self.differences.items()]
        return max(gaps, key=lambda gap: gap.difference / gap.tolerance if gap.tolerance else gap.difference * np.inf)

    def __iter__(self) -> Iterator[Gap]:
        """Go through the worst gap of every step."""
        return (self.worst(step) for step in range(1, self.steps + 1))

    @property
    def first(self) -> Gap | None:
        """The first step, and the tensor in it, where they differ beyond the tolerance; None if they agree."""
        return next((gap for gap in self if not gap.difference <= gap.tolerance), None)

    @property
    def agrees(self) -> bool:
        """Whether no tensor differs beyond the tolerance at any step."""
        return self.first is None

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def verdict(self) -> str:
        """One sentence."""
        a, b = self.titles
        compared = f"{len(self.differences)} tensors and outputs over {self.steps} step{'s' * (self.steps != 1)}"
        if self.first is None:
            largest = max(float(d.max()) for d in self.differences.values())
            return f"{a} and {b} agree: {compared}, the largest difference {figure(largest, 2)}."
        return f"{a} and {b} part at {self.first}."

    def rows(self) -> list[Gap]:
        """Return the steps that a short table shows: the first ones, the last, and ever fewer in between."""
        if self.steps <= MOST_ROWS:
            return list(self)
        chosen = {int(s) for s in np.geomspace(1, self.steps, MOST_ROWS).round()}
        chosen |= {self.first.step} if self.first else set()
        return [self.worst(step) for step in sorted(chosen)]

    def cells(self, gap: Gap) -> list[str]:
        """Write one row."""
        losses = [] if self.losses is None else [f"{part[gap.step - 1]:.6g}" for part in self.losses]
        return [str(gap.step), *losses, gap.tensor, figure(gap.difference, 2), figure(gap.tolerance, 2)]

    @property
    def header(self) -> list[str]:
        """What the columns hold."""
        losses = [] if self.losses is None else ["loss, first", "loss, second"]
        return ["step", *losses, "worst tensor", "difference", "allowed"]

    def __str__(self) -> str:
        lines = [self.header, *(self.cells(gap) for gap in self.rows())]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        table = ["  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        told = [f"Not compared, for only one of them has it: {', '.join(self.alone)}."] if self.alone else []
        return "\n".join([self.verdict, "", *table, "", self.reason, *told])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.header)
        body = []
        for gap in self.rows():
            wrong = "" if gap.difference <= gap.tolerance else " class='wrong'"
            body.append(f"<tr{wrong}>{''.join(f'<td>{escape(c)}</td>' for c in self.cells(gap))}</tr>")
        told = f"<p class='note'>Not compared: {escape(', '.join(self.alone))}</p>" if self.alone else ""
        return (
            f"<p>{escape(self.verdict)}</p><table><tr>{head}</tr>{''.join(body)}</table>"
            f"<p class='note'>{escape(self.reason)}</p>{told}"
        )
