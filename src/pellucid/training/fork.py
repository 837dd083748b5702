"""Reproduction of a run after any step: as a copy of the model, or as the start of another run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pellucid.graph.errors import StateError
from pellucid.graph.validation import check_optional_integer
from pellucid.model.interfaces import ModelLike
from pellucid.training.callbacks.base import LambdaCallback
from pellucid.training.callbacks.keras_hooks import as_callback_list
from pellucid.training.fit_loop import FitLoop
from pellucid.training.snapshots import RunRecorder
from pellucid.typing import Verbosity

if TYPE_CHECKING:
    from pellucid.training.callbacks.base import Callback
    from pellucid.training.callbacks.history import History


def restore_model(recorder: RunRecorder, step: int) -> ModelLike:
    """Return a copy of the model as it was after a step; see `History.at`."""
    values, progress = recorder.restore(step)
    model = copy.deepcopy(recorder.model)
    state = model.state()
    unmatched = sorted(set(state) ^ set(values))
    if unmatched:
        raise StateError(
            f"{model.name} has changed or was compiled again since the run: {', '.join(unmatched[:5])} "
            "is only in one of them"
        )
    for path, value in values.items():
        state[path].set_value(value)
    model.run, model.history, model.stop_training = progress, None, False
    return model


def branch_run(
    history: History,
    at: int,
    learning_rate: float | None,
    change: Callable[[ModelLike], None] | None,
    epochs: int | None,
    callbacks: Callback | Iterable[Callback] | None,
    verbose: Verbosity,
) -> History:
    """Train a copy of the model from a step on; see `History.branch`."""
    recorder = history.get_recorder()
    model = restore_model(recorder, at)
    progress = model.run.get_state()
    if learning_rate is not None:
        model.optimizer.learning_rate = learning_rate
    if change is not None:
        change(model)
    last_epoch = check_optional_integer("epochs", epochs, recorder.config.epochs)
    config = replace(recorder.config, epochs=last_epoch, verbose=verbose)
    validation = None if recorder.validation is None else recorder.validation.rebind(model)
    given = as_callback_list(callbacks)
    new = next((c for c in given if isinstance(c, type(history))), None) or type(history)(history.snapshot_megabytes)
    rows = history.rows
    for index, epoch in enumerate(history.epoch):
        if epoch < model.run.epoch:
            new.append(rows[index], history.seconds[index], epoch)
    restore = LambdaCallback(on_train_begin=lambda logs: model.run.set_state(progress))
    run_callbacks = [restore, *(c for c in given if c is not new), new]
    FitLoop(model, config, recorder.source.rebind(model), validation, run_callbacks, new).run()
    return new
