"""Registry of data loaders. One module per kind of data declares its options and recognizes and reads its files.

To add a kind of data, add a module that defines ``LOADER``, and its name to `MODULES`. Command-line options, TOML keys,
``pellucid test`` and ``pellucid predict`` follow from it. The modules import NumPy inside functions, so that
help pages are fast.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.tracking.parameters import Parameter
from pellucid.untrusted_files.reading import report_damage

if TYPE_CHECKING:
    from pellucid.train.read.dataset import Dataset
    from pellucid.train.settings.settings import Settings
    from pellucid.typing import Array

MODULES = ("table_loader", "image_loader", "array_loader")

MAXIMUM_UPLOAD_BYTES = 2**28
"""Largest size of the decoded cells or arrays of a file that a client sends."""

STANDARD_INPUT = "-"
"""Name of standard input among files, and in messages."""

Batch = tuple[Sequence[dict[str, Any]], "Array"]
"""The positions of samples (file, and line or row) and their inputs."""


@dataclass(frozen=True)
class DataLoader:
    """One kind of data.

    Attributes
    ----------
    kind : str
        Identifier in ``data.json``.
    name : str
        Name of the kind in messages: "a CSV file".
    recognizes : function
        Tells whether a path is of this kind.
    load : function
        Reads data with targets. The description that its `Dataset` returns must have the resolved values of all
        ``options``.
    load_stored : function, optional
        Reads data with targets that are larger than ``settings.memory``, from temporary files in a folder; returns None
        for smaller ones.
    read_inputs : function
        Yields batches of inputs for prediction, from the description of the training data, a file, and ``strict``.
    parse_inputs : function, optional
        Does the same for the content of standard input, from the description, the bytes, and ``strict``.
    parse_upload : function, optional
        Does the same for a file that a client of ``pellucid serve`` sends, from the description, the bytes, the name of
        the file, and ``strict``.
    get_feature_columns : function, optional
        Returns the name of the column of every feature of a description, for data whose columns have names.
    is_valid : function
        Tells whether a description read from ``data.json`` is complete and well-typed.
    options : tuple of Parameter
        Options of this kind; the values given are ``settings.options``.
    built_in : tuple of str
        Names of built-in data sets of this kind.
    """

    kind: str
    name: str
    recognizes: Callable[[Path], bool]
    load: "Callable[[Settings], Dataset]"
    read_inputs: Callable[[Mapping[str, Any], str, bool], Iterator[Batch]]
    is_valid: Callable[[Mapping[str, Any]], bool]
    load_stored: "Callable[[Settings, Path | None], Dataset | None] | None" = None
    parse_inputs: Callable[[Mapping[str, Any], bytes, bool], Iterator[Batch]] | None = None
    parse_upload: Callable[[Mapping[str, Any], bytes, str, bool], Iterator[Batch]] | None = None
    get_feature_columns: Callable[[Mapping[str, Any]], list[str]] | None = None
    options: tuple[Parameter, ...] = ()
    built_in: tuple[str, ...] = ()


def get_loaders() -> list[DataLoader]:
    return [importlib.import_module(f"{__name__}.{module}").LOADER for module in MODULES]


def get_options() -> dict[str, Parameter]:
    """Return the options of all data loaders, by name."""
    return {option.name: option for loader in get_loaders() for option in loader.options}


def get_built_in_names() -> list[str]:
    return [name for loader in get_loaders() for name in loader.built_in]


def find_loader(data: str) -> DataLoader:
    """Return the loader for a file, a folder or a built-in name; raise `UsageError` if there is none."""
    path, loaders = Path(data), get_loaders()
    for loader in loaders:
        if data in loader.built_in:
            return loader
    for loader in loaders:
        if loader.recognizes(path):
            return loader
    built_in = get_built_in_names()
    if not path.exists():
        siblings = [str(path.parent / other.name) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = near_miss(data, [*built_in, *siblings]) or f" Built-in data sets are {', '.join(built_in)}."
        raise UsageError(f"{data}: no such file or folder.{hint}")
    received = f"a {path.suffix} file" if path.suffix else "a file without a suffix"
    kinds = ", ".join(loader.name for loader in loaders)
    raise UsageError(f"{data}: expected {kinds} or a built-in name; received {received}")


def load_dataset(settings: "Settings", folder: Path | None = None) -> "Dataset":
    """Read and check the data of a run; those that are larger than memory are in temporary files in a folder.

    Raises `UsageError` if they are not found or an option is for another kind of data, and `DataError` if they cannot
    be used.
    """
    loader = find_loader(settings.data)
    options = {option.name: option for option in loader.options}
    for name, value in settings.options.items():
        if name in options:
            options[name].check(value)
        elif value is not None:
            owners = [other.name for other in get_loaders() if name in [option.name for option in other.options]]
            only = f"only for {' or '.join(owners)}" if owners else "no such option"
            raise UsageError(f"{name}: {only}. Omit it for {settings.data}")
    from pellucid.data.errors import DataError

    with report_damage(DataError, settings.data, passing=(UsageError,)):
        stored = loader.load_stored(settings, folder) if loader.load_stored else None
        return loader.load(settings) if stored is None else stored
