"""Trials and rungs of a sweep, with their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MONITOR, ACCURACY = "val_loss", "val_accuracy"
FACTOR = 2
"""Number of trials at a rung for each that continues after it."""


@dataclass(frozen=True)
class Rung:
    """A part of a sweep: some trials are trained up to an epoch."""

    trials: int
    start: int
    end: int


@dataclass
class TrialResult:
    """Metrics of a trial by epoch, and the last rung that it was trained in."""

    number: int
    values: Mapping[str, Any]
    rung: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """Lowest validation loss so far; infinity if there is none."""
        losses = [value for value in self.curves.get(MONITOR, ()) if math.isfinite(value)]
        return min(losses, default=math.inf)

    @property
    def best_epoch(self) -> int:
        losses = self.curves.get(MONITOR, [])
        return losses.index(self.loss) + 1 if self.loss in losses else 0

    @property
    def accuracy(self) -> float | None:
        """Validation accuracy in the epoch of the lowest loss."""
        return self.curves[ACCURACY][self.best_epoch - 1] if ACCURACY in self.curves and self.best_epoch else None

    def describe(self) -> dict[str, Any]:
        """Return the values for the record."""
        return {
            "trial": self.number,
            "values": dict(self.values),
            "rung": self.rung,
            "epochs": len(self.curves.get(MONITOR, ())),
            "best_epoch": self.best_epoch,
            "validation_loss": self.loss if math.isfinite(self.loss) else None,
            "validation_accuracy": self.accuracy,
            "curve": [value if math.isfinite(value) else None for value in self.curves.get(MONITOR, ())],
        }


@dataclass
class SweepResult:
    """Trials and rungs of a sweep, and the number of compiled programs of each rung that is finished."""

    trials: list[TrialResult]
    rungs: list[Rung]
    programs: list[int] = field(default_factory=list)

    @property
    def ranking(self) -> list[TrialResult]:
        """Trials, best first: those of later rungs before others, then by the lowest validation loss."""
        return sorted(self.trials, key=lambda each: (-each.rung, each.loss, each.number))

    def describe(self) -> dict[str, Any]:
        """Return the values for the record."""
        return {
            "monitor": MONITOR,
            "factor": FACTOR,
            "rungs": [vars(rung) for rung in self.rungs],
            "programs": self.programs,
            "winner": self.ranking[0].number,
            "trials": [each.describe() for each in self.ranking],
        }
