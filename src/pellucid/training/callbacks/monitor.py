"""Base class of callbacks that monitor a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.model.errors import ModelError
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.metric_mode import is_higher_better

MODES = ("auto", "min", "max")


class Monitor(Callback):
    """A callback that compares a metric with its best value so far.

    Parameters
    ----------
    monitor : str
        The metric: ``"loss"`` or the name of a metric, with the prefix ``"val_"`` for the validation data.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better; ``"auto"`` follows from the name of the metric.
    min_delta : float
        Smallest change that counts as an improvement.

    Raises
    ------
    OptionError
        For an unknown mode.
    ModelError
        When training begins: for an unknown metric, and for ``"auto"`` with a metric of unknown direction.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in MODES:
            raise OptionError(f"{self.class_name}: expected mode to be one of {MODES}. Received: mode={mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best: float | None = None
        self.higher_is_better = mode == "max"

    @property
    def class_name(self) -> str:
        """Name of the callback in messages."""
        return type(self).__name__

    def check_monitor(self) -> None:
        """Check that the run has the metric, and find out whether higher is better."""
        known = self.params["metrics"]
        if self.monitor not in known:
            hint = near_miss(self.monitor, known)
            if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in known):
                hint = " There is no validation: give fit validation_data or validation_split."
            raise ModelError(
                f"{self.class_name}: there is no metric {self.monitor!r}.{hint} Metrics: {', '.join(known)}"
            )
        if self.mode == "auto":
            higher = is_higher_better(self.monitor)
            if higher is None:
                raise ModelError(
                    f"{self.class_name}: mode='auto' does not know whether higher {self.monitor!r} is better. "
                    "Give mode='max' or mode='min'"
                )
            self.higher_is_better = higher

    def get_value(self, logs: Logs | None) -> float | None:
        """Return the monitored value, None in an epoch without validation."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            return None
        if np.ndim(value):
            raise ModelError(f"{self.class_name}: {self.monitor!r} is not a scalar. Received: shape {np.shape(value)}")
        return float(value)

    def is_better(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another by `min_delta`; any value is better than none."""
        if reference is None:
            return True
        if self.higher_is_better:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def get_state(self) -> dict[str, Any]:
        return {"best": np.array(np.nan if self.best is None else self.best)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        best = float(state["best"])
        self.best = None if np.isnan(best) else best
