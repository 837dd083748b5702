"""``pellucid train`` and ``pellucid resume``: a network for a folder of images, a table or an NPZ file."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_origin

from cyclopts import Parameter as CommandParameter

from pellucid.cli.output import ERRORS, OUTPUT, Option, finish_run, format_result
from pellucid.tracking.errors import UsageError
from pellucid.tracking.parameters import Parameter
from pellucid.tracking.run_folder import open_run_folder
from pellucid.train.read.loaders import get_options
from pellucid.train.settings.settings import PARAMETERS

if TYPE_CHECKING:
    from pellucid.tracking.record import Record
    from pellucid.train.settings.settings import Settings

FILE_ONLY = ("loss", "metrics", "checksum", "weights_checksum", "sweep")
"""Settings for which TOML files have a key, and the command has no option."""

OPTIONS = {
    "model": PARAMETERS["model"],
    **get_options(),
    **{name: parameter for name, parameter in PARAMETERS.items() if name not in FILE_ONLY},
}


def train(
    data: str | None = None,
    /,
    *,
    distributed: Annotated[bool, Option] = False,
    set: Annotated[tuple[str, ...], Option] = (),
    sweep: Annotated[tuple[str, ...], CommandParameter(negative="", show_default=False, consume_multiple=True)] = (),
    out: Annotated[Path | None, Option] = None,
    json: Annotated[bool, Option] = False,
    quiet: Annotated[bool, Option] = False,
    **given: Any,
) -> int:
    """Train a network on your data, evaluate it on a held-out test set against baselines, and save the run.

    For example:

        pellucid train photos/                    folder or zip of images
        pellucid train photos/ --model cnn --size 64 --augment mirror
        pellucid train flats.csv --target price   table: CSV, Parquet, Excel, ...
        pellucid train arrays.npz --model mlp     arrays x and y
        pellucid train mnist --epochs 5           built-in data set
        pellucid train fraud.csv --class-weights balanced --threshold recall=0.9
        pellucid train flats.csv --folds 5        cross-validation
        pellucid train pets/ --weights runs/7     fine-tuning of a trained network
        pellucid train flats.csv --sweep learning_rate=0.001,0.01 units=32,64
        pellucid train mine.toml                  settings and layers as a file
        pellucid train mine.toml --set layers.0.units=64
        pellucid train moons --set optimizer.learning_rate=CosineDecay
        pellucid train runs/7/experiment.toml     repeat a run bit for bit
        pellucid resume runs/7                    resume after Ctrl-C

    The class of an image is the name of its folder, or its file name up to
    the first dot (cat.0.jpg). Data may be divided into folders train, val and
    test, or arrays x_train, y_train, x_val and so on. Otherwise they are split
    at random.

    Images and tables larger than --memory are read from a temporary file in the
    folder of the run, which the system removes when the process ends.

    Ctrl-C and SIGTERM save the run and stop. SIGHUP (kill -HUP) writes a
    snapshot, and training continues; Windows does not have it. A closed terminal
    sends it too. A run that was stopped or killed is resumed by pellucid resume.

    The folder of the run has the network with the weights of its best epoch
    (model.pel), the settings (experiment.toml), the history (history.csv),
    pictures, the results (record.json), and a page that shows everything
    (report.html).

    Parameters
    ----------
    data
        Folder or zip of images, table (.csv, .parquet, .xlsx, .jsonl, .sqlite, .duckdb), .npz or .toml file, or mnist,
        digits32, moons, circles or blobs.
    distributed
        Train together with the other processes that SLURM, MPI or PELLUCID_... variables define.
    set
        Set a value of the experiment file: KEY=VALUE, such as optimizer.momentum=0.9. May be repeated.
    sweep
        Try values of settings, and train the best: KEY=VALUE,VALUE or KEY=LOW..HIGH:COUNT, one or several. Keys are
        learning_rate, batch_size, optimizer, model, augment, width (a factor of all widths), units (of hidden layers),
        and keys of --set in the optimizer and the layers.
    out
        New or empty folder for the run (default: the next free runs/1, runs/2, ...).
    json
        Print only the record, as JSON.
    quiet
        Print only warnings, errors, and failures such as a class that is never predicted.
    """
    if data is None:
        raise UsageError(
            "train: expected data: a folder of images, a table such as a .csv file, an .npz or .toml file, or a "
            "built-in name such as moons"
        )
    check_output("train", json, quiet)
    from pellucid.train.settings.settings import Settings

    values = get_given(OPTIONS, given)
    model = values.pop("model", None)
    if sweep:
        values["sweep"] = [part for text in sweep for part in text.split()]
    return execute(Settings(**merge_settings(data, model, values, set)), out, distributed, json=json, quiet=quiet)


def resume(
    folder: Path,
    /,
    *,
    devices: Annotated[str | None, Option] = None,
    distributed: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
    quiet: Annotated[bool, Option] = False,
) -> int:
    """Resume an interrupted run. The result is bit-identical to an uninterrupted one.

    For example:

        pellucid resume runs/7

    Parameters
    ----------
    folder
        Folder of the run.
    devices
        Number of devices, or all. With another number than before, results are equal up to rounding.
    distributed
        Train together with the other processes that SLURM, MPI or PELLUCID_... variables define.
    json
        Print only the record, as JSON.
    quiet
        Print only warnings, errors, and failures such as a class that is never predicted.
    """
    check_output("resume", json, quiet)
    from pellucid.train.training_run import read_interrupted_run

    settings = read_interrupted_run(folder)
    if devices is not None:
        settings = replace(settings, devices=parse_option(PARAMETERS["devices"], devices))
    return execute(settings, folder, distributed, json=json, quiet=quiet, resuming=True)


def get_given(options: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options that are given."""
    return {
        name: parse_option(options[name], value)
        for name, value in given.items()
        if value is not None and value is not False  # flags that are not given; 0 is a value
    }


