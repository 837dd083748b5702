"""An experiment is run: a network learns, and all that came of it is kept in a folder."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.atomic_write import write_atomically
from pellucid.errors import PellucidError
from pellucid.experiments.common.interrupt import heard
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.runner.record import as_json
from pellucid.experiments.train import config_toml
from pellucid.experiments.train.pipeline import Prepared, prepare
from pellucid.experiments.train.settings import Settings
from pellucid.graph.errors import DistributionError, NonFiniteError

MODEL, DATA, HISTORY, RESULT, SNAPSHOT = "model.pel", "data.json", "history.csv", "result.json", "snapshot"


def train(
    settings: Settings,
    folder: Path | Callable[[], Path],
    *,
    verbose: Any = "auto",
    tell: Callable[[Sequence[str]], None] = lambda lines: None,
) -> Mapping[str, Any]:
    """Run an experiment, and keep the model, the experiment as TOML, the history, pictures and results in a folder.

    A run that was stopped goes on from its snapshot, if the folder has one.

    Parameters
    ----------
    settings : Settings
        The experiment.
    folder : Path or function
        Where to; a function is called for it once data and network have been found to be good.
    verbose
        As for `Model.fit`.
    tell : function
        Called with lines that say what is trained on what, before training begins.

    Returns
    -------
    mapping
        What stands in ``result.json``.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with words that say how to go on; the run is kept.
    """
    from pellucid.run.distributed.process_group import process_id

    if isinstance(folder, Path) and (folder / RESULT).exists():
        raise UsageError(f"{folder}: holds a run that is finished; choose another folder")
    goes_on = isinstance(folder, Path) and any((folder / SNAPSHOT).glob("*.pel"))
    prepared = prepare(settings, goes_on)
    tell([*prepared.lines, *(["going on from its snapshot"] if goes_on else [])])
    place = folder() if callable(folder) else folder
    if not process_id():
        write_down(prepared, place)
    try:
        history = learn(prepared, place, verbose)
    except PellucidError as error:
        began = any((place / SNAPSHOT).glob("*.pel")) and not isinstance(error, NonFiniteError)
        if not (began or goes_on or process_id()):
            take_back(place)
        if isinstance(error, DistributionError):
            raise DistributionError(f"{error}. As a command: pellucid resume {place}") from error
        raise
    if process_id():
        return {}
    try:
        return finish(prepared, place, history)
    except KeyboardInterrupt:
        heard()
        raise KeyboardInterrupt(f"interrupted after training. To have the rest: pellucid resume {place}") from None


def take_back(folder: Path) -> None:
    """Remove what was written of a run that has come to nothing."""
    if (folder / SNAPSHOT).exists():
        shutil.rmtree(folder / SNAPSHOT)
    for file in (config_toml.FILE, DATA):
        (folder / file).unlink()


def write_down(prepared: Prepared, folder: Path) -> None:
    """Write what is to be run, and how inputs are made."""
    folder.mkdir(parents=True, exist_ok=True)
    samples, shape = prepared.samples, prepared.x.shape[1:]
    text = config_toml.as_toml(prepared.settings, prepared.name, prepared.layers, shape, samples.task)
    write_atomically(folder / config_toml.FILE, text)
    known = {"task": samples.task, "class_names": samples.class_names, "target_names": samples.target_names}
    write_atomically(folder / DATA, as_json({**prepared.described, **known}) + "\n")


def learn(prepared: Prepared, folder: Path, verbose: Any) -> Any:
    """Train, keep snapshots, and leave the model with the weights of its best epoch."""
    from pellucid.experiments.train.checkpointing import Snapshots
    from pellucid.training.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
    from pellucid.training.callbacks.history import History

    settings, model = prepared.settings, prepared.model
    assert settings.epochs is not None  # `prepare` has decided
    best = EarlyStopping(patience=settings.patience or settings.epochs, restore_best_weights=True)
    keep = Snapshots(folder / SNAPSHOT)
    history = History(snapshot_megabytes=0)
    start = time.perf_counter()
    try:
        model.fit(
            *prepared.part("training"),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=prepared.part("validation"),
            callbacks=[history, best, TerminateOnNaN(), keep],
            seed=settings.seed,
            devices=settings.devices,
            verbose=verbose,
        )
    except KeyboardInterrupt:
        heard()
        raise KeyboardInterrupt(stopped(prepared, folder, history, best, keep)) from None
    prepared.timings["training"] = time.perf_counter() - start
    if best.best is None or not np.isfinite(best.best):
        raise NonFiniteError("The loss never was a number, so nothing was learnt; take a smaller --rate")
    return history


def stopped(prepared: Prepared, folder: Path, history: Any, best: Any, keep: Any) -> str:
    """Keep what a run came to that Ctrl-C stopped, and say how it goes on."""
    from pellucid.run.distributed.process_group import process_id

    run, model = prepared.model.run, prepared.model
    epochs = model.history.params["epochs"]
    where = f"interrupted in epoch {min(run.epoch + 1, epochs)} of {epochs}"
    if process_id():
        return where
    if run.batch:
        keep.back_up()
    if best.best_weights is not None:
        model.set_weights(best.best_weights)
        prepared.final().save(folder / MODEL)
        history.to_csv(folder / HISTORY)
    kept = (
        f"its best epoch so far, {best.best_epoch + 1}, is {folder / MODEL}"
        if history.epoch
        else "no epoch is finished"
    )
    return f"{where}; {kept}. To go on: pellucid resume {folder}"


def finish(prepared: Prepared, folder: Path, history: Any) -> Mapping[str, Any]:
    """Write the model, pictures and results of a run that is done, and take its snapshot away."""
    from pellucid.experiments.train.evaluation import result_of

    model = prepared.final()
    model.save(folder / MODEL)
    history.to_csv(folder / HISTORY)
    result = result_of(prepared, model, history, folder)
    write_atomically(folder / RESULT, as_json(result) + "\n")
    shutil.rmtree(folder / SNAPSHOT)  # with what a killed process has left half written
    return result


def stopped_run(folder: Path) -> Settings:
    """Return the experiment of a run that was stopped; `train` in its folder goes on, to the bits it would have had.

    Raises
    ------
    UsageError
        If there is no run, or it is finished.
    """
    file = folder / config_toml.FILE
    if not file.is_file():
        raise UsageError(f"{folder}: expected the folder of a run, with {config_toml.FILE} in it; received another one")
    if (folder / RESULT).is_file():
        raise UsageError(f"{folder}: this run is finished, see {RESULT}. To run it again: pellucid train {file}")
    settings = config_toml.read_file(file)
    if "data" not in settings:
        raise UsageError(f"{file}: expected [data] with the source that the run began with; received none")
    return Settings(**settings)
