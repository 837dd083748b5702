"""``pellucid run NAME``: one experiment of the course."""

from pathlib import Path
from typing import Annotated

from pellucid.cli.output import OUTPUT, Option, finish_run, format_result
from pellucid.course.networks.registry import NAMES, find_experiment
from pellucid.progress import create_progress_display
from pellucid.tracking import Experiment, ExperimentResult, Range, UsageError, run_experiment
from pellucid.tracking.parameters import parse_assignments
from pellucid.tracking.record import to_json
from pellucid.tracking.run_folder import open_run_folder

SEEDS = Range(0, 2**32 - 1)


def run(
    name: str | None = None,
    /,
    *,
    list: Annotated[bool, Option] = False,
    set: Annotated[tuple[str, ...], Option] = (),
    data: Annotated[Path | None, Option] = None,
    seed: Annotated[int, Option] = 0,
    out: Annotated[Path | None, Option] = None,
    json: Annotated[bool, Option] = False,
) -> int:
    """Run an experiment of the course, compare its result with a baseline, and save pictures and a record.

    For example:

        pellucid run moons
        pellucid run moons --set passes=1000 --set rate=0.005 --seed 3
        pellucid run images --data photos/ --out my-images
        pellucid run mnist-softmax --json > record.json

    Parameters
    ----------
    name
        The experiment; --list shows all names.
    list
        List all experiments or, after NAME, the parameters of one.
    set
        Set a parameter of the experiment: KEY=VALUE. May be repeated.
    data
        Folder of images, for experiments that read one; same as --set data=PATH.
    seed
        Seed of all random numbers (default 0). The same seed gives the same results.
    out
        New or empty folder for pictures and record.json (default: the next free runs/NAME-1, runs/NAME-2, ...).
    json
        Print only the record, as JSON.
    """
    if name is None:
        if not list:
            raise UsageError(f"run: expected the name of an experiment: {', '.join(NAMES)}. See: pellucid run --list")
        _print_experiments(json)
        return 0
    experiment = find_experiment(name)
    if list:
        _print_parameters(experiment, json)
        return 0
    if data is not None and "data" not in experiment.parameters:
        raise UsageError(f"--data: {name} reads no data. Omit --data")
    settings = parse_assignments(experiment.parameters, set if data is None else (*set, f"data={data}"))
    if seed not in SEEDS:
        raise UsageError(f"--seed: expected an integer, {SEEDS}; received {seed}")
    title = f"{experiment.name}: {experiment.title}"
    reported = False

    def report(result: ExperimentResult) -> None:
        nonlocal reported
        reported = True
        if not json:
            OUTPUT.print(format_result(title, result))

    with open_run_folder(out, experiment.name) as folder:
        with create_progress_display() as display:
            record, error = run_experiment(experiment, settings, folder, seed=seed, display=display, on_result=report)
        if not (json or reported or not any(folder.iterdir())):
            OUTPUT.print(format_result(title, record))
        return finish_run(record, error, folder, json=json)


def _print_experiments(json: bool) -> None:
    experiments = [find_experiment(name) for name in NAMES]
    if json:
        print(to_json([{"name": experiment.name, "title": experiment.title} for experiment in experiments]))
        return
    width = max(len(experiment.name) for experiment in experiments)
    for experiment in experiments:
        print(f"{experiment.name:{width}}  {experiment.title}")


def _print_parameters(experiment: Experiment, json: bool) -> None:
    parameters = experiment.parameters.values()
    if json:
        fields = [
            {"name": p.name, "description": p.description, "expected": p.expected, "default": p.default}
            for p in parameters
        ]
        print(to_json({"name": experiment.name, "title": experiment.title, "parameters": fields}))
        return
    print(f"{experiment.name}: {experiment.title}\n\n{experiment.idea}\n")
    width = max((len(f"{p.name}={p.default_text}") for p in parameters), default=0)
    for p in parameters:
        print(f"  --set {p.name + '=' + p.default_text:{width}}  {p.description} ({p.expected})")
