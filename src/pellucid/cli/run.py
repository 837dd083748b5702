"""``pellucid run NAME``: one experiment of the course, with its pictures and its record."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pellucid.cli.console import progress_display
from pellucid.cli.options import Option
from pellucid.errors import PellucidError
from pellucid.experiments.runner import Experiment, Outcome, Range, Record, UsageError, new_folder, perform
from pellucid.experiments.runner.parameters import settings_from
from pellucid.experiments.runner.record import as_json
from pellucid.experiments.runner.registry import NAMES, every, find
from pellucid.experiments.runner.run_folder import discard, standing

SEEDS = Range(0, 2**32 - 1)


def run(
    name: str | None = None,
    /,
    *,
    list: Annotated[bool, Option] = False,
    set: Annotated[tuple[str, ...], Option] = (),
    data: Annotated[Path | None, Parameter(negative="")] = None,
    seed: int = 0,
    out: Annotated[Path | None, Parameter(negative="")] = None,
    json: Annotated[bool, Option] = False,
) -> int:
    """Run a named experiment of the course; print its result beside a baseline, save its pictures and a record.

    For example:

        pellucid run moons
        pellucid run moons --set passes=1000 --set rate=0.005 --seed 3
        pellucid run images --data photos/ --out my-images
        pellucid run mnist-softmax --json > record.json

    Parameters
    ----------
    name
        The experiment; --list names them all.
    list
        List the experiments; after a NAME, what can be set in it.
    set
        KEY=VALUE, a parameter of the experiment; may be given again for another.
    data
        A folder of pictures, for the experiments that read one; the same as --set data=PATH.
    seed
        Where all random numbers come from; the same seed gives the same run.
    out
        A new or empty folder for the pictures and record.json; else the next free runs/NAME-1, runs/NAME-2, ...
    json
        Print the record alone on standard output, as JSON.
    """
    if name is None:
        if not list:
            raise UsageError(f"run: expected the name of an experiment: {', '.join(NAMES)}. See: pellucid run --list")
        _show_all(json)
        return 0
    experiment = find(name)
    if list:
        _show_parameters(experiment, json)
        return 0
    if data is not None and "data" not in experiment.parameters:
        raise UsageError(f"--data: {name} reads no folder. Leave --data out")
    settings = settings_from(experiment.parameters, set if data is None else (*set, f"data={data}"))
    if seed not in SEEDS:
        raise UsageError(f"--seed: expected a whole number, {SEEDS}; received {seed}. The default is 0")
    return _run(experiment, settings, seed, out, json)


def _run(experiment: Experiment, settings: Mapping[str, object], seed: int, out: Path | None, json: bool) -> int:
    experiment.values(settings)
    stays = standing(out)
    folder = new_folder(out, experiment.name)
    told: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        if not json:
            print(in_words(experiment, outcome), flush=True)

    with progress_display() as display:
        record, error = perform(experiment, settings, folder, seed=seed, display=display, tell=tell)
    saved = [picture.file for picture in record.pictures] + [text.file for text in record.texts]
    if isinstance(error, PellucidError) and not saved:
        discard(folder, stays)
        raise error
    if not (json or told):
        print(in_words(experiment, record))
    print(record.as_json() if json else what_was_saved(record, folder), flush=True)
    kept = f"{record.status}; {'what was finished' if saved else 'its record'} is kept in {folder}"
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(kept) from error
    if error is not None:
        print(kept, file=sys.stderr)
        raise error
    return 0


def in_words(experiment: Experiment, what: Outcome | Record) -> str:
    """Return what a person wants to read of a run: what came out, or how far it was."""
    lines = [f"{experiment.name}: {experiment.title}", *(f"  {line}" for line in what.lines)]
    if what.result and what.baseline:
        lines.append(f"  {what.result}  (to compare: {what.baseline})")
    return "\n".join(lines)


def what_was_saved(record: Record, folder: Path) -> str:
    """Return how long a run took, and what is in its folder."""
    saved = [picture.file for picture in record.pictures] + [text.file for text in record.texts]
    return f"  {record.seconds:.1f} s; in {folder}: {', '.join([*saved, 'record.json'])}"


def _show_all(json: bool) -> None:
    experiments = every()
    if json:
        print(as_json([{"name": experiment.name, "title": experiment.title} for experiment in experiments]))
        return
    width = max(len(experiment.name) for experiment in experiments)
    for experiment in experiments:
        print(f"{experiment.name:{width}}  {experiment.title}")


def _show_parameters(experiment: Experiment, json: bool) -> None:
    parameters = experiment.parameters.values()
    if json:
        shown = [{"name": p.name, "about": p.about, "expected": p.expected, "default": p.default} for p in parameters]
        print(as_json({"name": experiment.name, "title": experiment.title, "parameters": shown}))
        return
    print(f"{experiment.name}: {experiment.title}\n\n{experiment.idea}\n")
    width = max((len(f"{p.name}={p.default_text}") for p in parameters), default=0)
    for p in parameters:
        print(f"  --set {p.name + '=' + p.default_text:{width}}  {p.about} ({p.expected})")
