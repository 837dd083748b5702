"""``pellucid train DATA``: a network for a folder of images, a CSV or NPZ file, with pictures and results."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pellucid.cli.options import Option
from pellucid.cli.results import in_words
from pellucid.errors import PellucidError
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.runner.record import as_json
from pellucid.experiments.runner.run_folder import discard, new_folder, standing


def train(
    data: str | None = None,
    /,
    *,
    model: Annotated[str | None, Option] = None,
    target: Annotated[str | None, Option] = None,
    task: Annotated[str | None, Option] = None,
    size: Annotated[int | None, Option] = None,
    augment: Annotated[bool, Option] = False,
    epochs: Annotated[int | None, Option] = None,
    batch_size: Annotated[int | None, Option] = None,
    optimizer: Annotated[str | None, Option] = None,
    rate: Annotated[float | None, Option] = None,
    patience: Annotated[int | None, Option] = None,
    validation_split: Annotated[float | None, Option] = None,
    test_split: Annotated[float | None, Option] = None,
    seed: Annotated[int | None, Option] = None,
    devices: Annotated[str | None, Option] = None,
    join: Annotated[bool, Option] = False,
    strict: Annotated[bool, Option] = False,
    out: Annotated[Path | None, Option] = None,
    json: Annotated[bool, Option] = False,
    quiet: Annotated[bool, Option] = False,
) -> int:
    """Train a network on data of your own; test it on samples that it has not met, beside baselines, and keep it all.

    For example:

        pellucid train photos/                    a folder or zip of images
        pellucid train photos/ --model cnn --size 64 --augment
        pellucid train flats.csv --target price   a table with a header
        pellucid train measured.npz --model mlp   arrays x and y
        pellucid train mnist --epochs 5           or digits32, moons, circles, blobs
        pellucid train runs/7/experiment.toml     the same again, to the last bit
        pellucid resume runs/7                    what Ctrl-C has stopped

    The class of an image is its folder, or the beginning of its name, as in cat.0.jpg. Data may come in parts: folders
    train, val and test, or arrays x_train, y_train, x_val and so on; else they are split.

    The folder of the run holds the network (model.pel, the weights of its best epoch), the experiment as TOML, the
    history as CSV, pictures, and result.json.

    Parameters
    ----------
    data
        A folder or zip of images, a .csv or .npz file, a built-in name, or a .toml file in which all is written down.
    model
        linear, mlp, cnn, or a .toml file of [[layers]]; without it cnn for images, mlp for others.
    target
        The column of a CSV file that is predicted; the last one without it.
    task
        classification or regression; without it, it is told from the target.
    size
        Pixels of a side that images are stretched to, 32 without it.
    augment
        Mirror and shift images at random while the network learns.
    epochs
        How often the data are passed through at most; 20 without it, up to 200 where samples are few.
    batch_size
        Samples a step, 32 without it.
    optimizer
        adam without it; sgd, adamw, rmsprop, ...
    rate
        The learning rate; the optimizer's own without it.
    patience
        After how many epochs without a better validation loss to stop; 5 without it, up to 20; 0 for never.
    validation_split
        The share that chooses the best epoch, 0.15 without it.
    test_split
        The share that is met at the end alone, 0.15 without it.
    seed
        Where the split, the first weights and all orders come from, 0 without it.
    devices
        all, or how many, to divide every batch among.
    join
        Compute together with the other processes that were started with this one, by SLURM, MPI or PELLUCID_...
    strict
        Stop at a bad image, line or cell, which is left out otherwise.
    out
        A new or empty folder for the run; else the next free runs/1, runs/2, ...
    json
        Print the result alone on standard output, as JSON.
    quiet
        Print nothing but warnings and errors.
    """
    if data is None:
        raise UsageError(
            "train: expected data: a folder of images, a .csv, .npz or .toml file, or a built-in name such as moons"
        )
    given = {
        "target": target,
        "task": task,
        "size": None if size is None else (size, size),
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "rate": rate,
        "patience": patience,
        "validation_split": validation_split,
        "test_split": test_split,
        "seed": seed,
        "devices": how_many(devices),
        "augment": augment or None,
        "strict": strict or None,
    }
    if json and quiet:
        raise UsageError("train: --json prints the result and --quiet nothing; choose one")
    from pellucid.experiments.train.settings import Settings

    settings = Settings(**settings_of(data, model, {name: value for name, value in given.items() if value is not None}))
    return show(settings, out, join, json=json, quiet=quiet)


def resume(
    folder: Path,
    /,
    *,
    devices: Annotated[str | None, Option] = None,
    join: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
    quiet: Annotated[bool, Option] = False,
) -> int:
    """Go on with a training that was stopped; it ends with the bits that it would have had.

    For example:

        pellucid resume runs/7

    Parameters
    ----------
    folder
        The run's.
    devices
        all, or how many, where they are others than before: the numbers are the same up to rounding.
    join
        Compute together with the other processes that were started with this one.
    json
        Print the result alone on standard output, as JSON.
    quiet
        Print nothing but warnings and errors.
    """
    from pellucid.experiments.train.fit import stopped_run

    if json and quiet:
        raise UsageError("resume: --json prints the result and --quiet nothing; choose one")
    settings = stopped_run(folder)
    if devices is not None:
        settings = replace(settings, devices=how_many(devices))
    return show(settings, folder, join, json=json, quiet=quiet, goes_on=True)


def how_many(devices: str | None) -> str | int | None:
    """Return devices as settings have them."""
    return int(devices) if devices is not None and devices.isdecimal() else devices


def settings_of(data: str, model: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a command line gives, over those of the files that it names."""
    from pellucid.experiments.train.config_toml import read_file

    settings: dict[str, Any] = {}
    if data.endswith(".toml"):
        settings = read_file(Path(data))
        if "data" not in settings:
            raise UsageError(
                f'{data}: expected [data] with source = "photos/" in it; or name the data: '
                f"pellucid train DATA --model {data}"
            )
    else:
        settings["data"] = data
    if model is not None and model.endswith(".toml"):
        network = {name: value for name, value in read_file(Path(model)).items() if name not in ("data", "checksum")}
        if "layers" not in network:
            raise UsageError(f"model: expected [[layers]] in {model}; received none")
        settings |= network
    elif model is not None:
        settings |= {"model": model, "layers": None, "input_shape": None}
    if "rate" in given and "optimizer" not in given and isinstance(settings.get("optimizer"), Mapping):
        settings["optimizer"] = {k: v for k, v in settings["optimizer"].items() if k != "learning_rate"}
    return settings | given


