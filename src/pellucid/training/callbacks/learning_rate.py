"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Shared
from pellucid.graph.validation import check_integer, check_number
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.training.callbacks.base import Callback, Logs, Monitor, MonitorMode, print_once
from pellucid.typing import ArrayLike


def get_learning_rate(model: ModelLike, owner: str) -> float:
    """Return the learning rate as a number; a schedule has none that could be changed."""
    rate = model.optimizer.learning_rate
    if not isinstance(rate, (float, Shared)):
        raise ModelError(
            f"{owner}: the learning rate of {model.optimizer!r} is a schedule, {rate}, and cannot be set. "
            f"{model.optimizer.rate_advice}"
        )
    return float(rate.get_value()) if isinstance(rate, Shared) else rate


class LearningRateScheduler(Callback):
    """Set the learning rate before every epoch.

    Parameters
    ----------
    schedule : function
        ``schedule(epoch, learning_rate)`` returns the new learning rate; epochs count from 0. The history records it as
        ``"learning_rate"``.
    verbose : {0, 1}
        Whether to print a message.

    Raises
    ------
    ModelError
        If the optimizer has a schedule.
    OptionError
        If the function returns anything but a number of 0 or more.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.5), "mse")
    >>> halve = pel.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    >>> model.fit(np.ones((8, 1)), np.ones(8), epochs=3, callbacks=[halve]).history["learning_rate"]
    [0.5, 0.25, 0.125]
    """

    verbose: int

    def __init__(self, schedule: Callable[[int, float], float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise OptionError(
                f"LearningRateScheduler: expected a function of the epoch and the learning rate. Received: {schedule!r}"
            )
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        rate: object = self.schedule(epoch, get_learning_rate(self.model, "LearningRateScheduler"))
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)) or not 0 <= rate < np.inf:
            raise OptionError(
                "LearningRateScheduler: expected the schedule to return a number of 0 or more. "
                f"Received: {rate!r} in epoch {epoch}"
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print_once(f"Epoch {epoch + 1}: learning rate {rate:.4g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = get_learning_rate(self.model, "LearningRateScheduler")


class ReduceLROnPlateau(Monitor):
    r"""Reduce the learning rate, :math:`\eta \leftarrow f \eta`, when a metric has stopped improving.

    Parameters
    ----------
    monitor : str
        Metric to monitor.
    factor : float
        :math:`f`, below 1.
    patience : int
        Number of epochs without improvement after which the learning rate is reduced.
    verbose : {0, 1}
        Whether to print a message.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better; ``"auto"`` follows from the name of the metric.
    min_delta : float
        Smallest change that counts as an improvement.
    cooldown : int
        Number of epochs after a reduction in which epochs without improvement do not count.
    min_lr : float
        Lower bound of the learning rate.

    Raises
    ------
    OptionError, ModelError
        For a factor outside [0, 1), an unknown mode or metric, or an optimizer with a schedule.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.1), "mse")
    >>> reduce = pel.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1e9)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=3, callbacks=[reduce], verbose=0)
    >>> model.optimizer.learning_rate
    0.0010000000000000002
    """

    cooldown_counter: int
    min_lr: float
    verbose: int

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: MonitorMode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor: float = check_number("factor", factor, 0, below=1)
        self.min_lr, self.verbose = min_lr, verbose
        self.patience: int = check_integer("patience", patience, minimum=0)
        self.cooldown: int = check_integer("cooldown", cooldown, minimum=0)
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best, self.wait, self.cooldown_counter = None, 0, 0
        self.check_monitor()
        get_learning_rate(self.model, self.class_name)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = get_learning_rate(self.model, self.class_name)
        value = self.get_value(logs)
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
        """Reduce the learning rate, unless it is at its lower bound."""
        rate = get_learning_rate(self.model, self.class_name)
        if rate <= self.min_lr:
            return
        new = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print_once(f"Epoch {epoch + 1}: learning rate reduced to {new:.4g}; {self.monitor} did not improve")

    def get_state(self) -> dict[str, ArrayLike]:
        counters = {name: np.array(getattr(self, name)) for name in ("wait", "cooldown_counter")}
        return {**super().get_state(), **counters}

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self.wait, self.cooldown_counter = int(state["wait"]), int(state["cooldown_counter"])
