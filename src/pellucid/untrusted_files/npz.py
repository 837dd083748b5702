"""Arrays of an NPZ file, whose headers are checked before memory is allocated. No pickled object is loaded."""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO, Any

import numpy as np

from pellucid.typing import Array
from pellucid.untrusted_files.budget import MemoryBudget
from pellucid.untrusted_files.reading import ErrorClass, report_damage, shorten

KINDS = "biufcSU"
"""Kinds of dtypes that are read: numbers, booleans and strings."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that NumPy writes. Others may allocate gigabytes before the first byte."""

MAX_DIMENSIONS = 64


def parse_npz(content: IO[bytes], error: ErrorClass, file: Any, budget: MemoryBudget) -> dict[str, Array]:
    """Return the arrays of an NPZ file by name.

    Raises
    ------
    error
        If the file is damaged or no NPZ file, if a member is not an array of numbers or strings, or if the arrays
        take more memory than the budget. The message names the file and the array.
    """
    found: dict[str, Array] = {}
    with report_damage(error, file), zipfile.ZipFile(content) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if member.is_dir():
                continue
            if name in found:
                raise error(f"{file}: it has two arrays of the name {shorten(ascii(name))}")
            with report_damage(error, file, shorten(ascii(name))):
                found[name] = read_member(archive, member, error, file, budget)
    return found


def read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, error: ErrorClass, file: Any, budget: MemoryBudget
) -> Array:
    name = shorten(ascii(member.filename.removesuffix(".npy")))
    if member.flag_bits & 1 or member.compress_type not in METHODS:
        raise error(f"{file}: {name} is encrypted, or compressed by another method than deflate")
    with archive.open(member) as stream:
        shape, fortran_order, dtype = read_header(stream, name, error, file)
        size = math.prod(shape) * dtype.itemsize
        if size > member.file_size:
            raise error(
                f"{file}: the header of {name} declares {size:,} bytes and the file has {member.file_size:,}; expected "
                "equal numbers. Write the file again."
            )
        budget.spend(size, f"the array {name}")
        content = stream.read(size)
        if len(content) != size or stream.read(1):  # reading to the end verifies the checksum
            raise error(f"{file}: {name} has fewer or more bytes than its header declares. Write the file again.")
    flat = np.frombuffer(bytearray(content), dtype) if dtype.itemsize else np.zeros(math.prod(shape), dtype)
    return flat.reshape(shape[::-1]).T if fortran_order else flat.reshape(shape)


def read_header(
    stream: IO[bytes], name: str, error: ErrorClass, file: Any
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and dtype of an array; refuse Python objects and impossible shapes."""
    start = stream.read(10)
    start += stream.read(2 if start[6:7] == b"\2" else 0)
    header = start[8:] + stream.read(int.from_bytes(start[8:], "little"))
    with report_damage(error, file, f"{name} is not a NumPy array; write the file with numpy.savez"):
        version = np.lib.format.read_magic(io.BytesIO(start))
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version}")
        shape, fortran_order, dtype = readers[version](io.BytesIO(header))
    if dtype.hasobject:
        raise error(
            f"{file}: {name} has Python objects, which can run code when they are loaded; expected numbers or strings. "
            "Save it with one dtype, such as np.array(values, dtype='float32')."
        )
    if dtype.kind not in KINDS or dtype.names is not None or dtype.subdtype is not None:
        raise error(f"{file}: expected numbers or strings in {name}, received dtype {shorten(str(dtype))}.")
    is_possible = all(type(length) is int and 0 <= length < 2**62 for length in shape) and len(shape) <= MAX_DIMENSIONS
    if not is_possible:
        raise error(f"{file}: {name} has the shape {shorten(str(shape))}, which no array has. Write the file again.")
    return shape, fortran_order, dtype
