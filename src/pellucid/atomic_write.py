"""Atomic file writes."""

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

REASONS = {
    errno.ENOSPC: "the disk is full. Free some space and try again",
    errno.EDQUOT: "the disk quota is used up. Free some space and try again",
    errno.EACCES: "no permission to write in this folder. Choose another folder",
    errno.EPERM: "no permission to write in this folder. Choose another folder",
    errno.EROFS: "the file system is read-only. Choose another folder",
    errno.ENOENT: "the folder does not exist. Create it first",
}


def atomic_write(path: str | os.PathLike[str], content: str | bytes, *, durable: bool = True) -> None:
    """Replace the content of a file in one step.

    Readers see the old content or the new one, also if the process is killed or the machine loses power. The content
    goes to a temporary file in the same folder, is flushed to disk, and is then renamed.

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
        If the file cannot be written. The old file is unchanged and no temporary file is left.

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
        path.write_bytes(data)
        return
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in REASONS:
            raise OSError(error.errno, f"cannot be written: {REASONS[error.errno]}", str(path)) from error
        raise
    if durable and os.name == "posix":
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it outlives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
