"""NPZ files from untrusted sources."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pellucid.data.errors import DataError
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.budget import DEFAULT_MAX_BYTES, UNCOMPRESSED_REMEDY, MemoryBudget
from pellucid.untrusted_files.npz import parse_npz
from pellucid.untrusted_files.reading import open_regular_file


def read_npz(path: FilePath, *, max_bytes: int = DEFAULT_MAX_BYTES) -> dict[str, Array]:
    """Read the arrays of an NPZ file.

    Untrusted files are safe to read: headers are checked before memory is allocated, and no pickled object is loaded.

    Parameters
    ----------
    path : str or Path
        The file.
    max_bytes : int
        Maximum number of bytes of all arrays, or the size of the file if that is larger: a small file can be compressed
        gigabytes.

    Returns
    -------
    dict from str to ndarray
        Arrays of numbers, booleans or strings.

    Raises
    ------
    DataError
        If the file does not exist, is damaged or is no NPZ file, an array has Python objects, or the arrays take more
        than ``max_bytes``; the message names the file and the array.

    Examples
    --------
    >>> np.savez("points.npz", x=np.ones((3, 2)), y=np.array([0, 1, 0]))
    >>> {name: array.shape for name, array in read_npz("points.npz").items()}
    {'x': (3, 2), 'y': (3,)}
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file; expected an NPZ file, as numpy.savez writes it.")
    try:
        with open_regular_file(path, DataError) as (file, size):
            if not zipfile.is_zipfile(file):
                raise DataError(
                    f"{path}: expected an NPZ file, as numpy.savez writes it, received another kind of file."
                )
            return parse_npz(
                file, DataError, path, MemoryBudget(max(max_bytes, size), DataError, path, UNCOMPRESSED_REMEDY)
            )
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
