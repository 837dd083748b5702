"""Sweeps of `pellucid train`: trials are trained by few programs, and the worse half of them ends at every rung.

Only the validation set ranks trials. The winner is then trained from the start as an ordinary run, so that its
experiment file repeats it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.errors import PellucidError
from pellucid.graph.errors import NonFiniteError
from pellucid.saving.container import read_container, write_container
from pellucid.tracking.context import RunContext
from pellucid.tracking.interrupt import acknowledge_interrupt
from pellucid.tracking.result import pluralize
from pellucid.tracking.run_folder import CONFIG
from pellucid.train.fit.sweep_grid import TrialSettings, check_sweep, draw_trials, make_trial, parse_grid
from pellucid.train.fit.sweep_result import FACTOR, MONITOR, Rung, SweepResult, TrialResult
from pellucid.train.prepare.prepared_run import PreparedRun, check_stored, prepare, prepare_inputs
from pellucid.train.report.sweep_report import save_table
from pellucid.train.settings import toml_reader
from pellucid.train.settings.settings import Settings
from pellucid.typing import Array
from pellucid.untrusted_files.reading import report_damage

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike
    from pellucid.typing import Verbosity

STATE, STATE_KIND = "sweep-state.pel", "sweep"

Report = Callable[[Sequence[str]], None]


def plan_rungs(trials: int, epochs: int) -> list[Rung]:
    """Return the rungs of successive halving, the last of which trains for all epochs.

    Examples
    --------
    >>> plan_rungs(6, 20)
    [Rung(trials=6, start=0, end=5), Rung(trials=3, start=5, end=10), Rung(trials=2, start=10, end=20)]
    >>> plan_rungs(6, 2)
    [Rung(trials=6, start=0, end=1), Rung(trials=3, start=1, end=2)]
    """
    counts = [trials]
    while counts[-1] > FACTOR:
        counts.append(-(-counts[-1] // FACTOR))
    counts = counts[: epochs.bit_length()]  # each rung has half the epochs of the next
    ends = [max(1, round(epochs / FACTOR**k)) for k in reversed(range(len(counts)))]
    return [Rung(count, start, end) for count, start, end in zip(counts, [0, *ends], ends, strict=False)]


def run_sweep(run: RunContext, settings: Settings, verbose: Verbosity, report: Report) -> tuple[Settings, SweepResult]:
    """Train all trials, and return the settings of the best with the result. A sweep in the folder is resumed.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with a message how to resume the sweep; finished rungs are saved.
    """
    check_sweep(settings)
    base = replace(settings, sweep=None, trials=None)
    prepared = prepare(base)
    if prepared.arranged is not None:
        check_stored(sweep=settings.sweep)
    drawn = draw_trials(parse_grid(settings.sweep or ()), settings.trials, settings.seed)
    trials = [make_trial(number, values, prepared, base) for number, values in enumerate(drawn, start=1)]
    assert prepared.settings.epochs is not None  # resolved by `prepare`
    result = SweepResult(
        [TrialResult(each.number, each.values) for each in trials], plan_rungs(len(trials), prepared.settings.epochs)
    )
    networks = build_networks(prepared, trials)
    done = restore(run.folder / STATE, result, networks, settings)
    # What depends on the network of a trial stays open, so that a resumed sweep has the same trials.
    names = ("sweep", "trials", "optimizer", "learning_rate", "batch_size", "patience", "augment", "model")
    kept = replace(prepared.settings, **{name: getattr(settings, name) for name in names})
    layers = None if settings.layers is None else prepared.layers
    shape, task = prepared.x.shape[1:], prepared.dataset.task
    run.save_config(CONFIG, toml_reader.format_settings(kept, prepared.name, layers, shape, task))
    report([*describe_plan(result), *(["resuming from the last rung"] if done else [])])
    for number, rung in enumerate(result.rungs[done:], start=done + 1):
        chosen = sorted(each.number for each in result.ranking[: rung.trials])
        try:
            with run.clock("sweep"):
                programs = train_rung({k: networks[k] for k in chosen}, rung, result, verbose)
        except KeyboardInterrupt:
            acknowledge_interrupt()
            save_table(result, run.folder)
            raise KeyboardInterrupt(
                f"interrupted in rung {number} of {len(result.rungs)} of the sweep; the scores of "
                f"{pluralize(number - 1, 'rung')} are in {run.folder}. To resume: pellucid resume {run.folder}"
            ) from None
        result.programs.append(programs)
        for each in chosen:
            result.trials[each - 1].rung = number
        save_state(run.folder / STATE, result, {k: networks[k] for k in chosen}, settings)
        save_table(result, run.folder)
        report([describe_rung(result, number)])
    winner = result.ranking[0]
    if not math.isfinite(winner.loss):
        raise NonFiniteError("sweep: no trial has a finite validation loss. Choose smaller learning rates")
    return trials[winner.number - 1].settings, result


def describe_plan(result: SweepResult) -> list[str]:
    rungs = "; ".join(f"{rung.trials} up to epoch {rung.end}" for rung in result.rungs)
    return [
        f"sweep of {pluralize(len(result.trials), 'trial')} by successive halving, factor {FACTOR}: {rungs}",
        "the lowest validation loss decides which trials continue",
    ]


def describe_rung(result: SweepResult, number: int) -> str:
    """Return a line about a finished rung, counted from 1."""
    best, rung = result.ranking[0], result.rungs[number - 1]
    values = ", ".join(f"{key}={value}" for key, value in best.values.items())
    is_last = number == len(result.rungs)
    continued = "the best wins" if is_last else f"{result.rungs[number].trials} of {rung.trials} continue"
    return (
        f"rung {number} of {len(result.rungs)}, epochs {rung.start + 1} to {rung.end}: lowest validation loss "
        f"{best.loss:.4g} ({values}); {continued}"
    )


def build_networks(prepared: PreparedRun, trials: Sequence[TrialSettings]) -> dict[int, PreparedRun]:
    """Return the network of every trial by its number, on the inputs and parts of one run."""
    data = prepared.dataset, prepared.parts, prepared.x, prepared.description
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the same as those of the whole data
        for trial in trials:
            try:
                found[trial.number] = prepare_inputs(trial.settings, *data)
            except PellucidError as error:
                error.add_note(f"  in the trial of the sweep with {trial}")
                raise
    return found


def train_rung(networks: Mapping[int, PreparedRun], rung: Rung, result: SweepResult, verbose: Verbosity) -> int:
    """Train trials up to the end of a rung and add their curves; return the number of programs."""
    from pellucid.training.sweeps.sweep import sweep

    groups: dict[int, list[int]] = {}
    for number, prepared in networks.items():
        groups.setdefault(prepared.settings.batch_size or 0, []).append(number)
    programs, found = 0, {}
    for size, numbers in groups.items():
        first = networks[numbers[0]]

        def build(trial: int) -> ModelLike:
            return networks[trial].model

        trained = sweep(
            build,
            *first.get_part("training"),
            batch_size=size,
            epochs=rung.end,
            initial_epoch=rung.start,
            validation_data=first.get_part("validation"),
            seed=first.settings.seed,
            monitor=MONITOR,
            verbose=verbose,
            devices=first.settings.devices,
            trial=numbers,
        )
        programs += trained.programs
        for index, number in enumerate(numbers):
            found[number] = {name: values[index].tolist() for name, values in trained.curves.items()}
    for number, curves in found.items():
        own = result.trials[number - 1].curves
        for name, values in curves.items():
            own.setdefault(name, []).extend(values)
    return programs


def save_state(file: Path, result: SweepResult, networks: Mapping[int, PreparedRun], settings: Settings) -> None:
    """Write the curves of all trials, and weights and optimizer state of those that were trained last."""
    arrays: dict[str, Array] = {}
    for number, prepared in networks.items():
        arrays |= {f"state/{number}/{path}": p.get_value() for path, p in prepared.model.state().items()}
    for each in result.trials:
        arrays |= {f"curves/{each.number}/{name}": np.array(values) for name, values in each.curves.items()}
    header = {
        "sweep": list(settings.sweep or ()),
        "trials": settings.trials,
        "programs": result.programs,
        "rungs": [each.rung for each in result.trials],
        "values": [dict(each.values) for each in result.trials],
        "plan": [[rung.trials, rung.start, rung.end] for rung in result.rungs],
    }
    write_container(file, STATE_KIND, header, arrays)


def restore(file: Path, result: SweepResult, networks: Mapping[int, PreparedRun], settings: Settings) -> int:
    """Read the state of an earlier sweep in the same folder; return the number of finished rungs."""
    if not file.is_file():
        return 0
    header, arrays = read_container(file, STATE_KIND)
    expected = {"sweep": list(settings.sweep or ()), "trials": settings.trials}
    with report_damage(DataError, file):
        if {key: header.get(key) for key in expected} != expected or len(header["rungs"]) != len(result.trials):
            raise DataError(
                f"{file}: expected the state of this sweep, received that of another. Remove the file to start again."
            )
        add_state(result, header, arrays)
        for number, prepared in networks.items():
            start = f"state/{number}/"
            values = {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
            if values:
                restore_model(prepared.model, values, file)
    return len(result.programs)


def restore_model(model: ModelLike, values: Mapping[str, Array], file: Path) -> None:
    """Set weights, random streams and optimizer state of a network."""
    from pellucid.graph.expr import Input

    parameters = model.trainable_parameters
    model.optimizer.apply([Input("g", p.shape, p.dtype) for p in parameters], parameters)  # creates the slots
    state = model.state()
    unmatched = sorted(set(values) ^ set(state))
    if unmatched:
        raise DataError(f"{file}: {unmatched[0]} belongs to another network. Remove the file to start again.")
    for path, value in values.items():
        state[path].set_value(value)


def read_result(folder: Path) -> SweepResult | None:
    """Return the result of a finished sweep in the folder of an interrupted run, or None."""
    if not (folder / STATE).is_file():
        return None
    header, arrays = read_container(folder / STATE, STATE_KIND)
    with report_damage(DataError, folder / STATE):
        values, rungs = header["values"], [Rung(*each) for each in header["plan"]]
        result = SweepResult([TrialResult(k, each) for k, each in enumerate(values, start=1)], rungs)
        add_state(result, header, arrays)
    return result if len(result.programs) == len(rungs) else None


def add_state(result: SweepResult, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Add curves, rungs and programs of an earlier sweep."""
    for name, value in arrays.items():
        kind, number, path = name.split("/", 2)
        if kind == "curves":
            result.trials[int(number) - 1].curves[path] = value.tolist()
    for each, rung in zip(result.trials, header["rungs"], strict=True):
        each.rung = int(rung)
    result.programs = [int(each) for each in header["programs"]]
