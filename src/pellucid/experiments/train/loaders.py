"""From what names the data to samples: a built-in name, a folder or zip of images, a CSV file, an NPZ file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, shown
from pellucid.errors import near_miss
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.train.dataset import (
    PART_OF,
    Array,
    Samples,
    as_numbers,
    checksum_of,
    fitting,
    refuse_nonfinite,
    shape_in_words,
    targets_of,
)
from pellucid.experiments.train.settings import Settings

BUILT_IN = ("mnist", "digits32", "moons", "circles", "blobs")
OWN = {"target": ("row", "a CSV file"), "size": ("image", "a folder of images")}
"""Options that belong to one kind of samples."""

POINTS = 1_000
"""So many points are drawn of a built-in set of them."""


def read(settings: Settings) -> Samples:
    """Read and check the data that settings name.

    Raises
    ------
    UsageError
        If there is nothing of that name, or an option does not belong to such data.
    DataError
        If what is there cannot be used; the message names the file and the place in it.
    """
    kind, reader = how(settings.data)
    for option, (owner, belongs) in OWN.items():
        if getattr(settings, option) is not None and kind != owner:
            raise UsageError(f"{option}: belongs to {belongs}; leave it out with {settings.data}")
    return reader(settings)


def how(data: str) -> tuple[str, Callable[[Settings], Samples]]:
    """Return of what kind the samples are that data of this name hold, and what reads them."""
    from pellucid.experiments.train.csv_loader import read_table
    from pellucid.experiments.train.image_loader import read_images

    if data in BUILT_IN:
        return "array", built_in
    path = Path(data)
    ending = path.suffix.lower()
    if ending == ".npz":
        return "array", read_arrays
    if ending in (".csv", ".tsv"):
        return "row", read_table
    if path.is_dir() or ending == ".zip":
        return "image", read_images
    if not path.exists():
        there = [str(path.parent / other.name) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = near_miss(data, [*BUILT_IN, *there]) or f" Built-in data are {', '.join(BUILT_IN)}."
        raise UsageError(f"{data}: there is no such file or folder.{hint}")
    raise UsageError(
        f"{data}: expected a folder or zip of images, a .csv or .npz file or a built-in name; received "
        f"{f'a {ending} file' if ending else 'a file whose name has no ending'}"
    )


def built_in(settings: Settings) -> Samples:
    """Return data that come with pellucid."""
    from pellucid import data

    name = settings.data
    x: Array
    y: Array
    x_test: Array
    y_test: Array
    if name == "mnist":
        (x, y), (x_test, y_test) = data.mnist()
    elif name == "digits32":
        (x, y), (x_test, y_test) = data.digits32("train"), data.digits32("test", seed=1)
    else:
        x, y = getattr(data, name)(POINTS)
        x_test, y_test = x[:0], y[:0]
    given = {"training": np.arange(len(x)), "test": np.arange(len(x), len(x) + len(x_test))} if len(x_test) else {}
    arrays = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    return of_arrays(*arrays, given, settings, name)


def read_arrays(settings: Settings) -> Samples:
    """Read an NPZ file of ``x`` and ``y``, or of ``x_train``, ``y_train`` and so on."""
    from pellucid.data.npz import read_npz

    where = settings.data
    arrays = read_npz(where)
    parts: Mapping[str, str] = (
        {"": ""} if {"x", "y"} <= set(arrays) else {f"_{word}": part for word, part in PART_OF.items()}
    )
    found = [(end, part) for end, part in parts.items() if f"x{end}" in arrays and f"y{end}" in arrays]
    named = [part for _, part in found]
    if not found or (named != [""] and "training" not in named):
        raise DataError(
            f"{where}: expected the arrays x and y, or x_train and y_train (and x_test and y_test, x_val and y_val); "
            f"received {shown(tuple(arrays), 6) or 'none'}. Write it by numpy.savez({Path(where).name!r}, x=x, y=y)."
        )
    given, start = {}, 0
    for end, part in found:
        x, y = arrays[f"x{end}"], arrays[f"y{end}"]
        check_pair(x, y, f"x{end}", f"y{end}", arrays[f"x{found[0][0]}"], where)
        if part:
            given[part] = np.arange(start, start + len(x))
        start += len(x)
    x = np.concatenate([arrays[f"x{end}"] for end, _ in found])
    y = np.concatenate([arrays[f"y{end}"] for end, _ in found])
    return of_arrays(x, y, given, settings, where)


def check_pair(x: Array, y: Array, x_name: str, y_name: str, first: Array, where: str) -> None:
    """Refuse arrays that do not belong together, or hold what is no number."""
    if x.dtype.kind not in "biuf":
        raise DataError(f"{where}: expected {x_name} to hold real numbers, received dtype {x.dtype}.")
    if x.ndim < 2 or 0 in x.shape:
        raise DataError(
            f"{where}: expected {x_name} of shape (samples, ...), such as (1000, 7) or (1000, 32, 32, 3), received "
            f"{x.shape}; one number a sample is x[:, None]."
        )
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise DataError(
            f"{where}: expected {y_name} of shape ({len(x)},) or ({len(x)}, k), one row for each of {x_name}, received "
            f"{y.shape}."
        )
    if x.shape[1:] != first.shape[1:]:
        raise DataError(
            f"{where}: expected {x_name} to have samples of shape {first.shape[1:]}, as the others have, received "
            f"{x.shape[1:]}."
        )
    refuse_nonfinite(x, x_name, where)
    refuse_nonfinite(y, y_name, where)


def of_arrays(x: Array, y: Array, given: Mapping[str, Array], settings: Settings, where: str) -> Samples:
    """Return samples that are arrays already."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    targets, names = targets_of(y, settings.task, where)
    wide = as_numbers(x)
    described: dict[str, Any] = {"kind": "array", "shape": list(x.shape[1:])}
    many = 1 if targets.ndim == 1 else targets.shape[1]
    return Samples(
        where=where,
        kind="array",
        targets=targets,
        class_names=names,
        inputs=lambda training: (wide, described),
        inputs_as=lambda as_before: fitting(wide, as_before, where),
        told=f"{len(x):,} samples of {shape_in_words(x.shape[1:])}",
        checksum=checksum_of(x, y),
        given=given,
        target_names=("target",) if many == 1 else tuple(f"target {i}" for i in range(1, many + 1)),
    )
