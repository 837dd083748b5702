"""Writes that are whole or not there at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def sibling_folder(target: Path) -> Iterator[Path]:
    """Lend an empty folder beside `target`, on the same disk, and clear it away unless it was renamed.

    Parameters
    ----------
    target : Path
        The place that what is written shall take at the end, by a rename.

    Yields
    ------
    Path
        The empty folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