def add_options(command: Callable[..., int], parameters: Mapping[str, Parameter]) -> None:
    """Add options to a command, for settings and for the options of data loaders."""
    signature = inspect.signature(command)
    fixed = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if option.kind is bool else None,
            annotation=Annotated[
                get_option_type(option), CommandParameter(negative="", show_default=False, help=option.description)
            ],
        )
        for name, option in parameters.items()
    ]
    command.__signature__ = signature.replace(parameters=[fixed[0], *options, *fixed[1:]])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*fixed, *options)}


def get_option_type(option: Parameter) -> Any:
    """Return the type to which cyclopts converts an option: a scalar, or text for `parse_option`."""
    kind = option.kinds[0] if len(option.kinds) == 1 else str
    return bool if kind is bool else (str if get_origin(kind) or kind is dict else kind) | None


def parse_option(option: Parameter, value: Any) -> Any:
    return option.parse(value) if isinstance(value, str) else option.check(value)


add_options(train, OPTIONS)


def merge_settings(
    data: str, model: str | None, values: dict[str, Any], assignments: Sequence[str] = ()
) -> dict[str, Any]:
    """Return settings from the TOML files and the ``--set`` of a command line, overridden by its options."""
    from pellucid.train.settings.experiment_table import ExperimentTable, read_experiment_table
    from pellucid.train.settings.toml_reader import get_keys, parse_settings

    if data.endswith(".toml"):
        experiment = read_experiment_table(Path(data))
    else:
        experiment = ExperimentTable("the command line", {"pellucid": 1, "data": {"source": data}})
    if model is not None and model.endswith(".toml"):
        network = read_experiment_table(Path(model))
        if "layers" not in network.table:
            raise UsageError(f"model: expected [[layers]] in {model}; received none")
        experiment = experiment.merge(network.without("data", ("source", "checksum", *get_options())))
    elif model is not None:
        experiment = experiment.merge(ExperimentTable("--model", {"model": model}))
    experiment = experiment.assign(assignments)
    settings = parse_settings(experiment)
    if "data" not in settings:
        raise UsageError(
            f'{data}: expected [data] with source = "photos/"; or name the data on the command line: '
            f"pellucid train DATA --model {data}"
        )
    options = {name: values.pop(name) for name in get_options() if name in values}
    for name in (*values, *options):
        origin = experiment.locate(*get_keys(name))
        if origin.startswith("--set"):
            raise UsageError(f"--{name.replace('_', '-')} and {origin} set the same value. Remove one of them")
    return settings | values | {"options": {**settings["options"], **options}}


def check_output(command: str, json: bool, quiet: bool) -> None:
    if json and quiet:
        raise UsageError(f"{command}: --json and --quiet exclude each other; choose one")


def execute(
    settings: "Settings", out: Path | None, distributed: bool, *, json: bool, quiet: bool, resuming: bool = False
) -> int:
    if distributed:
        join_process_group(settings, out)
    from pellucid.run.distributed.process_group import process_id
    from pellucid.train.training_run import run_training

    silent = json or quiet or bool(distributed and process_id())

    def report(lines: Sequence[str]) -> None:
        if not silent:
            OUTPUT.print("\n".join(lines))

    with nullcontext(out) if resuming else open_shared_folder(out, distributed) as folder:
        assert folder is not None
        record, error = run_training(
            settings,
            folder,
            verbose=0 if json or quiet else "auto",
            report=report,
            on_result=lambda result: report([format_result("", result)]),
        )
        if record is None:  # not the first process
            return 0
        if quiet and error is None:
            print_failures(record)
        hints = [
            f"Report:      {folder}/report.html",
            f"Predict:     pellucid predict {folder} FILES",
            f"Repeat:      pellucid train {folder}/experiment.toml",
            f'From Python: pel.load_model("{folder}/model.pel").explain()',
        ]
        return finish_run(record, error, folder, json=json, quiet=quiet, hints=hints)


def print_failures(record: "Record") -> None:
    """Print failures of a result, such as a class that is never predicted, to standard error."""
    for finding in record.measures.get("findings", ()):
        if finding["severity"] == "failure":
            ERRORS.print(f"failure: {finding['what']}. {finding['fix']}.")


@contextmanager
def open_shared_folder(out: Path | None, distributed: bool) -> Iterator[Path]:
    """Create the folder of a run; of several processes, the first creates it and the others wait."""
    if not distributed:
        with open_run_folder(out) as folder:
            yield folder
        return
    from pellucid.run.distributed.process_group import agree, process_id

    assert out is not None  # checked by `join_process_group`
    with nullcontext(out) if process_id() else open_run_folder(out) as folder:
        agree({"experiment": 1})  # a barrier
        yield folder


def join_process_group(settings: "Settings", out: Path | None) -> None:
    from pellucid.run.distributed.distribution import initialize

    if out is None:
        raise UsageError("--distributed: expected --out with a folder that all processes can access")
    if settings.devices is None:
        raise UsageError("--distributed: expected --devices all, or a number of devices per process")
    # Redirect what C++ libraries print about connections to standard error; standard output is for results.
    sys.stdout.flush()
    stdout = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = os.fdopen(stdout, "w")
    initialize()
