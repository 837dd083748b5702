"""What the doctor found, and what was measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple, overload

from pellucid.show.input_values import figure


@dataclass(frozen=True)
class Finding:
    """Something that hurts training.

    Attributes
    ----------
    name : str
        Of the kind of trouble, such as ``"dead units"``.
    where : str
        The layer, the class or the examples.
    what, why, fix : str
        What was measured there, what it does, and what to do about it.
    """

    name: str
    where: str
    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}\n  in  {self.where}\n  why {self.why}\n  fix {self.fix}"


class LayerRow(NamedTuple):
    """What was measured of a layer.

    Attributes
    ----------
    layer : str
        Its name.
    spread : float
        Root of the mean square of what it puts out.
    dead, saturated : float
        The share of units that are 0 for every sample, and of values at the ends of a sigmoid or tanh.
    gradient : float or None
        Root of the mean square of the loss's gradient by its parameters; None where it has none.
    update : float or None
        How long a step of its kernel is, as a share of the kernel's length.
    """

    layer: str
    spread: float
    dead: float
    saturated: float
    gradient: float | None
    update: float | None


@dataclass(frozen=True)
class Diagnosis(Sequence[Finding]):
    """All findings, a sequence that is empty for a sound network; print it, or let a notebook show it.

    Attributes
    ----------
    found : list of Finding
        What hurts.
    layers : list of LayerRow
        What was measured of each layer.
    eigenvalue, limit : float or None
        The largest eigenvalue of the loss's Hessian, and the value up to which the optimizer's steps are stable; None
        where it was not asked for, or the optimizer is not plain descent.
    hardest : list of (int, float)
        The examples with the greatest loss, and that loss.
    mislabeled : list of (int, int, int)
        Examples whose label is likely wrong: which, the label, and what it is likely to be.
    samples : int
        How many samples were looked at.
    """

    found: list[Finding]
    layers: list[LayerRow] = field(default_factory=list)
    eigenvalue: float | None = None
    limit: float | None = None
    hardest: list[tuple[int, float]] = field(default_factory=list)
    mislabeled: list[tuple[int, int, int]] = field(default_factory=list)
    samples: int = 0

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.found)) or f"Nothing was found that hurts, on {self.samples} samples."

    __repr__ = __str__

    def table(self) -> str:
        """Write what was measured: a line for every layer, the curvature, and the hardest examples."""
        lines: list[tuple[str, ...]] = [("layer", "spread", "dead", "saturated", "gradient", "step / weight")]
        for r in self.layers:
            shares = (f"{r.dead:.0%}", f"{r.saturated:.0%}")
            lines.append((r.layer, figure(r.spread, 3), *shares, *(shown(v) for v in (r.gradient, r.update))))
        widths = [max(len(line[i]) for line in lines) for i in range(6)]
        table = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        if self.eigenvalue is not None:
            limit = "" if self.limit is None else f"; steps are stable below {figure(self.limit, 4)}"
            table.append(f"largest eigenvalue of the Hessian: {figure(self.eigenvalue, 4)}{limit}")
        if self.hardest:
            told = ", ".join(f"{i} ({figure(loss, 3)})" for i, loss in self.hardest)
            table.append(f"greatest losses, by example: {told}")
        return "\n".join(table)

    def _repr_html_(self) -> str:
        head = "<tr><th>trouble</th><th>where</th><th>why it hurts</th><th>what to do</th></tr>"
        rows = [
            f"<tr><td><b>{escape(f.name)}</b></td><td>{escape(f.what)}<br><small>{escape(f.where)}</small></td>"
            f"<td>{escape(f.why)}</td><td>{escape(f.fix)}</td></tr>"
            for f in self.found
        ]
        said = f"<table>{head}{''.join(rows)}</table>" if rows else f"<p>{escape(str(self))}</p>"
        return f"{said}<details><summary>What was measured</summary><pre>{escape(self.table())}</pre></details>"


def shown(value: float | None) -> str:
    """Write a number that may not be there."""
    return "-" if value is None else figure(value, 3)
