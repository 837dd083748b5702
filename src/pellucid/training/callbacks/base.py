"""Base classes of callbacks, callbacks from functions, and the list of a run's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.run.distributed.process_group import process_id
from pellucid.training.metric_mode import is_higher_better
from pellucid.typing import ArrayLike

Logs = dict[str, Any]

MonitorMode = Literal["auto", "min", "max"]
"""Whether lower or higher values of a metric are better; ``"auto"`` decides by its name."""


class Callback:
    r"""Base class of callbacks, which are called during training, evaluation and prediction; override its hooks.

    Any other object with some of the hooks is a callback too, such as those of ``keras.callbacks``.

    Training runs in compiled programs of many steps, so batch hooks cost time: for a callback that overrides
    `on_train_batch_begin` or `on_train_batch_end`, the programs are cut so that it is called at every batch, unless its
    `batch_interval` says otherwise. The computed numbers are the same.

    Attributes
    ----------
    model : Model
        The model. ``model.stop_training = True`` ends training after the current batch or epoch.
    params : dict
        ``"epochs"``, ``"steps"`` per epoch (None if unknown), ``"verbose"``, and ``"metrics"``, the names of everything
        in the logs of an epoch.

    Examples
    --------
    >>> class PrintLogs(pel.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.zeros((4, 2)), np.zeros(4), epochs=2, callbacks=[PrintLogs()])
    0 ['loss']
    1 ['loss']
    """

    unsaved: ClassVar[Mapping[str, Callable[[], object]]] = {
        "model": lambda: None,
        "params": dict,
        "other_callbacks": tuple,
    }
    """Attributes that model files and pickles leave out."""

    model: ModelLike
    params: Mapping[str, Any]
    other_callbacks: Sequence[Callback] = ()
    """The other callbacks of the run."""

    runs_last: ClassVar[bool] = False
    """Whether it is called after all callbacks for which this is False."""

    @property
    def batch_interval(self) -> int | None:
        """How often `on_train_batch_end` is called.

        None: never. 0: after every compiled chunk, several times per second. ``n``: whenever ``model.step`` is a
        multiple of ``n``; 1, every batch, is the default of callbacks that override a batch hook.
        """
        overrides = any(overrides_hook(self, f"on_train_batch_{when}") for when in ("begin", "end"))
        return 1 if overrides else None

    def set_model(self, model: ModelLike) -> None:
        """Set the model; called before a run.

        Parameters
        ----------
        model : Model
            The model.
        """
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Set the parameters of the run; called before it.

        Parameters
        ----------
        params : dict from str
            Settings of the run, such as ``epochs``.
        """
        self.params = params

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self.unsaved}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        vars(self).update({name: make() for name, make in self.unsaved.items()})

    def get_state(self) -> dict[str, Any]:
        """Return the state that a resumed run continues from, as arrays by name."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from the result of `get_state`; called after `on_train_begin`.

        Parameters
        ----------
        state : dict from str to array
            The result of `get_state`.
        """

    def save_interrupted(self) -> None:
        """Save the run where Ctrl-C or SIGTERM interrupted it, between two steps."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch.

        Parameters
        ----------
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called after the last epoch, with its logs.

        Parameters
        ----------
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch, counted from 0.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch and its validation, with its metrics; items added to ``logs`` appear in the history.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch, counted from 0 in its epoch.

        Parameters
        ----------
        batch : int
            Number of the batch in its epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch, with the metrics of the epoch so far.

        Parameters
        ----------
        batch : int
            Number of the batch in its epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before `Model.evaluate` and before validation.

        Parameters
        ----------
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after `Model.evaluate` and after validation, with the metrics.

        Parameters
        ----------
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch is evaluated.

        Parameters
        ----------
        batch : int
            Number of the batch in its epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch is evaluated, with the metrics so far.

        Parameters
        ----------
        batch : int
            Number of the batch in its epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before `Model.predict`.

        Parameters
        ----------
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after `Model.predict`.

        Parameters
        ----------
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before the predictions of a batch.

        Parameters
        ----------
        batch : int
            Number of the batch in its epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after the predictions of a batch, with ``"outputs"``.

        Parameters
        ----------
        batch : int
            Number of the batch in its epoch, from 0.
        logs : dict from str to float, optional
            Metrics by name.
        """


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def overrides_hook(callback: Callback, hook: str) -> bool:
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)


