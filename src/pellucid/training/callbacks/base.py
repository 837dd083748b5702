"""What every callback is, and how several are called as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pellucid.graph.errors import UseError
from pellucid.run.distributed.process_group import process_id

if TYPE_CHECKING:
    from pellucid.model.model import Model

Logs = dict[str, Any]


class Callback:
    r"""What is called while a model trains, evaluates or predicts. A new one overrides the hooks it needs.

    Training runs in compiled programs of many steps, so hooks of batches cost something: a callback that overrides
    `on_train_batch_begin` or `on_train_batch_end` has the programs cut so that it is called at every batch, unless its
    `batch_interval` says otherwise. The numbers that are computed are the same.

    Attributes
    ----------
    model : Model
        Whom it is called by. ``model.stop_training = True`` ends training after the batch or epoch at hand.
    params : dict
        ``"epochs"``, ``"steps"`` of an epoch (None if unknown), ``"verbose"``, and ``"metrics"``, the names of all that
        the logs of an epoch will hold.

    Examples
    --------
    >>> class Told(pel.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.zeros((4, 2)), np.zeros(4), epochs=2, callbacks=[Told()])
    0 ['loss']
    1 ['loss']
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {"model": lambda: None, "params": dict, "company": tuple}
    """What the file of a model leaves out of its callbacks."""

    model: Model
    params: Mapping[str, Any]
    company: Sequence[Callback] = ()
    """The other callbacks of the run."""

    comes_last: ClassVar[bool] = False
    """Whether it is called after all others that do not say so too."""

    @property
    def batch_interval(self) -> int | None:
        """At the end of which batches of training `on_train_batch_end` is called.

        None: of none. 0: of the last one of every compiled chunk, some five times a second. A number: of every so many,
        counted by ``model.step``; 1 is every batch, and what a callback has that overrides a hook of batches.
        """
        overridden = any(overrides(self, f"on_train_batch_{when}") for when in ("begin", "end"))
        return 1 if overridden else None

    def set_model(self, model: Model) -> None:
        """Learn whom it is called by."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Learn how the model is trained."""
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """Return what it must remember to go on in a run that is taken up again, as arrays by name."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` returned; called after `on_train_begin`."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called after the last epoch, with its logs."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch, and its validation, with what was measured; what is added to it is in the history."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch, counted from 0 in its epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch, with the measures of the epoch so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before `Model.evaluate` and before validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after them, with what was measured."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch is measured."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch was measured, with the measures so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before `Model.predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after it."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before the predictions of a batch."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after them, with ``"outputs"``."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""The names of all hooks."""


def overrides(callback: Any, hook: str) -> bool:
    """Tell whether a callback does something in a hook."""
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)


class Callbacks:
    """Several callbacks, called one after the other.

    Parameters
    ----------
    callbacks : Callback, or a list of them, or None
        In the order in which they are called.
    model : Model
        Whom they are called by.
    params : mapping
        What they are told of the run.
    """

    def __init__(self, callbacks: Any, model: Model, params: Mapping[str, Any]) -> None:
        self.each = sorted(listed(callbacks), key=lambda c: c.comes_last)
        self.model = model
        for callback in self.each:
            callback.company = [other for other in self.each if other is not callback]
            callback.set_params(params)
            callback.set_model(model)
        # A callback may set attributes of its own to functions, so this is looked up when a run begins.
        self.hooks: dict[str, list[Callable[..., None]]] = {}

    def __call__(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks that override it."""
        if hook not in self.hooks:
            self.hooks[hook] = [getattr(c, hook) for c in self.each if overrides(c, hook)]
        for function in self.hooks[hook]:
            function(*args)

    def watch(self, *hooks: str) -> bool:
        """Tell whether any callback overrides one of these hooks."""
        return any(overrides(callback, hook) for callback in self.each for hook in hooks)

    def steps_until_due(self, step: int) -> int | None:
        """Return after how many steps, counted from this one, a callback is to be called; None if none is."""
        distances = [n - step % n for n in (c.batch_interval for c in self.each) if n]
        return min(distances, default=None)

    def batch_begin(self, batch: int) -> None:
        """Tell those that are called at every batch that one begins."""
        for callback in self.each:
            if callback.batch_interval == 1:
                callback.on_train_batch_begin(batch, {})

    def batch_end(self, batch: int, step: int, logs: Logs) -> None:
        """Tell those that are due after so many steps."""
        for callback in self.each:
            every = callback.batch_interval
            if every is not None and (every == 0 or step % every == 0):
                callback.on_train_batch_end(batch, logs)


def say(text: str) -> None:
    """Print a line; of several processes, the first does."""
    if not process_id():
        print(text)


def listed(callbacks: Any) -> list[Callback]:
    """Return callbacks as a list, refusing what is none."""
    if callbacks is None:
        return []
    given = [callbacks] if isinstance(callbacks, Callback) else callbacks
    if not isinstance(given, Iterable) or isinstance(given, (str, Mapping)):
        raise UseError(f"Expected callbacks to be a list. Received: callbacks={callbacks!r}")
    found = list(given)
    for callback in found:
        if not isinstance(callback, Callback):
            hint = f"; write {callback.__name__}()" if isinstance(callback, type) else ""
            raise UseError(f"Expected a pel.callbacks.Callback. Received: {callback!r}{hint}")
    return found
