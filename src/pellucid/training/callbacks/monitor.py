"""Callbacks that look at one measure and whether it is still becoming better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.model.errors import ModelError
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.metric_mode import better_when_great

MODES = ("auto", "min", "max")


class Monitor(Callback):
    """A callback that compares one measure with the best so far.

    Parameters
    ----------
    monitor : str
        The measure: ``"loss"``, a metric, or with ``"val_"`` before it that of the validation data.
    mode : {"auto", "min", "max"}
        What is better; ``"auto"`` follows from what the measure is.
    min_delta : float
        By how much it must be better.

    Raises
    ------
    OptionError
        For another mode.
    ModelError
        When training begins: for a measure that there is not; and for ``"auto"`` where the measure is your own.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in MODES:
            raise OptionError(f"{self.kind}: expected a mode out of {MODES}. Received: mode={mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best: float | None = None
        self.greater = mode == "max"

    @property
    def kind(self) -> str:
        """The callback's own name."""
        return type(self).__name__

    def look_up(self) -> None:
        """Hold the measure against those that there will be."""
        known = self.params["metrics"]
        if self.monitor not in known:
            hint = near_miss(self.monitor, known)
            if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in known):
                hint = " There is no validation: give fit validation_data or validation_split"
            raise ModelError(f"{self.kind}: there is no measure {self.monitor!r}.{hint} Measures: {', '.join(known)}")
        if self.mode == "auto":
            great = better_when_great(self.monitor)
            if great is None:
                raise ModelError(
                    f"{self.kind}: whether {self.monitor!r} is better when it is great or small cannot be told from "
                    "its name. Give mode='max' or mode='min'"
                )
            self.greater = great

    def current(self, logs: Logs | None) -> float | None:
        """Return what is looked at, None in an epoch without validation."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            return None
        if np.ndim(value):
            raise ModelError(f"{self.kind}: {self.monitor!r} is not one number. Received: shape {np.shape(value)}")
        return float(value)

    def is_better(self, value: float, than: float | None) -> bool:
        """Tell whether a value is better than another, or the first."""
        if than is None:
            return True
        return value - self.min_delta > than if self.greater else value + self.min_delta < than

    def get_state(self) -> dict[str, Any]:
        """Return the best so far."""
        return {"best": np.array(np.nan if self.best is None else self.best)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from the best so far."""
        best = float(state["best"])
        self.best = None if np.isnan(best) else best
