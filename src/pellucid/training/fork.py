"""A finished run, entered again: as a model of its own, or as the beginning of another run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import StateError
from pellucid.model.saving import copied
from pellucid.training import data_validation
from pellucid.training.callbacks.base import Callback, Logs, listed
from pellucid.training.callbacks.history import History
from pellucid.training.fit_loop import Training
from pellucid.training.snapshots import Recording

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Entered(Callback):
    """Has a run begin where another stood."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Go on from there."""
        self.model.run.set_state(self.state)


def model_at(recording: Recording, step: int) -> Model:
    """Return a copy of a model that is as the model was after a step; see `History.at`."""
    values, run = recording.at(step)
    made = copied(recording.model)
    state = made.state()
    if set(state) != set(values):
        odd = sorted(set(state) ^ set(values))
        raise StateError(
            f"{made.name} is no longer the model that was trained: {', '.join(odd[:5])} is in one of them alone. It "
            "was changed or compiled again since"
        )
    for path, value in values.items():
        state[path].set_value(value)
    made.run, made.history, made.stop_training = run, None, False
    return made


def branched(
    history: History,
    at: int,
    learning_rate: float | None,
    change: Callable[[Model], None] | None,
    epochs: int | None,
    callbacks: Any,
    verbose: Any,
) -> History:
    """Train a copy of a model from a step on; see `History.branch`."""
    recording = history.checked_recording()
    model = model_at(recording, at)
    state = model.run.get_state()
    if learning_rate is not None:
        model.optimizer.learning_rate = learning_rate
    if change is not None:
        change(model)
    last = recording.plan.epochs if epochs is None else data_validation.positive("epochs", epochs)
    plan = replace(recording.plan, epochs=last, verbose=verbose)
    validation = recording.validation
    source, held_out = recording.source.on(model), validation.on(model) if validation else None
    given = listed(callbacks)
    new = next((c for c in given if isinstance(c, History)), None) or History(history.snapshot_megabytes)
    rows = history.rows
    for place, epoch in enumerate(history.epoch):
        if epoch < model.run.epoch:
            new.append(rows[place], history.seconds[place], epoch)
    others = [c for c in given if c is not new]
    return Training(model, plan, source, held_out, [Entered(state), *others, new]).train()
