"""The folder of a run: created empty, and removed again if the run leaves nothing in it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pellucid.tracking.errors import UsageError

RUNS = Path("runs")
CONFIG, RECORD, HISTORY = "experiment.toml", "record.json", "history.csv"
MODEL, DATA, CHECKPOINT = "model.pel", "data.json", "checkpoint"
"""Names of the files of a run: settings, record, losses and metrics; network, description of the data, train state."""


@contextmanager
def open_run_folder(out: Path | None, name: str = "") -> Iterator[Path]:
    """Create the folder of a run; on exit, remove it and the parents that were created for it if they are empty."""
    goal = RUNS if out is None else out
    existing = next((folder for folder in (goal, *goal.parents) if folder.is_dir()), goal)
    folder = create_run_folder(out, name)
    try:
        yield folder
    finally:
        while folder != existing and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def create_run_folder(out: Path | None, name: str = "") -> Path:
    """Create and return the folder of a run: ``out``, or the first free of ``runs/NAME-1``, ``runs/NAME-2``, ...

    Without a name they are ``runs/1``, ``runs/2``, ... Raises `UsageError` if ``out`` is not empty, so that no run
    overwrites another, or cannot be created.
    """
    try:
        if out is None:
            return _create_numbered_folder(RUNS, name)
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out: expected a folder; {out} is a file. Choose another folder")
        if out.is_dir() and any(out.iterdir()):
            raise UsageError(f"--out: expected a new or empty folder; {out} is not empty. Choose another folder")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise make_write_error(out or RUNS, error) from error
    if not os.access(out, os.W_OK):
        raise make_write_error(out, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return out


def make_write_error(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"--out: cannot write to {folder} ({error.strerror}). Choose another folder")


def _create_numbered_folder(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (f"{name}-{number}" if name else str(number))
        try:
            # mkdir itself tests whether the name is free, so that two concurrent runs never share a folder.
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder
