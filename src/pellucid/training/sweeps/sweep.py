"""`pel.sweep`: many runs of like models, trained as few programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import NoSuchNameError, OptionError, near_miss
from pellucid.graph.types import shape_text
from pellucid.model.errors import ModelError
from pellucid.run.interrupts import Interrupted
from pellucid.training import data_validation
from pellucid.training.data_adapter import Samples, samples_of
from pellucid.training.distributed_checks import check_runs_alike
from pellucid.training.methods import BATCH, devices_to_fit
from pellucid.training.progress_display import display
from pellucid.training.sweeps.batched_trainer import Team, compile_together, remembered
from pellucid.training.sweeps.batching import Group, grouped
from pellucid.training.sweeps.result import Sweep
from pellucid.training.sweeps.runs import Run, make_runs

Array = np.ndarray[Any, Any]


def sweep(
    build: Callable[..., Any],
    x: Any,
    y: Any,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_data: tuple[Any, Any] | None = None,
    shuffle: bool = True,
    seed: Any = 0,
    rows: Any = None,
    monitor: str | None = None,
    verbose: Any = "auto",
    progress: Callable[[int, int, Any], None] | None = None,
    devices: Any = None,
    **settings: Any,
) -> Sweep:
    """Train a model for every combination of settings, seeds and subsamples, as few compiled programs.

    Each run comes to what the same model comes to when it is fitted alone, up to rounding:
    ``nn.set_random_seed(seed); model = build(...); model.fit(x[rows], y[rows], seed=seed, ...)``. What differs from
    run to run is found by comparing their graphs. Numbers, such as a learning rate or a strength, and first values are
    a further axis of one program. So are widths: narrow layers are padded, and masks see to it that what is padded
    neither acts nor learns. What changes the graph itself, such as another activation, makes another program.

    Parameters
    ----------
    build : function
        From settings to a compiled model. It is given ``seed`` as well if it has a parameter of that name.
    x : array, shape (samples, ...)
        As for `Sequential.fit`.
    y : array, shape (samples, ...)
        What is wanted.
    batch_size, epochs, validation_data, shuffle
        As for `Sequential.fit`.
    seed : int or several
        Of the first weights and of the orders.
    rows : sequence of arrays of int, optional
        Subsamples: the numbers of the samples that a run learns from; every combination runs on each.
    monitor : str, optional
        The measure that the best run has least of, if it is a loss or an error, or else most of, at its end;
        ``"val_loss"`` where there are validation data, and else ``"loss"``.
    verbose : {"auto", 0, 1}
        Whether a bar is shown; ``"auto"`` shows one on a terminal or in a notebook.
    progress : function, optional
        ``progress(done, epochs, runs)`` is called some five times a second, as if all runs went through the epochs
        together; ``runs`` are those that are being trained. What it raises ends the sweep.
    devices : "all", int or list, optional
        Those that divide the runs among them, as `Model.fit` takes them; without it one, and all where
        `pellucid.distribution` brought processes together.
    **settings
        What ``build`` is given: a value, or several in a list, tuple, range or array.

    Returns
    -------
    Sweep
        Its ``table``, ``curves``, ``best`` run and ``model``, a picture by ``plot()``, and a reading in words.

    Raises
    ------
    OptionError, UseError
        If ``build`` does not take a setting, or there are no values.
    ModelError, ShapeError
        If ``build`` returns no compiled model, or the data do not fit it; nothing was trained then.
    Interrupted
        On Ctrl-C; its ``history`` is the sweep of the runs that were begun, with curves that end where they were
        stopped, and NaN after that.

    Examples
    --------
    >>> from pellucid import nn
    >>> def build(hidden, rate):
    ...     layers = [nn.Input((2,)), nn.Dense(hidden, activation="tanh"), nn.Dense(2, activation="softmax")]
    ...     model = pel.Sequential(layers)
    ...     model.compile(nn.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    ...     return model
    >>> x, y = pel.data.moons(100)
    >>> found = pel.sweep(build, x, y, hidden=[1, 3, 8], rate=[0.1, 0.5], seed=range(5), epochs=30)
    >>> len(found), found.programs
    (30, 1)
    >>> list(found.table)
    ['hidden', 'rate', 'seed', 'loss', 'best_loss', 'accuracy', 'best_accuracy', 'seconds']
    >>> found.model().predict(x[:2]).shape
    (2, 2)
    """
    devices = devices_to_fit(devices)
    size = data_validation.positive("batch_size", BATCH if batch_size is None else batch_size)
    count = data_validation.positive("epochs", epochs)
    drawn = None if rows is None else checked_rows(rows, x)
    runs = make_runs(build, settings, seed, drawn, x, y)
    groups = grouped(runs, float(np.mean([len(run) for run in runs])) * count)
    found = Sweep(runs, groups, monitor_of(monitor, groups, validation_data is not None))
    kinds = {id(run.samples): run for run in runs}
    held_out = {kind: validation_of(run, validation_data) for kind, run in kinds.items()}
    check_runs_alike(runs, size, count, devices, bool(shuffle))
    known = remembered(max(map(len, runs)))
    teams = [
        Team(group, held_out[id(group.runs[0].samples)], size, count, bool(shuffle), devices, known) for group in groups
    ]
    with display(verbose, len(groups), count) as screen:
        try:
            compile_together(teams)
        except KeyboardInterrupt:
            raise Interrupted(found, 0) from None
        for number, (group, team) in enumerate(zip(groups, teams, strict=True)):

            def told(epoch: int, number: int = number, group: Group = group) -> None:
                screen.step(number, epoch, {})
                if progress is not None:
                    progress((number * count + epoch) // len(groups), count, group.runs)

            try:
                curves, seconds = team.train(told)
            except KeyboardInterrupt as stop:
                if isinstance(stop, Interrupted) and stop.history is not None:
                    found.finish(group.numbers, stop.history, count)
                raise Interrupted(found, getattr(stop, "steps", 0)) from None
            finally:
                team.put_back()
            found.finish(group.numbers, curves, count, seconds)
    return found


def validation_of(run: Run, data: Any) -> Samples | None:
    """Return what a run is measured on besides."""
    if data is None:
        return None
    if not isinstance(data, (list, tuple)) or len(data) != 2:
        raise ModelError(f"Expected validation_data to be a pair (x, y). Received: {type(data).__name__}")
    return samples_of(run.model, data[0], data[1], prefix="validation ")


def monitor_of(name: str | None, groups: Sequence[Group], validated: bool) -> str:
    """Return what runs are judged by, or say that it is not measured."""
    training = [set(group.members[0].objective.training) for group in groups]
    known = sorted(set.intersection(*training))
    known += [f"val_{each}" for each in known] * validated
    chosen = name or ("val_loss" if validated else "loss")
    if chosen not in known:
        raise NoSuchNameError(
            f"sweep: nothing is measured that is named {chosen!r}.{near_miss(chosen, known)} "
            f"Measured: {', '.join(known)}"
        )
    return chosen


def checked_rows(rows: Any, x: Any) -> list[Array]:
    """Return the subsamples as arrays of row numbers, or say what they must be."""
    first = next(iter(x.values())) if isinstance(x, Mapping) else x[0] if isinstance(x, list) else x
    count = len(data_validation.as_data(first if isinstance(first, np.ndarray) else x, "x"))
    found = [np.asarray(each) for each in rows]
    for number, each in enumerate(found):
        if each.ndim != 1 or not len(each) or each.dtype.kind not in "iu":
            raise OptionError(
                f"sweep: expected rows to be subsamples, each a list of row numbers. Received: {each.dtype} values of "
                f"shape {shape_text(each.shape)} in rows[{number}]; np.flatnonzero makes numbers of conditions"
            )
        if each.min() < 0 or each.max() >= count:
            raise OptionError(
                f"sweep: expected rows from 0 to {count - 1}, for x has {count} samples. Received: rows[{number}] from "
                f"{each.min()} to {each.max()}"
            )
    if not found:
        raise OptionError(
            "sweep: expected at least one subsample. Received: rows=[]; leave rows out to use all samples"
        )
    return found
