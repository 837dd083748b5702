"""NPZ files from untrusted sources."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError

MAXIMUM_ARRAY_BYTES = 16 * 2**30
KINDS = "biufcSU"
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def read_npz(path: str | Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of an NPZ file.

    Untrusted files are safe to read: headers are checked before memory is allocated, and no pickled object is loaded.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict from str to ndarray
        Arrays of numbers, booleans or strings.

    Raises
    ------
    DataError
        If the file does not exist, is damaged or is no NPZ file, or an array has Python objects; the message names the
        file and the array.

    Examples
    --------
    >>> np.savez("points.npz", x=np.ones((3, 2)), y=np.array([0, 1, 0]))
    >>> {name: array.shape for name, array in read_npz("points.npz").items()}
    {'x': (3, 2), 'y': (3,)}
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected an NPZ file, as numpy.savez writes it.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: expected an NPZ file, as numpy.savez writes it, received another kind of file.")
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename.removesuffix(".npy"): _read_array(archive, member, path)
                for member in archive.infolist()
                if not member.is_dir()
            }
    except DAMAGE as error:
        raise DataError(f"{path}: the file is damaged ({error}); write it again.") from error


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> npt.NDArray[Any]:
    """Read one array after checking its header against the size of the archive member."""
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                raise ValueError(f"version {version}")
            shape, _, dtype = read_header(file)
        except DAMAGE:
            raise
        except Exception as error:  # NumPy evaluates headers as Python literals, which raise any kind of error
            raise DataError(
                f"{path}: {name!a} is not a NumPy array ({error}); write the file with numpy.savez."
            ) from error
        if dtype.hasobject:
            raise DataError(
                f"{path}: {name!a} has Python objects, which can run code when they are loaded; expected numbers or "
                "strings. Save it with one dtype, such as np.array(values, dtype='float32')."
            )
        if dtype.kind not in KINDS or dtype.names is not None:
            raise DataError(f"{path}: expected numbers or strings in {name!a}, received dtype {dtype}.")
        size = math.prod(shape) * dtype.itemsize
        if size > MAXIMUM_ARRAY_BYTES or size > member.file_size:
            raise DataError(
                f"{path}: the header of {name!a} declares {size:,} bytes and the file has {member.file_size:,}; "
                f"expected equal numbers, at most {MAXIMUM_ARRAY_BYTES:,}. Write the file again."
            )
    with archive.open(member) as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array
