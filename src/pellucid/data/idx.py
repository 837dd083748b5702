"""The IDX file format of MNIST: a header and one array, often compressed with gzip.

The header is two zero bytes, a dtype code, the number of dimensions, and each dimension as a big-endian 32-bit integer.
The elements follow in C order, big-endian.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.data.errors import DataError
from pellucid.typing import Array, ArrayLike, FilePath
from pellucid.untrusted_files.budget import DEFAULT_MAX_BYTES, UNCOMPRESSED_REMEDY, MemoryBudget
from pellucid.untrusted_files.reading import read_regular_file, report_damage

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CODES = {np.dtype(spelling).newbyteorder("="): code for code, spelling in DTYPES.items()}
MAXIMUM_ELEMENTS = 2**31
MAXIMUM_DIMENSIONS = 8  # bounds the header; nothing in use has more than four


class Header(NamedTuple):
    """The header of an IDX file; ``size`` is its own length in bytes."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int

    @property
    def end(self) -> int:
        """Length of the whole file in bytes."""
        return self.size + math.prod(self.shape) * self.dtype.itemsize


def read_idx(path: FilePath, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Array:
    """Read the array of an IDX file, compressed with gzip or not.

    Untrusted files are safe to read: the header is checked first and bounds the memory that is allocated.

    Parameters
    ----------
    path : str or Path
        The file.
    max_bytes : int
        Maximum number of bytes of the array, or the size of the file if that is larger.

    Returns
    -------
    ndarray
        The array in native byte order; read-only.

    Raises
    ------
    DataError
        If the file does not exist, is damaged or is no IDX file, or the array takes more than ``max_bytes``; the
        message names the file and the byte.

    Examples
    --------
    >>> write_idx("three.idx.gz", np.array([1, 2, 3], "uint8"))
    >>> read_idx("three.idx.gz")
    array([1, 2, 3], dtype=uint8)

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", file formats.
    """
    path = Path(path)
    try:
        content = read_regular_file(path, DataError)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); expected an IDX file there.") from error
    with report_damage(DataError, path):
        return parse_idx(content, str(path), max_bytes)


def parse_idx(content: bytes, name: str, max_bytes: int = DEFAULT_MAX_BYTES) -> Array:
    """Parse the content of an IDX file; ``name`` is for messages.

    The array is read-only, and a view of ``content`` if the bytes need no swapping.

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "two")
    array([7, 9], dtype=uint8)
    """
    start = _decompress(content, 4 + 4 * MAXIMUM_DIMENSIONS, name)
    header = _parse_header(start, name)
    if math.prod(max(1, length) for length in header.shape) > MAXIMUM_ELEMENTS:
        raise DataError(
            f"{name}: expected at most {MAXIMUM_ELEMENTS} elements, received shape {header.shape} at byte 4; "
            "the header is damaged."
        )
    budget = MemoryBudget(max(max_bytes, len(content)), DataError, name, UNCOMPRESSED_REMEDY)
    budget.spend(header.end, f"the array of shape {header.shape}")
    whole = _decompress(content, header.end + 1, name)  # one extra byte reveals trailing data
    if len(whole) != header.end:
        received = f"only {len(whole)}" if len(whole) < header.end else "more"
        raise DataError(
            f"{name}: expected {header.end} bytes for shape {header.shape} of {header.dtype.name}, received "
            f"{received}; the file is damaged, download it again."
        )
    array = np.frombuffer(whole, header.dtype, offset=header.size).reshape(header.shape)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
        array.flags.writeable = False
    return array


def write_idx(path: FilePath, array: ArrayLike) -> None:
    """Write an array as an IDX file, compressed with gzip if the name ends in ``.gz``.

    Parameters
    ----------
    path : str or Path
        The file; an existing file is replaced in one step.
    array : array_like
        1 to 8 dimensions, and dtype uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    DataError
        If the format does not support the dtype or the number of dimensions.

    Examples
    --------
    >>> write_idx("table.idx", np.zeros((2, 3), "float32"))
    >>> read_idx("table.idx").shape
    (2, 3)
    """
    path, array = Path(path), np.asarray(array)
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        allowed = ", ".join(dtype.name for dtype in CODES)
        raise DataError(f"{path}: IDX has no code for {array.dtype}; convert to one of {allowed}.")
    if not 1 <= array.ndim <= MAXIMUM_DIMENSIONS:
        raise DataError(f"{path}: expected 1 to {MAXIMUM_DIMENSIONS} dimensions, received {array.ndim}.")
    content = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content += array.astype(DTYPES[code]).tobytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # without the time, equal arrays make equal files
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content)


def _decompress(content: bytes, limit: int, name: str) -> bytes:
    """Return at most `limit` bytes of the content, decompressed if it is gzip."""
    if not content.startswith(b"\x1f\x8b"):
        return content[:limit]
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        start = stream.decompress(content, limit)
    except zlib.error as error:
        raise DataError(f"{name}: its compressed bytes are damaged ({error}); download the file again.") from error
    if len(start) < limit and not stream.eof:
        raise DataError(f"{name}: its compressed bytes end too early, at {len(content)}; download the file again.")
    if stream.unused_data:
        raise DataError(
            f"{name}: {len(stream.unused_data)} bytes follow the end of the compressed part; download the file again."
        )
    return start


def _parse_header(start: bytes, name: str) -> Header:
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError(f"{name}: expected two zero bytes at byte 0, received {start[:2]!r}; this is no IDX file.")
    code, dimensions = start[2], start[3]
    if code not in DTYPES:
        allowed = ", ".join(f"0x{known:02x}" for known in DTYPES)
        raise DataError(f"{name}: expected a dtype code at byte 2 ({allowed}), received 0x{code:02x}.")
    if not 1 <= dimensions <= MAXIMUM_DIMENSIONS:
        raise DataError(f"{name}: expected 1 to {MAXIMUM_DIMENSIONS} dimensions at byte 3, received {dimensions}.")
    size = 4 + 4 * dimensions
    if len(start) < size:
        raise DataError(f"{name}: expected {dimensions} dimensions up to byte {size}, but it ends at {len(start)}.")
    shape = tuple(int(length) for length in np.frombuffer(start, ">u4", dimensions, offset=4))
    return Header(np.dtype(DTYPES[code]), shape, size)