class LambdaCallback(Callback):
    """Call functions at hooks, without a class.

    Parameters
    ----------
    on_train_begin, on_train_end : function, optional
        ``f(logs)``.
    on_epoch_begin, on_epoch_end : function, optional
        ``f(epoch, logs)``.
    on_train_batch_begin, on_train_batch_end : function, optional
        ``f(batch, logs)``.
    other_hooks : function
        Any other hook of `Callback`, by name.

    Raises
    ------
    UseError
        For an unknown hook, or a value that is not a function.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> callback = pel.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, list(logs)))
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), callbacks=[callback])
    0 ['loss']
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., object] | None = None,
        on_epoch_end: Callable[..., object] | None = None,
        on_train_begin: Callable[..., object] | None = None,
        on_train_end: Callable[..., object] | None = None,
        on_train_batch_begin: Callable[..., object] | None = None,
        on_train_batch_end: Callable[..., object] | None = None,
        **other_hooks: Callable[..., object],
    ) -> None:
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **other_hooks,
        }
        for name, function in hooks.items():
            if name not in HOOKS:
                raise UseError(f"LambdaCallback: there is no hook {name!r}.{near_miss(name, HOOKS)}")
            if function is None:
                continue
            if not callable(function):
                raise UseError(f"LambdaCallback: expected {name} to be a function. Received: {function!r}")
            setattr(self, name, function)


class Monitor(Callback):
    """Base class of callbacks that compare a metric with its best value so far."""

    min_delta: float
    monitor: str

    def __init__(self, monitor: str = "val_loss", mode: MonitorMode = "auto", min_delta: float = 0.0) -> None:
        if mode not in get_args(MonitorMode):
            raise OptionError(f"{self.class_name}: expected mode to be 'auto', 'min' or 'max'. Received: mode={mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best: float | None = None
        self.higher_is_better: bool = mode == "max"

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

    def get_state(self) -> dict[str, ArrayLike]:
        return {"best": np.array(np.nan if self.best is None else self.best)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        best = float(state["best"])
        self.best = None if np.isnan(best) else best


class CallbackList:
    """The callbacks of a run, called in order."""

    def __init__(self, callbacks: Sequence[Callback], model: ModelLike, params: Mapping[str, Any]) -> None:
        self.callbacks: list[Callback] = sorted(callbacks, key=lambda c: c.runs_last)
        for callback in self.callbacks:
            callback.other_callbacks = [other for other in self.callbacks if other is not callback]
            callback.set_params(params)
            callback.set_model(model)
        self.is_complete: bool = True
        """Whether the latest hook was called for all callbacks; false if one of them was interrupted."""
        # Hooks are looked up when the run begins, because a callback may assign functions to its attributes until then.
        self.hooks: dict[str, list[Callable[..., None]]] = {}

    def __call__(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks that override it."""
        if hook not in self.hooks:
            self.hooks[hook] = [getattr(c, hook) for c in self.callbacks if overrides_hook(c, hook)]
        with self.called_together():
            for function in self.hooks[hook]:
                function(*args)

    @contextmanager
    def called_together(self) -> Iterator[None]:
        """Record whether the calls in a ``with`` block were interrupted, after which the callbacks' states differ."""
        self.is_complete = False
        yield
        self.is_complete = True

    def any_overrides(self, *hooks: str, ignoring: object = None) -> bool:
        """Whether a callback, other than the ignored one, overrides one of the hooks."""
        return any(overrides_hook(c, hook) for c in self.callbacks if c is not ignoring for hook in hooks)

    def count_steps_until_due(self, step: int) -> int | None:
        """Return after how many steps the next callback is due, counted from ``step``; None if none is."""
        distances = [n - step % n for n in (c.batch_interval for c in self.callbacks) if n]
        return min(distances, default=None)

    def batch_begin(self, batch: int) -> None:
        """Call the begin hook of the callbacks that are called at every batch."""
        with self.called_together():
            for callback in self.callbacks:
                if callback.batch_interval == 1:
                    callback.on_train_batch_begin(batch, {})

    def batch_end(self, batch: int, step: int, logs: Logs) -> None:
        """Call the end hook of the callbacks that are due after ``step`` steps."""
        with self.called_together():
            for callback in self.callbacks:
                interval = callback.batch_interval
                if interval is not None and (interval == 0 or step % interval == 0):
                    callback.on_train_batch_end(batch, logs)


def print_once(text: str) -> None:
    """Print a line, in the first process only."""
    if not process_id():
        print(text)
