"""Byte streams of files, decompressed while they are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from pellucid.data.errors import DataError, format_names
from pellucid.optional_packages import require_packages
from pellucid.untrusted_files.reading import open_regular_file

MAXIMUM_XZ_MEMORY = 128 * 2**20
"""A file may ask for a dictionary of up to 4 GiB. Level 9, the highest, needs 65 MiB."""

CHUNK = 2**18

Content = Path | bytes
"""A file, or its content."""


@contextmanager
def open_bytes(content: Content) -> Iterator[tuple[IO[bytes], str]]:
    """Open a file and yield its decompressed bytes with the name of the compression, which is empty if there is none.

    Gzip, bzip2, xz and zstd are recognized by their first bytes. Of a zip archive, the only file is read.

    Raises
    ------
    DataError
        If the file does not exist or is no regular file, or an archive has several files.
    """
    with ExitStack() as stack:
        if isinstance(content, bytes):
            file: IO[bytes] = io.BytesIO(content)
        elif not content.exists():
            raise DataError(f"{content}: no such file; expected a table.")
        else:
            file, _ = stack.enter_context(open_regular_file(content, DataError))
        head = file.read(max(len(signature) for signature, _, _ in COMPRESSIONS))
        file.seek(0)
        for signature, name, decompress in COMPRESSIONS:
            if head.startswith(signature):
                yield stack.enter_context(decompress(file)), name
                return
        yield file, ""


def open_zstd(file: IO[bytes]) -> Any:
    with require_packages("Reading zstd"):
        import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


@contextmanager
def open_only_member(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Open the only file of a zip archive."""
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
        if len(members) != 1:
            found = format_names([member.filename for member in members])
            raise DataError(
                f"Expected a zip archive with one table, received {len(members)} files: {found}. Unpack it."
            )
        if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"The file {members[0].filename!a} is not compressed by deflate. Unpack it.")
        with archive.open(members[0]) as member:
            yield member


class XzStream(io.RawIOBase):
    """Decompressed bytes of an xz file, with bounded memory, which `lzma.open` does not limit."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.decompressor = lzma.LZMADecompressor(memlimit=MAXIMUM_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self.decompressor.eof:  # another stream may follow
                rest = self.decompressor.unused_data or self.file.read(CHUNK)
                if not rest.strip(b"\0"):
                    return 0
                self.decompressor = lzma.LZMADecompressor(memlimit=MAXIMUM_XZ_MEMORY)
            else:
                rest = self.file.read(CHUNK) if self.decompressor.needs_input else b""
                if self.decompressor.needs_input and not rest:
                    raise EOFError("the end of the compressed data is missing")
            data = self.decompressor.decompress(rest, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)


COMPRESSIONS: list[tuple[bytes, str, Callable[[IO[bytes]], Any]]] = [
    (b"\x1f\x8b", "gzip", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\x00", "xz", XzStream),
    (b"\x28\xb5\x2f\xfd", "zstd", open_zstd),
    (b"PK\x03\x04", "zip", open_only_member),
]
"""First bytes, name and decompressor of each compression."""
