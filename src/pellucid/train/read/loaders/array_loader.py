"""Loader of arrays: NPZ files and built-in data sets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.train.read.loaders import MAXIMUM_UPLOAD_BYTES, Batch, DataLoader

if TYPE_CHECKING:
    from pellucid.train.read.dataset import Dataset
    from pellucid.train.settings.settings import Settings
    from pellucid.typing import Array

KIND = "array"
BUILT_IN = ("mnist", "digits32", "moons", "circles", "blobs")
POINTS = 1_000
"""Number of points of a built-in two-dimensional data set."""


def load(settings: "Settings") -> "Dataset":
    return load_built_in(settings) if settings.data in BUILT_IN else load_npz(settings)


def load_built_in(settings: "Settings") -> "Dataset":
    import numpy as np

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
    parts = {"training": np.arange(len(x)), "test": np.arange(len(x), len(x) + len(x_test))} if len(x_test) else {}
    return make_dataset(np.concatenate([x, x_test]), np.concatenate([y, y_test]), parts, settings)


def load_npz(settings: "Settings") -> "Dataset":
    """Load the arrays ``x`` and ``y``, or ``x_train``, ``y_train`` and so on."""
    import numpy as np

    from pellucid.data.errors import DataError, format_names
    from pellucid.data.folder_layout import PART_NAMES
    from pellucid.data.npz import read_npz

    where = settings.data
    arrays = read_npz(where)
    suffixes: Mapping[str, str] = (
        {"": ""} if {"x", "y"} <= set(arrays) else {f"_{word}": part for word, part in PART_NAMES.items()}
    )
    found = [(suffix, part) for suffix, part in suffixes.items() if f"x{suffix}" in arrays and f"y{suffix}" in arrays]
    parts_found = [part for _, part in found]
    if not found or (parts_found != [""] and "training" not in parts_found):
        raise DataError(
            f"{where}: expected the arrays x and y, or x_train and y_train (and x_test and y_test, x_val and y_val); "
            f"received {format_names(list(arrays), 6) or 'none'}. Write the file with "
            f"numpy.savez({Path(where).name!r}, x=x, y=y)."
        )
    parts, start = {}, 0
    for suffix, part in found:
        x, y = arrays[f"x{suffix}"], arrays[f"y{suffix}"]
        check_pair(x, y, f"x{suffix}", f"y{suffix}", arrays[f"x{found[0][0]}"], where)
        if part in parts:
            raise DataError(
                f"{where}: expected one pair of arrays for the {part} part, received two, such as y{suffix}."
            )
        if part:
            parts[part] = np.arange(start, start + len(x))
        start += len(x)
    x = np.concatenate([arrays[f"x{suffix}"] for suffix, _ in found])
    y = np.concatenate([arrays[f"y{suffix}"] for suffix, _ in found])
    return make_dataset(x, y, parts, settings)


def check_pair(x: "Array", y: "Array", x_name: str, y_name: str, first: "Array", where: str) -> None:
    """Raise if inputs and targets do not match, or have invalid values."""
    from pellucid.data.errors import DataError
    from pellucid.train.read.dataset import check_finite

    check_numbers(x, x_name, where)
    if x.ndim < 2 or 0 in x.shape:
        raise DataError(
            f"{where}: expected {x_name} of shape (samples, ...), such as (1000, 7) or (1000, 32, 32, 3), received "
            f"{x.shape}; for one feature, use x[:, None]."
        )
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise DataError(
            f"{where}: expected {y_name} of shape ({len(x)},) or ({len(x)}, k), one row for each of {x_name}, received "
            f"{y.shape}."
        )
    if x.shape[1:] != first.shape[1:]:
        raise DataError(
            f"{where}: expected samples of shape {first.shape[1:]} in {x_name}, as in the other arrays, received "
            f"{x.shape[1:]}."
        )
    check_finite(y, y_name, where)


def check_numbers(x: "Array", name: str, where: str) -> None:
    """Raise if an array has anything but finite real numbers."""
    from pellucid.data.errors import DataError
    from pellucid.train.read.dataset import check_finite

    if x.dtype.kind not in "biuf":
        raise DataError(f"{where}: expected real numbers in {name}, received dtype {x.dtype}.")
    check_finite(x, name, where)


def make_dataset(x: "Array", y: "Array", parts: "Mapping[str, Array]", settings: "Settings") -> "Dataset":
    from pellucid.train.read.dataset import (
        Dataset,
        check_shape,
        compute_checksum,
        encode_targets,
        format_shape,
        to_network_dtype,
    )

    where = settings.data
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    targets, names = encode_targets(y, settings.task, where)
    inputs = to_network_dtype(x)
    description: dict[str, Any] = {"kind": KIND, "shape": list(x.shape[1:])}
    count = 1 if names else targets.shape[1]
    return Dataset(
        where=where,
        targets=targets,
        class_names=names,
        fit_inputs=lambda training: (inputs, description),
        apply_description=lambda other: check_shape(inputs, other, where),
        summary=f"{len(x):,} samples of {format_shape(x.shape[1:])}",
        checksum=compute_checksum(x, y),
        parts=parts,
        locate=lambda index: locate_sample(index, parts),
        target_names=("target",) if count == 1 else tuple(f"target {i}" for i in range(1, count + 1)),
    )


def locate_sample(index: int, parts: "Mapping[str, Array]") -> str:
    """Return the position of a sample, in its part if there are parts; each part is contiguous."""
    for part, rows in parts.items():
        if len(rows) and rows[0] <= index <= rows[-1]:
            return f"{part} sample {index - rows[0]}"
    return f"sample {index}"


def read_inputs(description: Mapping[str, Any], file: str, strict: bool) -> Iterator[Batch]:
    from pellucid.data.npz import read_npz

    yield select_inputs(read_npz(file), description, file)


def parse_upload(description: Mapping[str, Any], content: bytes, name: str, strict: bool) -> Iterator[Batch]:
    """Yield the samples of an NPZ file that a client sends."""
    import io
    import zipfile

    from pellucid.data.errors import DataError
    from pellucid.untrusted_files.budget import UNCOMPRESSED_REMEDY, MemoryBudget
    from pellucid.untrusted_files.npz import parse_npz

    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise DataError(f"{name}: expected an NPZ file, as numpy.savez writes it, received another kind of file.")
    budget = MemoryBudget(MAXIMUM_UPLOAD_BYTES, DataError, name, UNCOMPRESSED_REMEDY)
    yield select_inputs(parse_npz(io.BytesIO(content), DataError, name, budget), description, name)


def select_inputs(arrays: "Mapping[str, Array]", description: Mapping[str, Any], file: str) -> Batch:
    """Return the array x of a file, with the positions of its samples."""
    from pellucid.data.errors import DataError

    if "x" not in arrays:
        raise DataError(f"{file}: expected an array x, received {', '.join(map(ascii, arrays)) or 'none'}.")
    x = check_inputs(arrays["x"], description, file)
    return [{"file": file, "row": row} for row in range(len(x))], x


def check_inputs(x: "Array", description: Mapping[str, Any], where: str) -> "Array":
    """Return inputs in a dtype of networks; raise `DataError` if they are no numbers or have another shape."""
    import numpy as np

    from pellucid.train.read.dataset import check_finite, check_shape, to_network_dtype

    check_numbers(x, "x", where)
    with np.errstate(over="ignore"):
        inputs = to_network_dtype(x)
    check_finite(inputs, "x, in float32", where)
    return check_shape(inputs, description, where)


def is_valid(description: Mapping[str, Any]) -> bool:
    from pellucid.train.read.dataset import is_list_of

    return is_list_of(int, description["shape"])


LOADER = DataLoader(
    kind=KIND,
    name="an NPZ file",
    recognizes=lambda path: path.suffix.lower() == ".npz",
    load=load,
    read_inputs=read_inputs,
    parse_upload=parse_upload,
    is_valid=is_valid,
    built_in=BUILT_IN,
)
