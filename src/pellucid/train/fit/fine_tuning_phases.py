"""Phases of a training: one, or two with the head trained before all layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.training.callbacks.early_stopping import EarlyStopping

if TYPE_CHECKING:
    from pellucid.train.prepare.prepared_run import PreparedRun
    from pellucid.training.callbacks.base import Logs


class PhasedStopping(EarlyStopping):
    """Early stopping that remembers the best epoch of an earlier phase."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = 0
        self.check_monitor()


@dataclass(frozen=True)
class Phase:
    """Epochs that are trained by one call of ``fit``, from ``start`` up to and without ``end``."""

    start: int
    end: int
    patience: int
    checkpoint: Path


def iterate_phases(prepared: PreparedRun, checkpoint: Path) -> Iterator[Phase]:
    """Yield the phases of a training that are left, and unfreeze layers between them."""
    settings, tuning = prepared.settings, prepared.fine_tuning
    assert settings.epochs is not None  # resolved by `prepare`
    patience = settings.patience or settings.epochs
    if tuning is None or tuning.unfreeze_after is None:
        yield Phase(0, settings.epochs, patience, checkpoint)
        return
    if not any(checkpoint.glob("*.pel")):
        yield Phase(0, tuning.unfreeze_after, settings.epochs, checkpoint / "head")
    tuning.unfreeze(prepared.model, settings)
    yield Phase(tuning.unfreeze_after, settings.epochs, patience, checkpoint)
