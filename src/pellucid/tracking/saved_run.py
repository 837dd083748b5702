"""A saved run: its record, settings and history, read from its folder."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pellucid.data.errors import DataError
from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.tracking.result import Score
from pellucid.tracking.run_folder import CONFIG, HISTORY, RECORD
from pellucid.untrusted_files.reading import read_regular_file, report_damage

UNFINISHED = "unfinished"
"""Status of a run without a record, which is still running or was killed."""

DAMAGED = "damaged"
"""Status of a run whose record cannot be read."""


@dataclass(frozen=True)
class SavedRun:
    """A run in a folder.

    Attributes
    ----------
    folder : Path
        The folder.
    status : str
        ``"finished"``, ``"interrupted"``, ``"failed"``, ``"unfinished"`` (no record: running or killed) or
        ``"damaged"``.
    name : str
        ``"train"``, or the name of an experiment of the course.
    data, network : str
        Data and network; empty if unknown.
    epochs : int or None
        Number of finished epochs.
    score, baseline : Score or None
        Result and baseline with their names.
    seconds : float or None
        Duration.
    date : datetime
        When the record was written, or else the settings.
    metrics : dict from str to float
        Metrics on the test set.
    record : mapping
        The content of ``record.json``; empty without one.
    """

    folder: Path
    status: str
    name: str
    data: str
    network: str
    epochs: int | None
    score: Score | None
    baseline: Score | None
    seconds: float | None
    date: datetime
    metrics: Mapping[str, float]
    record: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the cells of the table as values, and all metrics."""
        return {
            "folder": str(self.folder),
            "status": self.status,
            "name": self.name,
            "data": self.data,
            "network": self.network,
            "epochs": self.epochs,
            "score": vars(self.score) if self.score else None,
            "baseline": vars(self.baseline) if self.baseline else None,
            "seconds": self.seconds,
            "date": self.date.isoformat(timespec="seconds"),
            "metrics": self.metrics,
        }

    def read_settings(self) -> dict[str, Any]:
        """Return the settings that determine the run as ``section.key``: those of its TOML file, or of its record."""
        file = self.folder / CONFIG
        if not file.is_file():
            seed = {"seed": self.record["seed"]} if "seed" in self.record else {}
            return {**seed, **flatten(self.record.get("parameters", {}))}
        with report_damage(DataError, file):
            table = tomllib.loads(read_regular_file(file, DataError).decode())
            return flatten({key: value for key, value in table.items() if key not in ("pellucid", "computed")})

    def read_history(self) -> dict[str, list[str]]:
        """Return the columns of the history as text, with all digits; empty without a history."""
        file = self.folder / HISTORY
        if not file.is_file():
            return {}
        with report_damage(DataError, file):
            header, *rows = csv.reader(read_regular_file(file, DataError).decode().splitlines())
            return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def flatten(table: Mapping[str, Any] | Sequence[Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables and lists of tables as one table.

    Examples
    --------
    >>> flatten({"seed": 0, "layers": [{"units": 8}], "metrics": ["mae"]})
    {'seed': 0, 'layers[0].units': 8, 'metrics': ['mae']}
    """
    found: dict[str, Any] = {}
    items: Iterable[tuple[str, Any]] = (
        ((f"{prefix}.{key}" if prefix else str(key), value) for key, value in table.items())
        if isinstance(table, Mapping)
        else ((f"{prefix}[{number}]", value) for number, value in enumerate(table))
    )
    for name, value in items:
        is_list_of_tables = isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value)
        if isinstance(value, Mapping) or is_list_of_tables:
            found |= flatten(value, name)
        else:
            found[name] = value
    return found


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run."""
    return (folder / RECORD).is_file() or (folder / CONFIG).is_file()


def find_runs(folder: Path) -> list[SavedRun]:
    """Return the runs in a folder and its subfolders, in the order of their numbers; a run may be the folder itself.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    if not folder.is_dir():
        parent = folder.parent
        siblings = [str(parent / each.name) for each in parent.iterdir() if each.is_dir()] if parent.is_dir() else []
        raise UsageError(f"{folder}: there is no such folder.{near_miss(str(folder), siblings)}".removesuffix("."))
    found = []
    for current, subfolders, files in os.walk(folder):
        if RECORD in files or CONFIG in files:
            found.append(Path(current))
            subfolders.clear()
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
    return [read_run(each) for each in sorted(found, key=make_natural_key)]


def make_natural_key(folder: Path) -> list[tuple[int, int, str]]:
    """Return a key that sorts 2 before 10.

    Examples
    --------
    >>> [str(each) for each in sorted([Path("runs/10"), Path("runs/2"), Path("runs/moons-1")], key=make_natural_key)]
    ['runs/2', 'runs/10', 'runs/moons-1']
    """
    parts = re.findall(r"\d+|\D+", str(folder))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def read_run(folder: Path) -> SavedRun:
    """Read the record of a run; damaged ones are runs too."""
    record: Mapping[str, Any] = {}
    status = UNFINISHED
    file = folder / RECORD
    if file.is_file():
        try:
            with report_damage(DataError, file):
                record = json.loads(read_regular_file(file, DataError))
                return make_run(folder, str(record["status"]), record, file)
        except DataError:
            status, record = DAMAGED, {}
    return make_run(folder, status, record, file if file.is_file() else folder / CONFIG)


def make_run(folder: Path, status: str, record: Mapping[str, Any], file: Path) -> SavedRun:
    measures, parameters = record.get("measures", {}), record.get("parameters", {})
    settings = {} if record else read_basic_settings(folder)
    test = measures.get("test", {})
    return SavedRun(
        folder=folder,
        status=status,
        name=str(record.get("name", "")),
        data=str(parameters.get("data") or settings.get("data", "")),
        network=str(measures.get("model") or parameters.get("model") or settings.get("network", "")),
        epochs=measures.get("epochs") if record and "epochs" in measures else count_epochs(folder),
        score=make_score(record.get("result")),
        baseline=make_score(record.get("baseline")),
        seconds=float(record["seconds"]) if "seconds" in record else None,
        date=datetime.fromtimestamp(file.stat().st_mtime),
        metrics={name: float(value) for name, value in test.items() if is_number(value)},
        record=record,
    )


def make_score(value: Mapping[str, Any] | None) -> Score | None:
    """Return a score of a record; its number is a text where JSON has none, such as nan."""
    if value is None:
        return None
    interval = value.get("interval")
    return Score(str(value["label"]), value["value"], None if interval is None else (interval[0], interval[1]))


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_basic_settings(folder: Path) -> dict[str, str]:
    """Return data and network of a run without a record, from its TOML file as far as it can be read."""
    try:
        table = tomllib.loads((folder / CONFIG).read_text("utf-8"))
        return {"data": str(table["data"]["source"]), "network": str(table["model"]["name"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def count_epochs(folder: Path) -> int | None:
    try:
        return max(0, len((folder / HISTORY).read_text("utf-8").splitlines()) - 1)
    except (OSError, ValueError):
        return None
