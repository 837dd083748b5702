"""Regular files, and the guard around each reader that turns every failure into the reader's own error."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pellucid.errors import PellucidError

MAX_QUOTE = 200
"""Maximum number of characters of a file that a message quotes."""

MAX_MESSAGE = 1000
"""Maximum number of characters of a message about a file, without its path."""

LONG_WORD = rf"\S{{{MAX_QUOTE + 1},}}"

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

ErrorClass = type[PellucidError]


def quote(value: Any, limit: int = MAX_QUOTE) -> str:
    """Return the representation of a value from a file, cut to the length that fits a message.

    Examples
    --------
    >>> quote([1, 2]), len(quote("x" * 1000))
    ('[1, 2]', 200)
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more than 4300 digits, or lists that are nested deeply
        text = f"a value of type {type(value).__name__}"
    return shorten(text, limit)


def shorten(text: str, limit: int = MAX_QUOTE) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@contextmanager
def open_regular_file(path: Path, error: ErrorClass) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file and yield it with its size. Folders, pipes and devices are refused: reading one may never end.

    Raises
    ------
    error
        If the path is not a regular file.
    OSError
        If the file does not exist or cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        mode = path.stat().st_mode
        descriptor = os.open(path, flags) if stat.S_ISREG(mode) else None
    except ValueError as problem:  # a null character
        raise error(f"{quote(str(path))}: it is not the path of a file ({problem})") from problem
    if descriptor is None:
        raise error(f"{path}: expected a regular file. Received: {KINDS.get(stat.S_IFMT(mode), 'another kind')}")
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # replaced since
            raise error(f"{path}: expected a regular file")
        yield file, status.st_size


def read_regular_file(path: Path, error: ErrorClass) -> bytes:
    """Return the content of a file, or raise an error as `open_regular_file` does."""
    with open_regular_file(path, error) as (file, _):
        return file.read()


@contextmanager
def report_damage(
    error: ErrorClass, file: Any, place: str = "", passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn every exception into an error of this class, whose message begins with the file and the place in it.

    Exceptions of the classes ``passing`` are about other arguments than the file, and stay as they are.

    Code that reads damaged content can fail in any way: a number is too large, a key is missing, lists are nested too
    deeply. The original exception is the cause of the new one.
    """
    where = ": ".join(str(part) for part in (file, place) if str(part))
    stay: tuple[type[Exception], ...] = (Warning, *passing)  # a warning that the user turned into an error
    try:
        yield
    except stay:
        raise
    except error as found:
        raise_own_error(error, found, str(file), where)
    except OSError as found:
        if found.filename is not None:  # the file does not exist or may not be read
            raise
        raise error(f"{where}: it is damaged ({shorten(str(found))})") from found
    except RecursionError as found:
        raise error(f"{where}: its content is nested too deeply") from found
    except MemoryError as found:
        raise error(f"{where}: its content does not fit in memory") from found
    except PellucidError as found:
        raise error(f"{where}: {abbreviate(str(found))}") from found
    except Exception as found:
        reason = shorten(" ".join(str(found).split()))
        raise error(
            f"{where}: it is damaged or has another format ({type(found).__name__}{f': {reason}' if reason else ''})"
        ) from found


def raise_own_error(error: ErrorClass, found: PellucidError, file: str, where: str) -> None:
    """Raise an error of the reader again, with the file in its message and without long quotes."""
    text = str(found)
    parts = [abbreviate(part) for part in (text.split(file) if file else [text])]
    shown = file.join(parts)
    if len(parts) < 2:
        shown = f"{where}: {shown}"
    if shown == text:
        raise found
    raise error(shown) from found


def abbreviate(text: str) -> str:
    """Return a message of limited length, in which no word has more than `MAX_QUOTE` characters."""
    return shorten(re.sub(LONG_WORD, lambda word: shorten(word[0]), text), MAX_MESSAGE)
