"""The `.pel` container: a safetensors file whose metadata is JSON, with a checksum of the whole file.

Any program that reads safetensors can read the arrays.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import StorageError
from pellucid.graph.types import as_dtype
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.reading import open_regular_file, quote, report_damage, shorten
from pellucid.version import __version__

FORMAT = 1
"""Version of the format. Increase it when older programs would misread new files."""

MAX_HEADER = 100_000_000
"""Largest header in bytes, the limit of safetensors itself."""

BLANK_CHECKSUM = "0" * 64
"""Placeholder in the file while its checksum is computed."""

DTYPES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16",
    "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16",
}  # fmt: skip
"""Dtypes by their safetensors names."""

LONE_SURROGATE = r"\\u[dD][89a-fA-F]"
"""Half of a character in JSON. Text with only one half cannot be written again."""

OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, such as a .keras or .npz file. Read it with model.load_weights, or a "
    "model of Keras with pel.load_model('name.keras')",
    b"\x89HDF\r\n": "an HDF5 file, as older versions of Keras write it. Save it as .keras and use pel.load_model",
    b"\x80": "possibly a pickle. pellucid reads no pickles, because a pickle can run any code",
}

READERS = {
    "a model": "Read it with pel.load_model",
    "expressions": "Read it with pel.load",
    "weights": "Read it with model.load_weights",
    "a training state": "It belongs to the BackupAndRestore callback that wrote it",
}
"""How to read each kind of file."""


def write_container(path: FilePath, kind: str, data: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a `.pel` file atomically.

    Parameters
    ----------
    path : str or path
        Target file; an existing one is replaced.
    kind : str
        One of `READERS`.
    data : dict
        JSON data.
    arrays : dict from str to array

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is then unchanged.
    """
    from safetensors.numpy import save

    metadata = {
        "checksum": BLANK_CHECKSUM,
        "format": FORMAT,
        "kind": kind,
        "version": __version__,
        "arrays": list(arrays),
        **data,
    }
    text = json.dumps(metadata, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    content = save({key: np.array(value, order="C") for key, value in arrays.items()}, metadata={"pellucid": text})
    start = find_checksum_offset(content)
    checksum = hashlib.sha256(content).hexdigest().encode()
    atomic_write(path, content[:start] + checksum + content[start + len(BLANK_CHECKSUM) :])


def read_container(path: FilePath, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a `.pel` file and verify its checksum.

    Returns
    -------
    data : dict
    arrays : dict from str to array

    Raises
    ------
    StorageError
        If the file is damaged, of another program, of a later format, or of another kind. The message says which.
    OSError
        If the file cannot be opened or read.
    """
    path = Path(path)
    with report_damage(StorageError, f"Cannot read {path}"):
        content = read_exact(path)
        data = read_metadata(content)
        start = find_checksum_offset(content)
        blank = content[:start] + BLANK_CHECKSUM.encode() + content[start + len(BLANK_CHECKSUM) :]
        if hashlib.sha256(blank).hexdigest() != data.get("checksum"):
            raise StorageError("the file is damaged. Its checksum does not match its content")
        names, arrays = data.get("arrays"), parse_arrays(content)
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or set(names) != set(arrays):
            raise StorageError("its metadata is damaged. It does not list the arrays of the file")
        arrays = {name: arrays[name] for name in names}  # safetensors does not keep the order
    if data["kind"] != kind:
        received = shorten(data["kind"])
        raise StorageError(f"{path}: expected {kind}. Received: {received}. {READERS.get(received, '')}")
    return data, arrays


def read_exact(path: Path) -> bytes:
    """Return the content of a safetensors file, reading no more bytes than its header announces.

    Raises
    ------
    StorageError
        If the file is longer or shorter than announced.
    """
    with open_regular_file(path, StorageError) as (file, size):
        start = file.read(8)
        length = min(int.from_bytes(start, "little"), MAX_HEADER)
        start += file.read(min(length, size))
        surplus = size - len(start) - get_data_size(parse_header(start))
        if surplus < 0:
            raise StorageError(f"the file is truncated. {-surplus} bytes are missing")
        if surplus:
            raise StorageError(f"the file is damaged. It has {surplus} unexpected bytes at its end")
        return start + file.read()


def parse_header(content: bytes) -> dict[str, Any]:
    size = int.from_bytes(content[:8], "little")
    if not (2 <= size <= MAX_HEADER and content[8:9] in (b"{", b"")):
        other = next((name for start, name in OTHER_FORMATS.items() if content.startswith(start)), "")
        raise StorageError(f"it is not a .pel file{f' but {other}' if other else ''}")
    if len(content) < 8 + size:
        raise StorageError("the file is truncated, or not a .pel file")
    header = parse_json(content[8 : 8 + size], "header")
    if not isinstance(header, dict):
        raise StorageError("it is not a .pel file. Its header is not a JSON object")
    return header


def parse_json(text: str | bytes, what: str) -> Any:
    try:
        data = json.loads(text)
        if re.search(LONE_SURROGATE, text if isinstance(text, str) else text.decode("ascii", "replace")):
            json.dumps(data, ensure_ascii=False).encode()
    except ValueError as error:
        raise StorageError(f"its {what} is damaged: {shorten(str(error))}") from error
    except RecursionError as error:
        raise StorageError(f"its {what} is nested too deeply") from error
    return data


def get_data_size(header: Mapping[str, Any]) -> int:
    """Return the number of bytes of all arrays."""
    entries = [entry for key, entry in header.items() if key != "__metadata__"]
    try:
        ends = [entry["data_offsets"][1] for entry in entries]
        if not all(type(end) is int and end >= 0 for end in ends):
            raise TypeError("not a size")
        return max(ends, default=0)
    except (KeyError, IndexError, TypeError) as error:
        raise StorageError("its header is damaged. The offsets of the arrays are missing") from error


def read_metadata(content: bytes) -> dict[str, Any]:
    """Return the JSON metadata of a file after checking its format version."""
    metadata = parse_header(content).get("__metadata__")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("pellucid"), str):
        raise StorageError(
            "it is a safetensors file of another program. model.load_weights reads arrays from such a file"
        )
    data = parse_json(metadata["pellucid"], "metadata")
    if not isinstance(data, dict) or type(data.get("format")) is not int or not isinstance(data.get("kind"), str):
        raise StorageError("its metadata is damaged. The format or the kind is missing")
    if data["format"] != FORMAT:
        raise StorageError(
            f"expected format {FORMAT}, which pellucid {__version__} reads. Received: format "
            f"{quote(data['format'], 20)}, written by pellucid {shorten(str(data.get('version')), 20)}. Update pellucid"
        )
    return data


def find_checksum_offset(content: bytes) -> int:
    end = 8 + int.from_bytes(content[:8], "little")
    found = list(re.finditer(rb'"pellucid":"{\\"checksum\\":\\"([0-9a-f]{64})\\"', content[8:end]))
    if len(found) != 1:
        raise StorageError("the file is damaged. Its checksum is missing")
    return 8 + found[0].start(1)


def parse_arrays(content: bytes) -> dict[str, Array]:
    """Return copies of the arrays in a safetensors file."""
    import safetensors

    try:
        entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise StorageError(f"its arrays are damaged: {shorten(str(error))}") from error
    arrays = {}
    for name, entry in entries:
        if entry["dtype"] not in DTYPES:
            raise StorageError(f"it has an array of dtype {entry['dtype']}, which pellucid does not support")
        dtype = as_dtype(DTYPES[entry["dtype"]])
        arrays[name] = np.frombuffer(bytearray(entry["data"]), dtype).reshape(entry["shape"])
    return arrays
