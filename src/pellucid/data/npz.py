"""NPZ files, as `numpy.savez` writes them, read without trusting them: no pickled objects, no memory for nothing."""

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
    """Read the arrays of an NPZ file by their names.

    The file is not trusted: headers are checked before anything is allocated, and nothing in it is ever run.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict from str to ndarray
        Arrays of numbers, truth values or texts.

    Raises
    ------
    DataError
        Where there is no such file, it is damaged or no NPZ file, or an array holds Python objects; names the file and
        the array.

    Examples
    --------
    >>> np.savez("points.npz", x=np.ones((3, 2)), y=np.array([0, 1, 0]))
    >>> {name: array.shape for name, array in read_npz("points.npz").items()}
    {'x': (3, 2), 'y': (3,)}
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; expected an NPZ file, as numpy.savez writes it.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: expected an NPZ file, as numpy.savez writes it, received another kind of file.")
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename.removesuffix(".npy"): read_member(archive, member, path)
                for member in archive.infolist()
                if not member.is_dir()
            }
    except DAMAGE as error:
        raise DataError(f"{path}: the file is damaged ({error}); write it again.") from error


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> npt.NDArray[Any]:
    """Read one array, once its header has been found to promise what is there."""
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
        except Exception as error:  # NumPy reads headers as Python's literals, which raise nearly anything
            raise DataError(
                f"{path}: {name!a} is no array of NumPy ({error}); write the file by numpy.savez."
            ) from error
        if dtype.hasobject:
            raise DataError(
                f"{path}: {name!a} holds Python objects, which could run a program when they are read; expected "
                "numbers or texts. Save it as an array of one dtype, such as np.array(values, dtype='float32')."
            )
        if dtype.kind not in KINDS or dtype.names is not None:
            raise DataError(f"{path}: expected {name!a} to hold numbers or texts, received dtype {dtype}.")
        size = math.prod(shape) * dtype.itemsize
        if size > MAXIMUM_ARRAY_BYTES or size > member.file_size:
            raise DataError(
                f"{path}: {name!a} promises {size:,} bytes and has {member.file_size:,}; expected as many, and at most "
                f"{MAXIMUM_ARRAY_BYTES:,}. Write the file again."
            )
    with archive.open(member) as file:
        found: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found
