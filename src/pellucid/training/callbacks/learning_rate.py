"""Callbacks that change the learning rate from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Shared
from pellucid.model.errors import ModelError
from pellucid.training import data_validation
from pellucid.training.callbacks.base import Callback, Logs, say
from pellucid.training.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from pellucid.model.model import Model


def rate_of(model: Model, who: str) -> float:
    """Return the learning rate as a number, or say why it has none."""
    rate = model.optimizer.learning_rate
    if not isinstance(rate, (float, Shared)):
        raise ModelError(
            f"{who}: the learning rate of {model.optimizer!r} follows from the number of steps, {rate}, and cannot be "
            "set. Make the optimizer with a number"
        )
    return float(rate.get_value()) if isinstance(rate, Shared) else rate


class LearningRateScheduler(Callback):
    """Set the learning rate before every epoch.

    Parameters
    ----------
    schedule : function
        ``schedule(epoch, learning_rate)``, of the epoch from 0 and the rate so far, to the new one. The history has it
        as ``"learning_rate"``.
    verbose : {0, 1}
        Whether to say so.

    Raises
    ------
    ModelError
        If the optimizer has a schedule of its own.
    OptionError
        If the function returns no number of 0 or more.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.5), "mse")
    >>> halve = pel.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    >>> model.fit(np.ones((8, 1)), np.ones(8), epochs=3, callbacks=[halve]).history["learning_rate"]
    [0.5, 0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        if not callable(schedule):
            raise OptionError(f"LearningRateScheduler: expected a function of the epoch. Received: {schedule!r}")
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        rate = self.schedule(epoch, rate_of(self.model, "LearningRateScheduler"))
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)) or not 0 <= rate < np.inf:
            raise OptionError(
                f"LearningRateScheduler: expected a rate of 0 or more. Received: {rate!r} in epoch {epoch}"
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            say(f"Epoch {epoch + 1}: learning rate {rate:.4g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the rate into the history."""
        if logs is not None:
            logs["learning_rate"] = rate_of(self.model, "LearningRateScheduler")


class ReduceLROnPlateau(Monitor):
    r"""Make the learning rate smaller, :math:`\eta \leftarrow f \eta`, when a measure has stopped becoming better.

    Parameters
    ----------
    monitor : str
        The measure.
    factor : float
        :math:`f`, below 1.
    patience : int
        For how many epochs it may not become better.
    verbose : {0, 1}
        Whether to say so.
    mode : {"auto", "min", "max"}
        What is better; ``"auto"`` follows from what the measure is.
    min_delta : float
        By how much it must be better.
    cooldown : int
        For how many epochs to look away after the rate was made smaller.
    min_lr : float
        The least rate.

    Raises
    ------
    OptionError, ModelError
        For a factor that does not make it smaller, a mode or a measure that there is not, or an optimizer with a
        schedule of its own.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise OptionError(f"ReduceLROnPlateau: expected a factor from 0 up to but without 1. Received: {factor!r}")
        self.factor, self.min_lr, self.verbose = factor, min_lr, verbose
        self.patience, self.cooldown = (
            data_validation.whole("patience", patience),
            data_validation.whole("cooldown", cooldown),
        )
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin anew, and hold the measure against those that there will be."""
        self.best, self.wait, self.cooldown_counter = None, 0, 0
        self.look_up()
        rate_of(self.model, self.kind)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best so far."""
        if logs is not None:
            logs["learning_rate"] = rate_of(self.model, self.kind)
        value = self.current(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self.reduce(epoch)

    def reduce(self, epoch: int) -> None:
        """Make the rate smaller, if it is not at its least."""
        rate = rate_of(self.model, self.kind)
        if rate <= self.min_lr:
            return
        new = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            say(f"Epoch {epoch + 1}: learning rate {new:.4g}, since {self.monitor} has not become better")

    def get_state(self) -> dict[str, Any]:
        """Return the best so far, and how long ago it was."""
        place = {name: np.array(getattr(self, name)) for name in ("wait", "cooldown_counter")}
        return {**super().get_state(), **place}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        super().set_state(state)
        self.wait, self.cooldown_counter = int(state["wait"]), int(state["cooldown_counter"])
