"""Roofline of a training step: operations and bytes of each layer, and the shares of the machine's peaks reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.printing import format_duration
from pellucid.show.costs.roofline import Machine, Utilization, Work, format_share, get_core_utilization
from pellucid.show.pages.text_table import align_cells

SEPARATE = "Each layer, forward and backward, is a separate program. Bytes are counted with fusion inside a layer."
ONE_FUNCTION = (
    "The training step runs as C on one core, as one function whose time cannot be divided among layers, so only their "
    "operations are shown. Its share is that of one core's peak, {peak:.3g} GFLOP/s; its values stay in registers and "
    "the nearest cache."
)
BOUNDS = (
    "bound: compute or memory, whichever share is higher; overhead if an empty call takes half of the time; neither if "
    "both shares are below 5%, as with latency or a slow kernel."
)


@dataclass(frozen=True)
class RooflineRow:
    """A layer, or the whole step, with its work.

    Attributes
    ----------
    name : str
        Name of the layer.
    seconds : float or None
        Time of forward and backward pass; None where it cannot be measured, as in C loops.
    work : Work
        Operations and bytes of both passes.
    reached : Utilization or None
        Rates and shares of the peaks; None without a time.
    is_call : bool
        Whether an empty call takes at least half of the time.
    """

    name: str
    seconds: float | None
    work: Work
    reached: Utilization | None
    is_call: bool = False

    @property
    def bound(self) -> str | None:
        """``"compute"``, ``"memory"``, ``"overhead"`` or ``"neither"``; None without a time."""
        if self.reached is None:
            return None
        return "overhead" if self.is_call else self.reached.bound

    def to_json(self) -> dict[str, Any]:
        """Return all numbers; times are in seconds."""
        reached = self.reached._asdict() if self.reached else dict.fromkeys(Utilization._fields)
        return {"name": self.name, "seconds": self.seconds, **self.work._asdict(), **reached, "bound": self.bound}

    def format_cells(self, total: float | None = None) -> list[str]:
        """Return the cells of a line of the table; ``total`` is the time of all layers."""
        time, share, rates = "-", "", ["-"] * 5
        if self.seconds is not None:
            time = format_duration(self.seconds)
            share = f"{self.seconds / total:.1%}" if total else ""
        if self.reached is not None:
            rates = [*format_rate(self.reached.operations_rate, self.reached.operations_share)]
            rates += format_rate(self.reached.bytes_rate, self.reached.bytes_share)
            rates.append(self.bound or "-")
        return [self.name, time, share, format_count(self.work.operations), *rates]


@dataclass(frozen=True)
class LayerRoofline:
    """Roofline of a training step, layer by layer.

    Attributes
    ----------
    layers : list of RooflineRow
        Each layer, forward and backward.
    step : RooflineRow
        The whole step with loss and update as `fit` runs it; without a loss, both passes of the network.
    machine : Machine
        The machine whose peaks the shares refer to.
    one_core : bool
        Whether the step is a C loop, on one core.
    """

    layers: list[RooflineRow]
    step: RooflineRow
    machine: Machine
    one_core: bool

    @property
    def layer_seconds(self) -> float | None:
        """Sum over the layers."""
        times = [row.seconds for row in self.layers if row.seconds is not None]
        return sum(times) if times else None

    @property
    def layer_operations(self) -> int:
        """Sum over the layers."""
        return sum(row.work.operations for row in self.layers)

    @property
    def rest_seconds(self) -> float | None:
        """Time of the step minus that of the layers: loss, update, and the effect of fusing layers."""
        seconds, step = self.layer_seconds, self.step.seconds
        return None if seconds is None or step is None else step - seconds

    def to_json(self) -> dict[str, Any]:
        """Return all numbers; times are in seconds, rates per second."""
        return {
            "layers": [row.to_json() for row in self.layers],
            "sum_of_layers": {"seconds": self.layer_seconds, "operations": self.layer_operations},
            "rest": {
                "seconds": self.rest_seconds,
                "operations": self.step.work.operations - self.layer_operations,
            },
            "step": self.step.to_json(),
            "machine": self.machine._asdict(),
            "one_core": self.one_core,
        }

    def format_lines(self) -> list[str]:
        """Return the table and its explanation as lines of text."""
        total, rest = self.layer_seconds, self.rest_seconds
        header = ["layer", "time", "share", "FLOP", "GFLOP/s", "of peak", "GB/s", "of peak", "bound"]
        cells = [header, *(row.format_cells(total) for row in self.layers)]
        time, share = ("-", "") if total is None else (format_duration(total), "100.0%")
        cells.append(["sum of the layers", time, share, format_count(self.layer_operations)])
        difference = "-" if rest is None else format_signed_duration(rest)
        operations = format_count(self.step.work.operations - self.layer_operations)
        cells.append(["loss, update, fusion", difference, "", operations])
        cells.append(self.step.format_cells())
        method = ONE_FUNCTION.format(peak=self.machine.core_peak / 1e9) if self.one_core else SEPARATE
        return [*align_cells(cells), method, BOUNDS, self.machine.describe_peaks()]


def make_roofline(
    layers: Sequence[tuple[str, float, Work]],
    step: tuple[str, float, Work],
    machine: Machine,
    overhead: float,
    one_core: bool,
) -> LayerRoofline:
    """Compare the times of layers and of the whole step with the peaks of a machine.

    ``layers`` and ``step`` are names, seconds and work; ``overhead`` is the time of an empty call, which is part of
    the time of every layer. The layers of a C loop keep only their work.
    """
    rows = [
        RooflineRow(name, None, work, None)
        if one_core
        else RooflineRow(name, seconds, work, machine.get_utilization(work, seconds), overhead >= seconds / 2)
        for name, seconds, work in layers
    ]
    name, seconds, work = step
    reached = (
        get_core_utilization(work, seconds, machine.core_peak) if one_core else machine.get_utilization(work, seconds)
    )
    return LayerRoofline(rows, RooflineRow(name, seconds, work, reached), machine, one_core)


def format_rate(rate: float | None, share: float | None) -> list[str]:
    """Return a rate in billions per second and its share; dashes if there is none."""
    return ["-", "-"] if rate is None or share is None else [f"{rate / 1e9:.3g}", format_share(share)]


def format_count(count: float) -> str:
    """Return a number with three digits and the prefix of its unit.

    Examples
    --------
    >>> format_count(12_400_000_000), format_count(999), format_count(-2500)
    ('12.4 G', '999', '-2.5 k')
    """
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(count) >= size:
            return f"{count / size:.3g} {prefix}"
    return f"{count:.3g}"


def format_signed_duration(seconds: float) -> str:
    """Return a difference of times with its sign.

    Examples
    --------
    >>> format_signed_duration(0.002), format_signed_duration(-0.0005)
    ('+2 ms', '-500 µs')
    """
    return f"{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}"
