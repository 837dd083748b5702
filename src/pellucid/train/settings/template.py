"""Template of an experiment file: every setting with its default and an explanation."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid.inspect.source_export.model_to_toml import format_value
from pellucid.tracking.errors import UsageError
from pellucid.tracking.parameters import Parameter
from pellucid.train.read.loaders import find_loader, get_built_in_names, get_loaders
from pellucid.train.settings.experiment_table import escape_variables
from pellucid.train.settings.settings import PARAMETERS
from pellucid.train.settings.toml_reader import DATA_KEYS, FINE_TUNING_KEYS, FORMAT, SWEEP_KEYS, TRAINING_KEYS

EXAMPLE_DATA = "moons"
"""Data of a template for which none are named: a small built-in data set, so that the file runs."""

WRITTEN_BY_RUNS = ("checksum", "weights_checksum")
"""Settings that only the file of a finished run has."""

WIDTH = 100

MODEL = (
    "Network: linear, mlp, ensemble or cnn (default: cnn for images, ensemble for tables and vectors, otherwise mlp). "
    "For other layers remove the line and append [[layers]] tables, such as those in the experiment.toml of a run."
)

SOURCE = (
    "Folder or zip archive of images, table, .npz file with arrays x and y, or a built-in name: {names}. A path is "
    "relative to the folder of this file."
)


def write_template(data: str | None, path: Path) -> str:
    """Return an experiment file that trains like ``pellucid train DATA`` without options.

    Parameters
    ----------
    data : str, optional
        Data as for `Settings`; by default a built-in data set.
    path : Path
        Where the file will be, to which the path of the data is relative.

    Returns
    -------
    str
        The content of the file. Settings whose default depends on the data are comments.

    Raises
    ------
    UsageError
        If there are no such data.

    Examples
    --------
    >>> lines = write_template(None, Path("experiment.toml")).splitlines()
    >>> [line for line in lines if line.startswith(("source", "validation_split", "# epochs ="))]
    ['source = "moons"', 'validation_split = 0.15', '# epochs = (an integer, 1 or more)']
    """
    source = EXAMPLE_DATA if data is None else find_source(data, path)
    loader = find_loader(data or EXAMPLE_DATA)
    others = [other for other in get_loaders() if other is not loader]
    lines = [
        f"# Experiment. Train it: pellucid train {path.name}",
        "# A setting that is a comment has the default that the text above it names. Remove the # to set it.",
        "",
        f"pellucid = {FORMAT}  # the version of this format",
        *write_setting(PARAMETERS["model"], MODEL),
        *write_setting(PARAMETERS["loss"]),
        "",
        "[data]",
        *write_comment(SOURCE.format(names=", ".join(get_built_in_names()))),
        f"source = {format_value(escape_variables(source))}",
    ]
    for option in loader.options:
        lines += write_setting(option)
    for other in others:
        for option in other.options:
            lines += write_setting(option, f"Only for {other.name}: {option.description}")
    lines += write_settings(DATA_KEYS)
    lines += ["", "[optimizer]", *write_comment(PARAMETERS["optimizer"].description), '# kind = "adam"']
    lines += write_setting(PARAMETERS["learning_rate"])
    lines += ["", "[training]", *write_settings(TRAINING_KEYS)]
    lines += ["", "[fine_tuning]", *write_settings(FINE_TUNING_KEYS), "", "[sweep]"]
    for key, name in SWEEP_KEYS.items():
        lines += write_setting(replace(PARAMETERS[name], name=key))
    return "\n".join(lines) + "\n"


def find_source(data: str, path: Path) -> str:
    """Return data as the file names them: a built-in name, or a path relative to the file."""
    if data.endswith(".toml"):
        raise UsageError(f"{data}: expected data, such as a folder of images or a table; received an experiment file")
    find_loader(data)  # raises an error if there are no such data
    if data in get_built_in_names():
        return data
    try:
        return Path(os.path.relpath(data, path.parent)).as_posix()
    except ValueError:  # on another drive
        return str(Path(data).resolve())


def write_settings(names: Iterable[str]) -> list[str]:
    return [line for name in names if name not in WRITTEN_BY_RUNS for line in write_setting(PARAMETERS[name])]


def write_setting(parameter: Parameter, description: str = "") -> Iterator[str]:
    r"""Yield an explanation, and the setting with its default; a comment if the default depends on the data.

    Examples
    --------
    >>> print("\n".join(write_setting(PARAMETERS["patience"])))
    <BLANKLINE>
    # Stop after this many epochs without a lower validation loss, 0 for never (default: never for cnn,
    # a quarter of the epochs for ensemble, otherwise a tenth, at least 5).
    # patience = (an integer, 0 or more)
    """
    default: Any = parameter.default
    text = description or parameter.description
    yield ""
    if default is None:
        yield from write_comment(text)
        yield f"# {parameter.name} = ({parameter.expected})"
        return
    expected = f" Expected {parameter.expected}." if parameter.range else ""
    yield from write_comment(f"{text}{expected}")
    yield f"{parameter.name} = {format_value(default)}"


def write_comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]
