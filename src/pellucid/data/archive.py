"""A folder or a zip archive as a list of files that can be read one by one, whatever it may hold."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pellucid.data.errors import DataError

MAXIMUM_FILE_BYTES = 128 * 2**20
MAXIMUM_FILES = 5_000_000

Skipped = tuple[str, str]


class Unreadable(ValueError):
    """A file that cannot be read; the message is the reason."""


@dataclass(frozen=True)
class Source:
    """Files by name, and a way to read them.

    Attributes
    ----------
    sizes : dict
        The size of each file in bytes; names are relative, with forward slashes, and sorted.
    skipped : tuple of (str, str)
        What is there but is no file to read, and why.
    read : callable
        From a name to the bytes of the file; raises `Unreadable`. May be called from several threads.
    """

    sizes: dict[str, int]
    skipped: tuple[Skipped, ...]
    read: Callable[[str], bytes]


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a folder, or a zip archive without unpacking it.

    Parameters
    ----------
    path : Path
        The folder or the archive.

    Yields
    ------
    Source
        What is there.

    Raises
    ------
    DataError
        Where there is nothing, or neither a folder nor a zip archive.
    """
    if path.is_dir():
        yield _folder(path)
    elif not path.exists():
        raise DataError(f"{path}: there is no such folder; expected a folder of images, or a zip archive of one.")
    elif path.is_file() and not zipfile.is_zipfile(path) and _begins_as_archive(path):
        raise DataError(f"{path}: the zip archive is damaged (its end is missing); fetch it again.")
    elif not path.is_file() or not zipfile.is_zipfile(path):
        raise DataError(f"{path}: expected a folder of images or a zip archive of one, received another kind of file.")
    else:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(f"{path}: the zip archive is damaged ({error}); fetch it again.") from error
        with archive:
            yield _archive(archive, path)


def _folder(path: Path) -> Source:
    """List a folder at any depth; links to folders are not followed, so that the walk comes to an end."""
    sizes: dict[str, int] = {}
    skipped: list[Skipped] = []

    def relative(place: str | Path) -> str:
        return Path(place).relative_to(path).as_posix()

    def refuse(error: OSError) -> None:
        skipped.append((relative(error.filename), f"a folder that cannot be read ({error.strerror})"))

    for folder, folders, files in os.walk(path, onerror=refuse):
        here = Path(folder)
        if not folders and not files and here != path:
            skipped.append((relative(here), "an empty folder"))
        folders[:] = [name for name in folders if not _is_hidden(name)]
        links = [name for name in folders if (here / name).is_symlink()]
        for file in (here / name for name in (*files, *links) if not _is_hidden(name)):
            try:
                sizes[relative(file)] = _size_of_file(file)
            except Unreadable as error:
                skipped.append((relative(file), str(error)))
        _check_number(path, len(sizes))
    return Source(dict(sorted(sizes.items())), tuple(sorted(skipped)), lambda name: read_file(path / name))


def _size_of_file(file: Path) -> int:
    """The size of a file; a pipe or a device, which might never end, is refused before it is opened."""
    try:
        status = file.stat()
    except OSError as error:
        kind = "a link that leads nowhere" if file.is_symlink() else "a file that cannot be read"
        raise Unreadable(f"{kind} ({error.strerror})") from error
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("a link to a folder, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("neither a file nor a folder")
    return status.st_size


def read_file(file: Path) -> bytes:
    """Read a file of bounded size."""
    try:
        with file.open("rb") as stream:
            return _bounded(stream)
    except OSError as error:
        raise Unreadable(f"a file that cannot be read ({error.strerror})") from error


def _begins_as_archive(path: Path) -> bool:
    """Whether a file begins as a zip archive does, whatever became of the rest."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _archive(archive: zipfile.ZipFile, path: Path) -> Source:
    """List an archive; names only ever serve as names, since nothing is unpacked to disk."""
    members: dict[str, zipfile.ZipInfo] = {}
    skipped: list[Skipped] = []
    _check_number(path, len(archive.infolist()))
    for member in archive.infolist():
        name = member.filename
        if member.is_dir() or any(map(_is_hidden, PurePosixPath(name).parts)):
            continue
        reason = "a name that occurs twice in the archive" if name in members else _reason_against(member)
        if reason:
            skipped.append((name, reason))
        else:
            members[name] = member

    def read(name: str) -> bytes:
        try:
            with archive.open(members[name]) as stream:
                return _bounded(stream)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise Unreadable(f"damaged within the archive ({error})") from error

    sizes = {name: members[name].file_size for name in sorted(members)}
    return Source(sizes, tuple(sorted(skipped)), read)


def _reason_against(member: zipfile.ZipInfo) -> str:
    """Why a member of an archive is not to be read, or an empty text."""
    parts = PurePosixPath(member.filename).parts
    if ".." in parts or member.filename.startswith("/") or "\\" in member.filename or ":" in member.filename:
        return "a name that leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link, which is not followed"
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed by another method than deflate"  # others may ask for gigabytes before the first byte
    return ""


def _bounded(stream: IO[bytes]) -> bytes:
    """Read a stream to its end, but no further than the largest file allowed."""
    content = stream.read(MAXIMUM_FILE_BYTES + 1)
    if len(content) > MAXIMUM_FILE_BYTES:
        raise Unreadable(f"larger than the {MAXIMUM_FILE_BYTES} bytes allowed")
    return content


def _check_number(path: Path, number: int) -> None:
    """Refuse more files than anybody means to hold in memory."""
    if number > MAXIMUM_FILES:
        raise DataError(f"{path}: holds more than the {MAXIMUM_FILES} files allowed; choose a folder within it.")


def _is_hidden(name: str) -> bool:
    """Whether a file or folder belongs to a file manager rather than to its owner."""
    return (name.startswith(".") and not name.startswith("..")) or name in ("__MACOSX", "Thumbs.db", "desktop.ini")
