"""The file itself: a safetensors file whose metadata are JSON, with a checksum over everything else in it.

Any program that reads safetensors reads the values. What is written is whole or not there: it goes to another file
beside it, which takes its place once it is on the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.types import as_dtype

Array = np.ndarray[Any, Any]

FORMAT = 1
"""The version of the file; it grows when older programs would misread what newer ones write."""

LARGEST_HEADER = 100_000_000
"""The greatest header in bytes that is believed, as in safetensors itself."""

NOTHING = "0" * 64
"""What stands in the place of the checksum while it is computed."""

DTYPES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16",
    "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16",
}  # fmt: skip
"""Dtypes by safetensors' names of them."""

BEGINNINGS = {
    b"PK\x03\x04": "a zip archive, as .keras and .npz files are; model.load_weights reads those",
    b"\x89HDF\r\n": "an HDF5 file, as Keras wrote before .keras; save it as .keras, which model.load_weights reads",
    b"\x80": "perhaps a pickle, which pellucid never reads, since reading one runs its code",
}


def write(path: Any, kind: str, data: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write one file, in the place of an older one if there is one.

    Parameters
    ----------
    path : str or path
        Where to.
    kind : str
        What the file holds.
    data : dict
        What JSON can hold.
    arrays : dict from str to array
        The values.

    Raises
    ------
    OSError
        If it cannot be written; an older file is as it was then.
    """
    from safetensors.numpy import save

    told = {"checksum": NOTHING, "format": FORMAT, "kind": kind, "version": version(), "arrays": list(arrays), **data}
    text = json.dumps(told, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    values = {key: np.array(value, order="C", copy=True) for key, value in arrays.items()}
    made = save(values, metadata={"pellucid": text})
    start = place_of_checksum(made)
    checksum = hashlib.sha256(made).hexdigest().encode()
    replace_file(Path(path), made[:start] + checksum + made[start + len(NOTHING) :])


def version() -> str:
    """Return the version of pellucid."""
    return str(sys.modules["pellucid"].__version__)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole, or leave what is there: beside it, to the disk, and then in its place."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # so that the new name, too, outlives a loss of power
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: Any, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a file that `write` wrote, and refuse any other, or one that is not as it was written.

    Returns
    -------
    data : dict
    arrays : dict from str to array

    Raises
    ------
    StorageError
        For a file that is damaged, foreign, of a later format, or of another kind, with the reason.
    OSError
        If it cannot be read at all.
    """
    path = Path(path)
    try:
        content = whole(path)
        data = told(content)
        start = place_of_checksum(content)
        blank = content[:start] + NOTHING.encode() + content[start + len(NOTHING) :]
        if hashlib.sha256(blank).hexdigest() != data["checksum"]:
            raise StorageError("it is damaged: its content does not have the checksum that was written")
        arrays = in_order(data.get("arrays"), arrays_of(content))
    except StorageError as error:
        raise StorageError(f"{path} is not read: {error}") from error
    except RecursionError as error:
        raise StorageError(f"{path} is not read: its metadata are lists in lists without end") from error
    if data["kind"] != kind:
        raise StorageError(f"{path} holds {data['kind']}. Received: a call for {kind}; {READERS.get(data['kind'], '')}")
    return data, arrays


def whole(path: Path) -> bytes:
    """Return the content of a file, of which no more is read than its header says that there is.

    Raises
    ------
    StorageError
        If there is more of it, or less.
    """
    if path.exists() and not path.is_file():
        raise StorageError("it is no file")
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(8)
        length = min(int.from_bytes(begin, "little"), LARGEST_HEADER)
        begin += file.read(min(length, size))
        missing = size - len(begin) - bytes_of_arrays(header_of(begin))
        if missing:
            some = "it is cut off: it lacks" if missing < 0 else "there is something behind its end:"
            raise StorageError(f"{some} {abs(missing)} bytes")
        return begin + file.read()


def in_order(names: Any, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return arrays in the order in which they were given, which safetensors does not keep."""
    if not isinstance(names, list) or set(map(str, names)) != set(arrays):
        raise StorageError("its metadata are damaged: they name other arrays than there are")
    return {name: arrays[name] for name in names}


READERS = {
    "a model": "pel.load_model reads it",
    "expressions": "pel.load reads it",
    "weights": "model.load_weights reads it",
    "a training state": "the BackupAndRestore that wrote it reads it",
}
"""What reads a file of which kind."""


def header_of(content: bytes) -> dict[str, Any]:
    """Return the header of a safetensors file, or say what the file is instead."""
    size = int.from_bytes(content[:8], "little")
    if not (2 <= size <= LARGEST_HEADER and content[8:9] in (b"{", b"")):
        what = next((what for beginning, what in BEGINNINGS.items() if content.startswith(beginning)), None)
        raise StorageError(f"it is no .pel file{f', but {what}' if what else '; it does not begin as one does'}")
    if len(content) < 8 + size:
        raise StorageError("it is cut off, or no .pel file")
    try:
        header = json.loads(content[8 : 8 + size])
    except ValueError as error:
        raise StorageError(f"its header is damaged: {error}") from error
    if not isinstance(header, dict):
        raise StorageError("it is no .pel file; its header holds no names")
    return header


def bytes_of_arrays(header: Mapping[str, Any]) -> int:
    """Return how many bytes the arrays take, as a header has it."""
    entries = [entry for key, entry in header.items() if key != "__metadata__"]
    try:
        return max((entry["data_offsets"][1] for entry in entries), default=0) + 0
    except (KeyError, IndexError, TypeError) as error:
        raise StorageError("its header is damaged: it does not say where its arrays are") from error


def told(content: bytes) -> dict[str, Any]:
    """Return what the metadata say, if it is of a format that is known."""
    metadata = header_of(content).get("__metadata__")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("pellucid"), str):
        raise StorageError("it is a safetensors file of some other program; model.load_weights reads arrays from it")
    try:
        data = json.loads(metadata["pellucid"])
    except ValueError as error:
        raise StorageError(f"its metadata are damaged: {error}") from error
    if not isinstance(data, dict) or type(data.get("format")) is not int or not isinstance(data.get("kind"), str):
        raise StorageError("its metadata are damaged: they lack the format and the kind")
    if data["format"] != FORMAT:
        raise StorageError(
            f"it has format {data['format']}, written by pellucid {data.get('version')}. This is pellucid "
            f"{version()}, which reads format {FORMAT}; update pellucid"
        )
    return data


def place_of_checksum(content: bytes) -> int:
    """Return where the checksum stands in a file, which has one place for it."""
    end = 8 + int.from_bytes(content[:8], "little")
    found = list(re.finditer(rb'"pellucid":"{\\"checksum\\":\\"([0-9a-f]{64})\\"', content[8:end]))
    if len(found) != 1:
        raise StorageError("it is damaged: there is no checksum where it should be")
    return 8 + found[0].start(1)


def arrays_of(content: bytes) -> dict[str, Array]:
    """Return the arrays in a safetensors file, as arrays of their own."""
    import safetensors

    try:
        found = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
        return {name: as_array(entry) for name, entry in found}
    except (safetensors.SafetensorError, ValueError) as error:
        raise StorageError(f"its arrays are damaged: {error}") from error


def as_array(entry: Mapping[str, Any]) -> Array:
    """Return one array of a safetensors file."""
    if entry["dtype"] not in DTYPES:
        raise StorageError(f"it holds an array of dtype {entry['dtype']}, which pellucid has not")
    dtype = as_dtype(DTYPES[entry["dtype"]])
    return np.frombuffer(bytearray(entry["data"]), dtype).reshape(entry["shape"])
