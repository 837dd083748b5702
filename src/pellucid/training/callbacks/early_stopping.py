"""Callbacks that end training before its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import NonFiniteError
from pellucid.training import data_validation
from pellucid.training.callbacks.base import Callback, Logs, say
from pellucid.training.callbacks.monitor import Monitor

Array = np.ndarray[Any, Any]


class EarlyStopping(Monitor):
    """End training when a measure has not become better for some epochs.

    Parameters
    ----------
    monitor : str
        The measure.
    min_delta : float
        By how much it must be better.
    patience : int
        For how many epochs it may not be.
    verbose : {0, 1}
        Whether to say so.
    mode : {"auto", "min", "max"}
        What is better; ``"auto"`` follows from what the measure is.
    baseline : float, optional
        What it must be better than besides.
    restore_best_weights : bool
        Whether the model has the weights of its best epoch afterwards, instead of the last.
    start_from_epoch : int
        How many epochs to wait before looking.

    Attributes
    ----------
    stopped_epoch : int
        The epoch, from 0, after which it ended training; 0 if it did not.
    best_epoch : int
        The best one.
    best : float or None
        The measure in it.

    Raises
    ------
    OptionError, ModelError
        For a mode or a measure that there is not.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.0), "mse")
    >>> stopping = pel.callbacks.EarlyStopping("loss", patience=3)
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=50, callbacks=[stopping])
    >>> len(history.epoch), stopping.best_epoch
    (4, 0)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = data_validation.whole("patience", patience)
        self.verbose, self.baseline = verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = data_validation.whole("start_from_epoch", start_from_epoch)
        self.begin()

    def begin(self) -> None:
        """Forget an earlier run."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin anew, and hold the measure against those that there will be."""
        self.begin()
        self.look_up()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best so far."""
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.remember(epoch)
        self.wait += 1
        if self.is_better(value, self.best):
            self.best = value
            self.remember(epoch)
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def remember(self, epoch: int) -> None:
        """Take an epoch for the best."""
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back."""
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                say(f"Weights are those of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        """Return the best so far, and how long ago it was."""
        place = {name: np.array(getattr(self, name)) for name in ("wait", "best_epoch")}
        weights = {f"weights/{i}": w for i, w in enumerate(self.best_weights or ())}
        return {**super().get_state(), **place, **weights}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        super().set_state(state)
        self.wait, self.best_epoch = int(state["wait"]), int(state["best_epoch"])
        weights = [name for name in state if name.startswith("weights/")]
        self.best_weights = [np.array(state[f"weights/{i}"]) for i in range(len(weights))] or None


class TerminateOnNaN(Callback):
    """End training when the loss is no longer a number.

    It looks after every compiled chunk, some five times a second, and costs nothing.

    Parameters
    ----------
    raise_error : bool
        Whether to raise an error instead, so that no other callback is told that training ended.

    Raises
    ------
    NonFiniteError
        If it is to be raised.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    @property
    def batch_interval(self) -> int:
        """After every chunk: a loss that is no number stays one."""
        return 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss of the epoch so far."""
        loss = (logs or {})["loss"]
        if np.isfinite(loss):
            return
        if self.raise_error:
            raise NonFiniteError(
                f"The loss of batch {batch + 1}, or of one before it, is {loss}. A smaller learning rate, or data "
                "brought to the range of about -1 to 1, is the usual cure"
            )
        self.model.stop_training = True
