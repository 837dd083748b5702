"""Temporary files without a name: the system frees their space even if the process is killed."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path

from pellucid.atomic_write import explain_write_errors
from pellucid.data.errors import DataError

SPARE_BYTES = 256 * 2**20
"""Disk space that is left free."""


def open_temporary_file(folder: Path | None) -> tuple[ClosingFile, Path]:
    """Return a new file without a name, with its folder; by default the one of the system for temporary files."""
    place = Path(tempfile.gettempdir()) if folder is None else folder
    with explain_write_errors(place), tempfile.TemporaryFile(dir=place, buffering=0) as file:
        return ClosingFile(os.dup(file.fileno()), "rb+"), place


class ClosingFile(io.FileIO):
    """A file that is closed when it is no longer used, without a warning."""

    def __del__(self) -> None:
        self.close()


def check_free_space(folder: Path | None, number: int, what: str, remedy: str) -> None:
    """Raise `DataError` if a disk has no space for this many bytes."""
    place = Path(tempfile.gettempdir()) if folder is None else folder
    free = shutil.disk_usage(place).free - SPARE_BYTES
    if number > free:
        raise DataError(
            f"{what} take {format_bytes(number)} in a temporary file in {place}, where {format_bytes(max(0, free))} "
            f"can be used. {remedy}"
        )


def format_bytes(number: int) -> str:
    """Return a number of bytes for printing.

    Examples
    --------
    >>> format_bytes(153_600_000), format_bytes(2_500_000_000)
    ('154 MB', '2.5 GB')
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
