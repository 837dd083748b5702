"""Atomic file writes, and removal of the temporary files of killed processes."""

import errno
import functools
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REASONS = {
    errno.ENOSPC: "the disk is full. Free some space and try again",
    errno.EDQUOT: "the disk quota is used up. Free some space and try again",
    errno.EFBIG: "the file would be larger than the limit of this process or file system. Raise the limit (ulimit -f)",
    errno.EACCES: "no permission to write in this folder. Choose another folder",
    errno.EPERM: "no permission to write in this folder. Choose another folder",
    errno.EROFS: "the file system is read-only. Choose another folder",
    errno.ENOENT: "the folder does not exist. Create it first",
    errno.EIO: "the disk reports an error. Choose another disk",
}

TEMPORARY_NAME = re.compile(r"\.(?:(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-(?P<start>\d+)-)?[0-9a-f]{16}\.part")
"""Names of temporary files: the machine, the process and its start, and a random number, which older versions had
alone."""

MAX_AGE = 24 * 3600
"""Age in seconds at which a temporary file is removed, also if its process cannot be examined from here."""

cleaned_folders: set[Path] = set()
"""Folders where this process has removed leftovers."""


def atomic_write(path: str | os.PathLike[str], content: str | bytes, *, durable: bool = True) -> None:
    """Replace the content of a file in one step.

    Readers see the old content or the new one, also if the process is killed or the machine loses power. The content
    goes to a temporary file in the same folder, is flushed to disk, and is then renamed. The first write in a folder
    removes the temporary files that killed processes have left there.

    Parameters
    ----------
    path : path-like
        The file. A symbolic link is replaced, not followed.
    content : str or bytes
        The new content; text is encoded as UTF-8.
    durable : bool
        Whether to wait until the file and its folder entry are on disk. False suits caches whose entries carry a
        checksum: an entry that a power failure damages is computed again.

    Raises
    ------
    OSError
        If the file cannot be written, with its path, the reason and the remedy. The old file is unchanged and no
        temporary file is left.

    Examples
    --------
    >>> atomic_write("notes.txt", "old")
    >>> atomic_write("notes.txt", "new")
    >>> Path("notes.txt").read_text()
    'new'
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():  # a pipe or a device, such as /dev/stdout, must not be replaced
        with explain_write_errors(path):
            path.write_bytes(data)
        return
    folder = path.parent.absolute()
    if folder not in cleaned_folders:
        remove_leftovers(folder)
    temporary = path.with_name(f".{name_process()}-{secrets.token_hex(8)}.part")
    try:
        with explain_write_errors(path):
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                shutil.copymode(path, temporary)
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable and os.name == "posix":
        _sync_folder(path.parent)


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Add the path, the reason and the remedy to errors of writes inside a ``with`` block."""
    try:
        yield
    except OSError as error:
        if error.errno not in REASONS or str(error.strerror).startswith("cannot be written"):
            raise
        raise OSError(error.errno, f"cannot be written: {REASONS[error.errno]}", str(path)) from error


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in a folder whose processes were killed, and others after a day."""
    cleaned_folders.add(folder.absolute())
    with suppress(OSError), os.scandir(folder) as entries:  # a missing folder is reported by the write
        for entry in entries:
            match = TEMPORARY_NAME.fullmatch(entry.name)
            if match is None:
                continue
            with suppress(OSError):  # removed by another process, or owned by another user
                if entry.is_file(follow_symlinks=False) and is_abandoned(match, entry.stat().st_mtime):
                    Path(entry.path).unlink()


def is_abandoned(name: re.Match[str], modified: float) -> bool:
    """Whether the process of a temporary file has ended, or the file is old and its process unknown."""
    machine, process, start = name.group("machine", "process", "start")
    if time.time() - modified > MAX_AGE:
        return True
    return machine == name_machine() and get_process_start(int(process)) != int(start)


def name_process() -> str:
    """Return the names of machine and process, and the start of the process, for the names of temporary files."""
    process = os.getpid()
    return f"{name_machine()}-{process}-{get_process_start(process)}"


@functools.cache
def name_machine() -> str:
    """Return a name of everything that sees the same process numbers: the host since its start, or the container."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # not Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def get_process_start(process: int) -> int | None:
    """Return when a process started, in clock ticks since the start of Linux; 0 on other systems; None if it ended."""
    try:
        # The name of the program, in parentheses, may contain anything.
        return int(Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        pass
    if os.name != "posix":  # where a process number cannot be examined without a library
        return 0
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:  # of another user, or a system that cannot tell
        return 0
    return 0


def _sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it outlives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
