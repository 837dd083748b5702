"""Files of an untrusted folder or zip archive, listed and read one at a time."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pellucid.data.errors import DataError
from pellucid.untrusted_files.reading import open_regular_file, shorten

MAXIMUM_FILE_BYTES = 128 * 2**20
MAXIMUM_FILES = 5_000_000

SYSTEM_NAMES = frozenset(
    {
        *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin", "lost+found"),
        "system volume information",
    }
)

Skipped = tuple[str, str]


class ArchiveReadError(ValueError):
    """A file cannot be read; the message is the reason."""


@dataclass(frozen=True)
class FileSource:
    """The files of a folder or archive.

    ``sizes`` has the file sizes by name (relative, with forward slashes, sorted), ``skipped`` the unreadable entries
    with reasons. ``read`` returns the content of a file or raises `ArchiveReadError`; threads may call it.
    """

    sizes: dict[str, int]
    skipped: tuple[Skipped, ...]
    read: Callable[[str], bytes]


@contextmanager
def open_file_source(path: Path) -> Iterator[FileSource]:
    """Open a folder, or a zip archive without unpacking it; raise `DataError` for anything else."""
    if path.is_dir():
        yield _list_folder(path)
    elif not path.exists():
        raise DataError(f"{path}: no such file or folder; expected a folder or a zip archive of images.")
    elif path.is_file() and not zipfile.is_zipfile(path) and _has_zip_signature(path):
        raise DataError(f"{path}: the zip archive is damaged (its end is missing); download it again.")
    elif not path.is_file() or not zipfile.is_zipfile(path):
        raise DataError(f"{path}: expected a folder or a zip archive of images, received another kind of file.")
    else:
        try:
            archive = zipfile.ZipFile(path)
        except Exception as error:  # names that are no text, extra fields that are too short
            raise DataError(
                f"{path}: the zip archive is damaged ({shorten(str(error))}); download it again."
            ) from error
        with archive:
            yield _list_archive(archive, path)


def _list_folder(path: Path) -> FileSource:
    """List a folder recursively. Links to folders are not followed: they may form a cycle."""
    sizes: dict[str, int] = {}
    skipped: list[Skipped] = []

    def get_name(file: str | Path) -> str:
        return Path(file).relative_to(path).as_posix()

    def skip_folder(error: OSError) -> None:
        skipped.append((get_name(error.filename), f"a folder that cannot be read ({error.strerror})"))

    for folder, folders, files in os.walk(path, onerror=skip_folder):
        parent = Path(folder)
        if not folders and not files and parent != path:
            skipped.append((get_name(parent), "an empty folder"))
        folders[:] = [name for name in folders if not _is_hidden(name)]
        links = [name for name in folders if (parent / name).is_symlink()]
        for file in (parent / name for name in (*files, *links) if not _is_hidden(name)):
            try:
                sizes[get_name(file)] = _get_file_size(file)
            except ArchiveReadError as error:
                skipped.append((get_name(file), str(error)))
        _check_file_count(path, len(sizes))
    return FileSource(dict(sorted(sizes.items())), tuple(sorted(skipped)), lambda name: read_file(path / name))


def _get_file_size(file: Path) -> int:
    """Return the size of a regular file. Pipes and devices are refused unopened: reading one may never end."""
    try:
        status = file.stat()
    except OSError as error:
        kind = "a broken link" if file.is_symlink() else "a file that cannot be read"
        raise ArchiveReadError(f"{kind} ({error.strerror})") from error
    if stat.S_ISDIR(status.st_mode):
        raise ArchiveReadError("a link to a folder, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise ArchiveReadError("neither a file nor a folder")
    return status.st_size


def read_file(file: Path) -> bytes:
    """Read a file of at most `MAXIMUM_FILE_BYTES`."""
    try:
        with open_regular_file(file, DataError) as (stream, _):
            return _read_bounded(stream)
    except OSError as error:
        raise ArchiveReadError(f"a file that cannot be read ({error.strerror})") from error
    except DataError as error:
        raise ArchiveReadError("neither a file nor a folder") from error


def _has_zip_signature(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _list_archive(archive: zipfile.ZipFile, path: Path) -> FileSource:
    """List an archive. Nothing is ever unpacked to disk."""
    members: dict[str, zipfile.ZipInfo] = {}
    skipped: list[Skipped] = []
    _check_file_count(path, len(archive.infolist()))
    for member in archive.infolist():
        name = member.filename
        if not name:  # which `is_dir` does not expect
            skipped.append((name, "an empty name in the archive"))
            continue
        if member.is_dir() or any(map(_is_hidden, PurePosixPath(name).parts)):
            continue
        reason = "a duplicate name in the archive" if name in members else _get_rejection_reason(member)
        if reason:
            skipped.append((name, reason))
        else:
            members[name] = member

    def read(name: str) -> bytes:
        try:
            with archive.open(members[name]) as stream:
                return _read_bounded(stream)
        except ArchiveReadError:
            raise
        except Exception as error:  # such as a name that is no text, in the second copy of the header
            raise ArchiveReadError(f"damaged in the archive ({shorten(str(error) or type(error).__name__)})") from error

    sizes = {name: members[name].file_size for name in sorted(members)}
    return FileSource(sizes, tuple(sorted(skipped)), read)


def _get_rejection_reason(member: zipfile.ZipInfo) -> str:
    """Return why an archive member must not be read, or an empty string."""
    parts = PurePosixPath(member.filename).parts
    if ".." in parts or member.filename.startswith("/") or "\\" in member.filename or ":" in member.filename:
        return "a name that points outside the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link, which is not followed"
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "not compressed by deflate"  # other methods may allocate gigabytes before the first byte
    return ""


def _read_bounded(stream: IO[bytes]) -> bytes:
    content = stream.read(MAXIMUM_FILE_BYTES + 1)
    if len(content) > MAXIMUM_FILE_BYTES:
        raise ArchiveReadError(f"larger than the {MAXIMUM_FILE_BYTES} bytes allowed")
    return content


def _check_file_count(path: Path, number: int) -> None:
    if number > MAXIMUM_FILES:
        raise DataError(f"{path}: has more than the {MAXIMUM_FILES} files allowed; choose a subfolder.")


def _is_hidden(name: str) -> bool:
    """Tell whether a name is hidden, or was created by a file manager or an operating system."""
    return (name.startswith(".") and not name.startswith("..")) or name.lower() in SYSTEM_NAMES
