"""The folder of a run: made new, and taken away again where the run could not begin."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.runner.record import FILE

RUNS = Path("runs")


def new_folder(out: Path | None, name: str = "") -> Path:
    """Make and return the folder for a run: ``out``, or the first free ``runs/NAME-1``, ``runs/NAME-2``, ...

    Without a name they are ``runs/1``, ``runs/2``, ...

    Raises
    ------
    UsageError
        If ``out`` is there already and holds something, for a run never writes over anything; or if it cannot be made.
    """
    try:
        if out is None:
            return _numbered_folder(RUNS, name)
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out: expected a folder; {out} is a file. Choose another folder")
        if out.is_dir() and any(out.iterdir()):
            raise UsageError(f"--out: expected a new or empty folder; {out} holds files already. Choose another folder")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(out or RUNS, error) from error
    if not os.access(out, os.W_OK):
        raise not_writable(out, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return out


def not_writable(folder: Path, error: OSError) -> UsageError:
    """Return the error that says that nothing can be written in ``folder``."""
    return UsageError(f"--out: cannot write in {folder} ({error.strerror}). Choose another folder")


def standing(out: Path | None) -> Path:
    """Return the nearest folder on the way to ``out`` that is there already; see `discard`."""
    goal = RUNS if out is None else out
    return next((place for place in (goal, *goal.parents) if place.is_dir()), goal)


def discard(folder: Path, stays: Path, files: Iterable[str] = (FILE,)) -> None:
    """Remove the files of a run that could not begin, and the folders that were made for it, up to ``stays``."""
    for file in files:
        (folder / file).unlink()
    while folder != stays and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _numbered_folder(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (f"{name}-{number}" if name else str(number))
        try:
            # Making it is the test of its being free, so that two runs at once never share one.
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder
