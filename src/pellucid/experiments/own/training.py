"""An experiment is run: data are read and divided, a network learns, and all that came of it is kept in a folder."""

import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.data.files import write_atomically
from pellucid.errors import PellucidError
from pellucid.experiments.common.interrupt import heard
from pellucid.experiments.frame.errors import UsageError
from pellucid.experiments.frame.record import as_json
from pellucid.experiments.frame.words import counted
from pellucid.experiments.own import written
from pellucid.experiments.own.networks import built, layers_for, with_units
from pellucid.experiments.own.reading import read
from pellucid.experiments.own.samples import Array, Samples, divided, scale_of
from pellucid.experiments.own.settings import Settings
from pellucid.graph.errors import DistributionError, NonFiniteError

MODEL, DATA, HISTORY, RESULT, SNAPSHOT = "model.pel", "data.json", "history.csv", "result.json", "snapshot"


@dataclass
class Prepared:
    """An experiment whose data and network have been found to be good, and which has learnt nothing yet.

    Attributes
    ----------
    settings, samples
        What was asked for, and the data.
    parts : mapping from str to array of int
        Which samples are learnt from, choose the best epoch, and are met at the end alone.
    x, y : array
        All inputs, and targets as the network learns them: those of a regression at mean 0 and variance 1.
    described : mapping
        How inputs are made of what is given, as plain values.
    name, layers
        The network as it is written down.
    model : Model
        The network, compiled.
    mean, deviation : array
        Of what is predicted, where that are numbers.
    """

    settings: Settings
    samples: Samples
    parts: Mapping[str, Array]
    x: Array
    y: Array
    described: Mapping[str, Any]
    name: str
    layers: Sequence[Mapping[str, Any]]
    model: Any
    mean: Array
    deviation: Array
    timings: dict[str, float] = field(default_factory=dict)

    def part(self, name: str) -> tuple[Array, Array]:
        """Return inputs and targets of a part."""
        return self.x[self.parts[name]], self.y[self.parts[name]]

    def final(self) -> Any:
        """Return the network as it predicts: in the units of the targets."""
        if self.samples.class_names:
            return self.model
        return with_units(self.model, self.settings, self.mean, self.deviation)

    @property
    def lines(self) -> list[str]:
        """What it is, in words."""
        samples, settings = self.samples, self.settings
        sizes = {name: f"{len(rows):,}" for name, rows in self.parts.items()}
        names = samples.class_names
        wanted = (
            f"{len(names)} classes: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}"
            if names
            else f"predicting {', '.join(samples.target_names)}"
        )
        optimizer = self.model.optimizer
        epochs = counted(settings.epochs or 1, "epoch")
        return [
            f"{samples.where}: {samples.told}; {samples.task}, {wanted}",
            f"{sizes['training']} to learn from, {sizes['validation']} to choose the best epoch by, "
            f"{sizes['test']} to test on",
            f"{self.name}: {counted(len(self.layers), 'layer')}, {counted(weights_of(self.model), 'weight')}; "
            f"{type(optimizer).__name__} at {float(optimizer.learning_rate):g}, at most {epochs} of batches of "
            f"{settings.batch_size}, seed {settings.seed}",
        ]


def weights_of(model: Any) -> int:
    """Return how many numbers a network learns."""
    return int(sum(np.prod(p.shape) for p in model.trainable_parameters))


def prepare(settings: Settings, goes_on: bool = False) -> Prepared:
    """Read and divide the data, and build the network; nothing is written.

    Other data than the experiment was written down with are warned of, and refused by a run that goes on.

    Raises
    ------
    PellucidError
        Of the kind that belongs to what is wrong: a setting, the data, the layers.
    """
    start = time.perf_counter()
    samples = read(settings)
    if settings.checksum not in (None, samples.checksum):
        told = f"{settings.data}: expected the data that the experiment was written down with; received others"
        if goes_on:
            raise DataError(f"{told}. A run goes on with its own data alone; put them back, or train anew")
        warnings.warn(f"{told}. Its numbers will differ", DataWarning, stacklevel=2)
    settings = replace(settings, checksum=samples.checksum)
    parts = divided(samples, settings)
    training = parts["training"]
    x, described = samples.inputs(training)
    settings = replace(settings, size=described.get("size"), target=described.get("target")).lasting(len(training))
    outputs = len(samples.class_names) or len(samples.target_names)
    name, layers = layers_for(settings, x.shape[1:], outputs, samples.task)
    y = samples.targets
    mean: Array = np.zeros(1)
    deviation: Array = np.ones(1)
    if not samples.class_names:
        mean, deviation = scale_of(y[training])
        y = ((y - mean) / deviation).astype(np.float32).reshape(len(y), -1)
        mean, deviation = mean.reshape(-1), deviation.reshape(-1)
    read_in = time.perf_counter() - start
    model = built(settings, samples, x, training, layers, name)
    return Prepared(
        settings, samples, parts, x, y, described, name, layers, model, mean, deviation, {"reading": read_in}
    )


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
    from pellucid.run.contact import process_id

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
    for file in (written.FILE, DATA):
        (folder / file).unlink()


def write_down(prepared: Prepared, folder: Path) -> None:
    """Write what is to be run, and how inputs are made."""
    folder.mkdir(parents=True, exist_ok=True)
    samples, shape = prepared.samples, prepared.x.shape[1:]
    text = written.as_toml(prepared.settings, prepared.name, prepared.layers, shape, samples.task)
    write_atomically(folder / written.FILE, text)
    known = {"task": samples.task, "class_names": samples.class_names, "target_names": samples.target_names}
    write_atomically(folder / DATA, as_json({**prepared.described, **known}) + "\n")


def learn(prepared: Prepared, folder: Path, verbose: Any) -> Any:
    """Train, keep snapshots, and leave the model with the weights of its best epoch."""
    from pellucid.experiments.own.snapshots import Snapshots
    from pellucid.model.callbacks.history import History
    from pellucid.model.callbacks.stopping import EarlyStopping, TerminateOnNaN

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
    from pellucid.run.contact import process_id

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
    from pellucid.experiments.own.results import result_of

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
    file = folder / written.FILE
    if not file.is_file():
        raise UsageError(f"{folder}: expected the folder of a run, with {written.FILE} in it; received another one")
    if (folder / RESULT).is_file():
        raise UsageError(f"{folder}: this run is finished, see {RESULT}. To run it again: pellucid train {file}")
    settings = written.read_file(file)
    if "data" not in settings:
        raise UsageError(f"{file}: expected [data] with the source that the run began with; received none")
    return Settings(**settings)
