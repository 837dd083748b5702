"""Encodings of text files: UTF-8, UTF-16 and UTF-32 by their marks or patterns, otherwise cp1252."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import CHUNK, Content, open_bytes

MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
"""Byte order marks. That of UTF-32 begins with that of UTF-16."""

NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
"""Names of encodings in messages, if they are not those of codecs in upper case."""

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1a]")
"""Characters that texts hardly have; old programs of DOS end a file with Ctrl-Z."""

MAXIMUM_CONTROL_FRACTION = 0.01
"""A file with more of them is binary."""

SAMPLE = 2**20
"""Number of characters from which dialects are inferred."""


@dataclass(frozen=True)
class TextFile:
    """A text file with what is needed to read it.

    Attributes
    ----------
    content : Path or bytes
        The file.
    name : str
        Its name in messages.
    compression, encoding : str
        Compression, empty if there is none, and encoding, as in `codecs`.
    sample : str
        The first characters, up to a line break unless it is the whole file.
    is_complete : bool
        Whether the sample is the whole file.
    """

    content: Content
    name: str
    compression: str
    encoding: str
    sample: str
    is_complete: bool

    @property
    def encoding_name(self) -> str:
        return NAMES.get(self.encoding, self.encoding.upper().replace("CP", "cp"))


def inspect_text(content: Content, name: str) -> TextFile:
    """Return the compression, the encoding and the beginning of a text file, after one pass over the whole file.

    Raises
    ------
    DataError
        If the file is no text.
    """
    with open_bytes(content) as (stream, compression):
        head = stream.read(CHUNK)
    encoding = next((encoding for mark, encoding in MARKS if head.startswith(mark)), None) or find_pattern(head)
    tried = [encoding] if encoding else ["utf-8", "cp1252"]
    for candidate in tried:
        try:
            sample, is_complete = decode_sample(content, candidate)
        except UnicodeError as error:
            if candidate == tried[-1]:
                raise DataError(
                    f"{name}: expected a text file, received bytes that are neither UTF-8, UTF-16 nor cp1252. "
                    "Export the table as CSV in UTF-8."
                ) from error
            continue
        if len(CONTROL_CHARACTERS.findall(sample)) > MAXIMUM_CONTROL_FRACTION * len(sample):
            raise DataError(f"{name}: expected a text file, received a binary file. Export the table as CSV.")
        return TextFile(content, name, compression, candidate, sample, is_complete)
    raise AssertionError


def find_pattern(head: bytes) -> str | None:
    """Return the encoding of UTF-16 without a mark: of mostly Latin text, every other byte is 0."""
    pairs = len(head) // 2
    if pairs and head[1 : 2 * pairs : 2].count(0) > 0.7 * pairs:
        return "utf-16-le"
    return "utf-16-be" if pairs and head[: 2 * pairs : 2].count(0) > 0.7 * pairs else None


def decode_sample(content: Content, encoding: str) -> tuple[str, bool]:
    """Decode a whole file, to be sure of its encoding; return its beginning, and whether that is everything."""
    kept: list[str] = []
    size = 0
    for text in iterate_text(content, encoding):
        if size < SAMPLE:
            kept.append(text)
        size += len(text)
    sample = "".join(kept)
    if size <= SAMPLE:
        return sample, True
    sample = sample[:SAMPLE]
    return sample[: sample.rfind("\n") + 1] or sample, False


def iterate_text(content: Content, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_bytes(content) as (stream, _):
        while chunk := stream.read(CHUNK):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)


class Utf8Stream(io.RawIOBase):
    """The bytes of a text file, encoded as UTF-8, with a line break at the end."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.rest = b""
        self.last = b"\n"
        self.quotes = 0
        """Number of quotation marks so far."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.rest:
            chunk = self.stream.read(CHUNK)
            self.rest = self.decoder.decode(chunk, final=not chunk).encode()
            if not chunk and self.last not in b"\r\n":
                self.rest += b"\n"  # without it, PyArrow takes a header alone for a part of a row
            if not self.rest:
                break
            self.last = self.rest[-1:]
            self.quotes += self.rest.count(b'"')
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
