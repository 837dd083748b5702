"""Callbacks that end training early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import NonFiniteError
from pellucid.graph.validation import check_integer
from pellucid.training.callbacks.base import Callback, Logs, Monitor, MonitorMode, print_once
from pellucid.typing import Array, ArrayLike


class EarlyStopping(Monitor):
    """Stop training when a metric has stopped improving.

    Parameters
    ----------
    monitor : str
        Metric to monitor.
    min_delta : float
        Smallest change that counts as an improvement.
    patience : int
        Number of epochs without improvement after which training stops.
    verbose : {0, 1}
        Whether to print a message.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better; ``"auto"`` follows from the name of the metric.
    baseline : float, optional
        Value that the metric must also improve on.
    restore_best_weights : bool
        Whether to restore the weights of the best epoch after training.
    start_from_epoch : int
        Number of epochs to wait before monitoring.

    Attributes
    ----------
    stopped_epoch : int
        Epoch, from 0, after which training was stopped; 0 if it was not.
    best_epoch : int
        The best epoch.
    best : float or None
        The metric in the best epoch.

    Raises
    ------
    OptionError, ModelError
        For an unknown mode or metric.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.0), "mse")
    >>> stopping = pel.callbacks.EarlyStopping("loss", patience=3)
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=50, callbacks=[stopping])
    >>> len(history.epoch), stopping.best_epoch
    (4, 0)
    """

    baseline: float | None
    verbose: int

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: MonitorMode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience: int = check_integer("patience", patience, minimum=0)
        self.verbose, self.baseline = verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch: int = check_integer("start_from_epoch", start_from_epoch, minimum=0)
        self.reset()

    def reset(self) -> None:
        """Forget an earlier run."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.reset()
        self.check_monitor()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.get_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.set_best(epoch)
        self.wait += 1
        if self.is_better(value, self.best):
            self.best = value
            self.set_best(epoch)
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def set_best(self, epoch: int) -> None:
        """Make an epoch the best one."""
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print_once(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print_once(f"Restored the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, ArrayLike]:
        counters = {name: np.array(getattr(self, name)) for name in ("wait", "best_epoch")}
        weights = {f"weights/{i}": w for i, w in enumerate(self.best_weights or ())}
        return {**super().get_state(), **counters, **weights}

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self.wait, self.best_epoch = int(state["wait"]), int(state["best_epoch"])
        weights = [name for name in state if name.startswith("weights/")]
        self.best_weights = [np.array(state[f"weights/{i}"]) for i in range(len(weights))] or None


class TerminateOnNaN(Callback):
    """Stop training when the loss is NaN or infinite.

    It checks after every compiled chunk, several times per second, and costs nothing.

    Parameters
    ----------
    raise_error : bool
        Whether to raise an error instead; then `on_train_end` of the callbacks is not called.

    Raises
    ------
    NonFiniteError
        With ``raise_error``, when the loss is NaN or infinite.

    Examples
    --------
    >>> import warnings
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(1e30), "mse")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", pel.TrainingWarning)
    ...     stop = pel.callbacks.TerminateOnNaN()
    ...     history = model.fit(np.ones((4, 1)), np.ones(4), epochs=99, callbacks=[stop], verbose=0)
    >>> len(history.epoch) < 99
    True
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    @property
    def batch_interval(self) -> int:
        """After every chunk: a loss that is NaN stays NaN."""
        return 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {})["loss"]
        if np.isfinite(loss):
            return
        if self.raise_error:
            raise NonFiniteError(
                f"The loss of batch {batch + 1}, or of one before it, is {loss}. Try a smaller learning rate, or scale "
                "the inputs to about [-1, 1]"
            )
        self.model.stop_training = True