def show(settings: Any, out: Path | None, join: bool, *, json: bool, quiet: bool, goes_on: bool = False) -> int:
    """Run an experiment, and print what a person wants to know of it."""
    if join:
        together(settings, out)
    from pellucid.experiments.train.fit import train as run
    from pellucid.run.distributed.process_group import process_id

    told = not (json or quiet or (join and process_id()))

    def tell(lines: Sequence[str]) -> None:
        if told:
            print("\n".join(lines), flush=True)

    with place_for(out, join) as make:
        place = out if goes_on and out is not None else make
        result = run(settings, place, verbose=0 if json or quiet else "auto", tell=tell)
    if json and result:
        print(as_json(result))
    elif told:
        in_words(result)
    return 0


@contextmanager
def place_for(out: Path | None, join: bool) -> Iterator[Callable[[], Path]]:
    """Lend a function that makes the folder of a run, which is taken away again if the run comes to nothing."""
    from pellucid.run.distributed.process_group import agree, process_id

    stays, made = standing(out), list[Path]()

    def make() -> Path:
        if join and out is not None and process_id():
            folder = out
        else:
            folder = new_folder(out)
            made.append(folder)
        if join:
            agree({"experiment": 1})  # nobody goes on before the first process has made the folder
        return folder

    try:
        yield make
    except PellucidError:
        for folder in made:
            discard(folder, stays, ())
        raise


def together(settings: Any, out: Path | None) -> None:
    """Bring the processes together that were started with this one."""
    from pellucid.run.distributed.distribution import initialize

    if out is None:
        raise UsageError("join: expected --out, a folder that all processes see")
    if settings.devices is None:
        raise UsageError("join: expected --devices all, or how many of each process")
    # What libraries in C++ say of their connections goes to standard error; standard output is for results.
    sys.stdout.flush()
    own = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = os.fdopen(own, "w")
    initialize()
