"""Entry point of sweeps: validates the settings, batches the trials and trains the batches."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any

import numpy as np

from pellucid.graph.errors import NoSuchNameError, OptionError, near_miss
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer, check_optional_integer
from pellucid.model.interfaces import ModelLike
from pellucid.run.backends import record_backends
from pellucid.run.distributed.process_group import agree, num_processes
from pellucid.run.interrupts import Interrupted
from pellucid.training.data_sources.conversion import to_array
from pellucid.training.distributed_checks import compute_crc32
from pellucid.training.fit import resolve_placement
from pellucid.training.iterator_source import DEFAULT_BATCH_SIZE
from pellucid.training.progress_display import make_display
from pellucid.training.sweeps.batched_trainer import BatchedTrainer, cache_orders, compile_trainers
from pellucid.training.sweeps.batching import TrialBatch, batch_trials
from pellucid.training.sweeps.joblib_workers import TrainedBatch, TrainingSettings, count_workers, train_in_workers
from pellucid.training.sweeps.result import Sweep
from pellucid.training.sweeps.trials import Trial, TrialBuilder, check_builder, list_choices, prepare_validation
from pellucid.typing import Array, ArrayLike, Devices, Values, Verbosity

Report = Callable[[int, TrialBatch, int], None]
"""Called with the number of batches before this one, the batch, and the epoch that it has reached."""


def sweep(
    build: Callable[..., ModelLike],
    x: Values,
    y: Values,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_data: tuple[Values, Values] | None = None,
    shuffle: bool = True,
    seed: int | Sequence[int] | Array = 0,
    rows: Iterable[ArrayLike] | None = None,
    monitor: str | None = None,
    verbose: Verbosity = "auto",
    progress: Callable[[int, int, Sequence[Trial]], None] | None = None,
    devices: Devices = None,
    n_jobs: int | None = None,
    initial_epoch: int = 0,
    **settings: Any,
) -> Sweep:
    """Train a model for every combination of settings, seeds and subsamples, with as few compiled programs as possible.

    Each trial has the same result as its model alone, up to rounding:
    ``nn.set_random_seed(seed); model = build(...); model.fit(x[rows], y[rows], seed=seed, ...)``. Comparing the graphs
    of the models shows how trials differ. Numbers, such as learning rates or penalties, and initial weights become an
    additional axis of one program. So do widths: narrow layers are padded, and masks keep the padding from having any
    effect. Trials with different graphs, such as other activations, need another program.

    Parameters
    ----------
    build : function
        From settings to a compiled model. It also gets ``seed`` if it has a parameter of that name.
    x : array, shape (samples, ...)
        Inputs, as for `Sequential.fit`.
    y : array, shape (samples, ...)
        Targets.
    batch_size, epochs, validation_data, shuffle
        As for `Sequential.fit`.
    seed : int or several
        Seeds of the initial weights and the sample order.
    rows : sequence of arrays of int, optional
        Subsamples: indices of the samples that a trial trains on. Every combination of settings runs on each.
    monitor : str, optional
        Metric that ranks the trials by its last value, lowest first for losses and errors and highest first for others.
        By default ``"val_loss"`` with validation data, or else ``"loss"``.
    verbose : {"auto", 0, 1}
        Whether to show a progress bar; ``"auto"`` shows one in a terminal or notebook.
    progress : function, optional
        ``progress(done, epochs, trials)`` is called several times per second, with the number of epochs as if all
        trials were trained together, and the trials that are being trained. An exception ends the sweep.
    devices : "all", int or list, optional
        Devices to divide the trials among, as for `Model.fit`. By default one, or all after
        `pellucid.distribution.initialize`.
    n_jobs : int, optional
        Number of worker processes that train programs at the same time; -1 is one per core. As in scikit-learn, None
        is 1 unless in a ``joblib.parallel_config`` context, which also chooses the backend: ``"loky"`` for processes
        of this machine, or Dask or Ray for a cluster. Workers call ``build`` again. Results on the same kind of
        machine are bit-identical to those of one process. ``progress`` is called when a program is finished.
    initial_epoch : int
        Epochs that the models were trained already, as for `Sequential.fit`: the sweep continues with the sample order
        of the next one, up to ``epochs``.
    **settings
        Arguments of ``build``: a value each, or a list, tuple, range or array of values.

    Returns
    -------
    Sweep
        The ``table``, ``curves``, ``best`` trial and ``model``, a figure by ``plot()``, and a ``reading`` in words.

    Raises
    ------
    OptionError, UseError
        If ``build`` does not take a setting, or a setting has no value.
    OptionError
        If ``n_jobs`` is combined with ``devices``.
    UseError
        If ``build`` and its settings cannot be sent to workers.
    ModelError, ShapeError
        If ``build`` does not return a compiled model, or the data do not fit it. Nothing is trained then.
    Interrupted
        On Ctrl-C. Its ``history`` is the sweep of the trials that were started, whose curves end with NaN; with workers
        that of the finished ones.

    Examples
    --------
    >>> from pellucid import nn
    >>> def build(hidden, learning_rate):
    ...     layers = [nn.Input((2,)), nn.Dense(hidden, activation="tanh"), nn.Dense(2, activation="softmax")]
    ...     model = pel.Sequential(layers)
    ...     model.compile(nn.optimizers.SGD(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    ...     return model
    >>> x, y = pel.data.moons(100)
    >>> result = pel.sweep(build, x, y, hidden=[1, 3, 8], learning_rate=[0.1, 0.5], seed=range(5), epochs=30)
    >>> len(result), result.programs
    (30, 1)
    >>> list(result.table)
    ['hidden', 'learning_rate', 'seed', 'loss', 'best_loss', 'accuracy', 'best_accuracy', 'seconds']
    >>> result.model().predict(x[:2]).shape
    (2, 2)
    """
    placement = resolve_placement(devices)
    size = check_optional_integer("batch_size", batch_size, DEFAULT_BATCH_SIZE)
    first = check_integer("initial_epoch", initial_epoch, minimum=0)
    epochs = check_integer("epochs", epochs) - first
    if epochs < 1:
        raise OptionError(
            f"sweep: expected initial_epoch to be less than epochs. Received: {first} and {epochs + first}"
        )
    subsamples = None if rows is None else validate_rows(rows, x)
    builder = TrialBuilder(build, check_builder(build, settings), x, y)
    trials = builder.make_trials(list_choices(settings, seed, subsamples))
    batches = batch_trials(trials, float(np.mean([len(trial) for trial in trials])) * epochs)
    result = Sweep(trials, batches, resolve_monitor(monitor, batches, validation_data is not None))
    jobs = count_workers(n_jobs, devices, len(batches))
    first_trials = {id(trial.samples): trial for trial in trials}
    validation = {key: prepare_validation(trial, validation_data) for key, trial in first_trials.items()}
    check_trials_consistent(trials, size, epochs, first, placement, bool(shuffle))
    with make_display(verbose, len(batches), epochs, ("Program", "epoch")) or nullcontext() as display:

        def report(number: int, batch: TrialBatch, epoch: int) -> None:
            if display is not None:
                display.step(number, epoch, {})
            if progress is not None:
                progress((number * epochs + epoch) // len(batches), epochs, batch.trials)

        if jobs > 1:
            training = TrainingSettings(validation_data, size, epochs, bool(shuffle), first)
            collect_from_workers(result, train_in_workers(batches, builder, training, jobs), batches, epochs, report)
            return result
        get_order = cache_orders(max(map(len, trials)))
        trainers = (
            BatchedTrainer(
                batch, validation[id(batch.trials[0].samples)], size, epochs, bool(shuffle), placement, get_order, first
            )
            for batch in batches
        )
        train_batches(result, trainers, batches, epochs, report)
    return result


def train_batches(
    result: Sweep, trainers: Iterable[BatchedTrainer], batches: Sequence[TrialBatch], epochs: int, report: Report
) -> None:
    """Train batches one after the other in this process, and add them to the result."""
    with closing(compile_trainers(trainers)) as compiled:
        for number, batch in enumerate(batches):
            try:
                trainer = next(compiled)
            except KeyboardInterrupt:
                raise Interrupted(result, 0) from None
            try:
                with record_backends(result.backends):
                    curves, seconds = trainer.train(functools.partial(report, number, batch))
            except KeyboardInterrupt as stop:
                if isinstance(stop, Interrupted) and stop.history is not None:
                    result.add_batch(batch.numbers, stop.history, epochs)
                raise Interrupted(result, getattr(stop, "steps", 0)) from None
            finally:
                trainer.update_models()
            result.add_batch(batch.numbers, curves, epochs, seconds)


def collect_from_workers(
    result: Sweep,
    trained: Generator[TrainedBatch, None, None],
    batches: Sequence[TrialBatch],
    epochs: int,
    report: Report,
) -> None:
    """Add batches to the result in the order in which workers finish them."""
    with closing(trained):
        try:
            for number, each in enumerate(trained):
                batch = batches[each.number]
                result.add_batch(batch.numbers, each.curves, epochs, each.seconds)
                result.backends += [name for name in each.backends if name not in result.backends]
                report(number, batch, epochs)
        except KeyboardInterrupt:
            raise Interrupted(result, 0) from None


def check_trials_consistent(trials: Sequence[Trial], *settings: object) -> None:
    """Refuse a sweep if the processes have different trials or data."""
    if num_processes() == 1:
        return
    described = [(t.seed, t.subsample, len(t), sorted(describe_settings(t.settings).items())) for t in trials]
    datasets = {id(trial.samples): trial.samples for trial in trials}.values()
    rows = [trial.rows for trial in trials if trial.rows is not None]
    agree(
        {
            "trials and settings of the sweep": zlib.crc32(repr((described, settings)).encode()),
            "data": compute_crc32([*(array for dataset in datasets for array in dataset.arrays), *rows]),
            "weights and random streams": compute_crc32(
                p.get_value() for t in trials for p in t.model.state().values()
            ),
        }
    )


def describe_settings(settings: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Return settings as they print in every process; objects, whose text may contain an address, by their types."""
    return {name: v if isinstance(v, (int, float, str)) else type(v).__name__ for name, v in settings.items()}


def resolve_monitor(name: str | None, batches: Sequence[TrialBatch], has_validation: bool) -> str:
    """Return the metric that ranks the trials, after checking that all of them compute it."""
    metrics = [set(batch.graphs[0].train_step.training_metrics) for batch in batches]
    known = sorted(set.intersection(*metrics))
    known += [f"val_{each}" for each in known] * has_validation
    monitor = name or ("val_loss" if has_validation else "loss")
    if monitor not in known:
        raise NoSuchNameError(
            f"sweep: there is no metric {monitor!r} to monitor.{near_miss(monitor, known)} Metrics: {', '.join(known)}"
        )
    return monitor


def validate_rows(rows: Iterable[ArrayLike], x: Values) -> list[Array]:
    """Return the subsamples as arrays of sample indices."""
    if isinstance(x, Mapping):
        x = next(iter(x.values()))
    elif isinstance(x, list) and x and isinstance(x[0], np.ndarray):
        x = x[0]
    count = len(to_array(x, "x"))
    subsamples = [np.asarray(each) for each in rows]
    for number, each in enumerate(subsamples):
        if each.ndim != 1 or not len(each) or each.dtype.kind not in "iu":
            raise OptionError(
                f"sweep: expected rows to be subsamples, each a list of sample indices. Received: {each.dtype} values "
                f"of shape {format_shape(each.shape)} in rows[{number}]; np.flatnonzero converts a boolean mask"
            )
        if each.min() < 0 or each.max() >= count:
            raise OptionError(
                f"sweep: expected rows from 0 to {count - 1}, since x has {count} samples. Received: rows[{number}] "
                f"from {each.min()} to {each.max()}"
            )
    if not subsamples:
        raise OptionError(
            "sweep: expected at least one subsample. Received: rows=[]; leave rows out to use all samples"
        )
    return subsamples
