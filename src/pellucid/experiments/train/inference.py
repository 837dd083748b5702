"""A network that was trained, loaded from its run's folder, and asked: on data that have answers, and on any others."""

import functools
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.train.dataset import Array, as_numbers, fitting
from pellucid.experiments.train.evaluation import measured_classes, measured_numbers
from pellucid.experiments.train.fit import DATA, MODEL, RESULT
from pellucid.experiments.train.loaders import how, read
from pellucid.experiments.train.settings import LARGEST_SIDE, TASKS, Settings, real

MOST_AT_ONCE = 1024
"""So many images are decoded before the network is asked about them."""

KINDS = {"image": "images, or folders of them", "row": "CSV files", "array": "NPZ files with an array x"}


@dataclass(frozen=True)
class Trained:
    """A network with how inputs are made for it, and what its answers are called."""

    folder: Path
    model: Any
    described: Mapping[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes; none where numbers are predicted."""
        return tuple(self.described["class_names"])


def trained(folder: Path) -> Trained:
    """Load the network of a run.

    Raises
    ------
    UsageError
        If there is no run with a network in it.
    DataError, StorageError
        If its files are damaged.
    """
    from pellucid.model.saving import load_model

    if not (folder / MODEL).is_file() or not (folder / DATA).is_file():
        raise UsageError(f"{folder}: expected the folder of a run, with {MODEL} and {DATA} in it; received another one")
    try:
        described = json.loads((folder / DATA).read_text("utf-8"))
        ours = is_ours(described)
    except (ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise DataError(f"{folder / DATA}: expected how inputs are made, as pellucid train wrote it; train again.")
    model = load_model(folder / MODEL)
    answers = len(described["class_names"] or described["target_names"])
    if not model.built or len(model.outputs) != 1 or model.outputs[0].shape[1:] != (answers,):
        raise DataError(f"{folder / MODEL}: expected a network with {answers} outputs, as {DATA} names; train again.")
    return Trained(folder, model, described)


def is_ours(described: Any) -> bool:
    """Tell whether plain values say how inputs are made; a KeyError or TypeError says that they do not."""
    kind, task = described["kind"], described["task"]
    told = all_of(str, described["class_names"]) and all_of(str, described["target_names"])
    if kind == "row":
        told = told and isinstance(described["target"], str) and all(map(is_column, described["columns"]))
    else:
        told = told and all_of(int, described["shape"])
    if kind == "image":
        size = described["size"]
        told = told and all_of(int, size) and len(size) == 2 and all(1 <= side <= LARGEST_SIDE for side in size)
    return kind in KINDS and task in TASKS and told


def is_column(column: Any) -> bool:
    """Tell whether plain values say how a column becomes numbers."""
    if column["kind"] == "number":
        return isinstance(column["name"], str) and real(column["missing"])
    return column["kind"] == "category" and isinstance(column["name"], str) and all_of(str, column["values"])


def all_of(kind: type, values: Any) -> bool:
    """Tell whether something is a list of things of a kind."""
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def examined(network: Trained, data: str, strict: bool = False) -> Mapping[str, Any]:
    """Measure a network on data that have answers; of data in parts, on the part to test on.

    Raises
    ------
    DataError
        If the data are of another kind, shape or classes than what it was trained on.
    """
    described, names = network.described, network.class_names
    kind = described["kind"]
    given: dict[str, Any] = {"task": described["task"], "strict": strict}
    if kind == "image":
        given["size"] = tuple(described["size"])
    if kind == "row":
        given["target"] = described["target"]
    if how(data)[0] != kind:
        raise DataError(f"{data}: expected {KINDS[kind]}, which the network has learnt from, received another kind.")
    samples = read(Settings(data, **given))
    strange = [name for name in samples.class_names if name not in names]
    if strange:
        raise DataError(
            f"{data}: expected the classes {', '.join(names)}, which the network has learnt, received {strange[0]!a} "
            "too."
        )
    if "test" not in samples.given:
        tell_of_old(network, samples.checksum, data)
    rows = samples.given.get("test", np.arange(len(samples.targets)))
    said = network.model.predict(samples.inputs_as(described)[rows])
    truth = samples.targets[rows]
    if names:
        truth = np.array([names.index(name) for name in samples.class_names])[truth]
        measures = measured_classes(said, truth)
    else:
        measures = measured_numbers(said, truth.reshape(said.shape))
    return {"folder": str(network.folder), "data": data, "samples": len(rows), "test": measures}


def tell_of_old(network: Trained, checksum: str, data: str) -> None:
    """Warn of data that the network was trained on."""
    file = network.folder / RESULT
    if file.is_file() and f'"checksum": "{checksum}"' in file.read_text("utf-8", "replace"):
        told = f"{data}: the network has learnt from most of these; what it does on the others stands in {file}"
        warnings.warn(told, DataWarning, stacklevel=3)


def predict(network: Trained, files: Sequence[str], strict: bool = False) -> list[dict[str, Any]]:
    """Return what a network says of images, rows of CSV files or arrays, one mapping for each.

    Each has ``file`` and, of several in a file, ``line`` or ``row``; then ``class``, ``probability`` and
    ``probabilities``, or ``values`` by the names of the targets.
    """
    make = {"image": images_of, "row": rows_of, "array": arrays_of}[network.described["kind"]]
    found: list[dict[str, Any]] = []
    for file in files:
        for places, x in make(network, file, strict):
            if len(places):
                answers = network.model.predict(x)
                found += [place | answer(network, said) for place, said in zip(places, answers, strict=True)]
    return found


def answer(network: Trained, said: Array) -> dict[str, Any]:
    """Return an answer in words and numbers."""
    names = network.class_names
    if not names:
        return {"values": {name: float(v) for name, v in zip(network.described["target_names"], said, strict=True)}}
    best = int(said.argmax())
    chances = {name: float(p) for name, p in zip(names, said, strict=True)}
    return {"class": names[best], "probability": float(said[best]), "probabilities": chances}


Batch = tuple[Sequence[dict[str, Any]], Array]


def rows_of(network: Trained, file: str, strict: bool) -> Iterator[Batch]:
    """Yield the rows of a CSV file."""
    from pellucid.data.table import read_csv
    from pellucid.experiments.train.csv_loader import encoded

    if Path(file).suffix.lower() not in (".csv", ".tsv"):
        raise DataError(
            f"{file}: expected a CSV file, of rows as the network has learnt, received another kind of file."
        )
    table = read_csv(file, strict)
    yield [{"file": file, "line": line} for line in table.lines], encoded(table, network.described["columns"], strict)


def arrays_of(network: Trained, file: str, strict: bool) -> Iterator[Batch]:
    """Yield the samples of an NPZ file."""
    from pellucid.data.npz import read_npz
    from pellucid.experiments.train.dataset import refuse_nonfinite

    arrays = read_npz(file)
    if "x" not in arrays:
        raise DataError(f"{file}: expected an array x, received {', '.join(map(ascii, arrays)) or 'none'}.")
    x = arrays["x"]
    if x.dtype.kind not in "biuf":
        raise DataError(f"{file}: expected x to hold real numbers, received dtype {x.dtype}.")
    refuse_nonfinite(x, "x", file)
    yield [{"file": file, "row": row} for row in range(len(x))], fitting(as_numbers(x), network.described, file)


def images_of(network: Trained, file: str, strict: bool) -> Iterator[Batch]:
    """Yield an image, or those of a folder or zip archive, in batches."""
    from pellucid.data.image_decoding import Undecodable, decode, strict_about_bombs

    size = tuple(network.described["size"])
    places: list[dict[str, Any]] = []
    pixels: list[Array] = []
    with strict_about_bombs():
        for name, content in contents(file):
            try:
                found = decode(content(), size)
            except (Undecodable, OSError, ValueError) as error:
                if strict:
                    raise DataError(f"{name}: {error}; repair it or take it out.") from error
                warnings.warn(f"{name}: skipped, {error}", DataWarning, stacklevel=2)
                continue
            places.append({"file": name})
            pixels.append(found)
            if len(pixels) == MOST_AT_ONCE:
                yield places, np.stack(pixels)
                places, pixels = [], []
    if pixels:
        yield places, np.stack(pixels)


def contents(file: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield images by name with a function that reads them."""
    from pellucid.data.archive import open_source, read_file
    from pellucid.data.image_decoding import SUFFIXES

    path = Path(file)
    if not path.exists():
        raise DataError(f"{file}: there is no such file or folder.")
    if not (path.is_dir() or path.suffix.lower() == ".zip"):
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(
                f"{file}: expected an image, a folder or a zip archive of images, received another kind of file."
            )
        yield file, lambda: read_file(path)
        return
    with open_source(path) as source:
        names = [name for name in source.sizes if Path(name).suffix.lower() in SUFFIXES]
        if not names:
            raise DataError(f"{file}: expected images in it, received none.")
        for name in names:
            yield f"{file.rstrip('/')}/{name}", functools.partial(source.read, name)
