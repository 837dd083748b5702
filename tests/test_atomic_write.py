"""Atomic writes: the old content stays whole until the new content is on disk."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pellucid.atomic_write import atomic_write, get_process_start, name_machine, remove_leftovers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    atomic_write(path, "old")
    return path


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", "π")
    atomic_write(tmp_path / "b", b"\x00")
    assert (tmp_path / "a").read_text("utf-8") == "π"
    assert (tmp_path / "b").read_bytes() == b"\x00"


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace", "shutil.copymode"])
@pytest.mark.parametrize("error", [OSError("broken"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_no_other(
    step: str, error: BaseException, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(step, fail)
    with pytest.raises(type(error)):
        atomic_write(file, "new")
    assert list(file.parent.iterdir()) == [file]
    assert file.read_text() == "old"


def test_the_file_is_on_disk_before_it_is_renamed_and_its_folder_after(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def record_replace(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    atomic_write(file, "new")
    atomic_write(file, "newer", durable=False)
    assert events == ["file", "rename", "folder", "rename"]


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, OSError, "cannot be written: the disk is full. Free some space and try again: '.*record.json'"),
        (errno.EDQUOT, OSError, "cannot be written: the disk quota is used up. Free some space and try again"),
        (errno.EACCES, PermissionError, "cannot be written: no permission to write in this folder. Choose another"),
        (errno.EROFS, OSError, "cannot be written: the file system is read-only. Choose another folder"),
    ],
)
def test_the_reason_and_the_remedy_are_named(
    number: int, kind: type[OSError], message: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match=message):
        atomic_write(file, "new")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder does not exist\. Create it first: '.*a/b'"):
        atomic_write(tmp_path / "a" / "b", "new")


def test_the_mode_of_the_old_file_is_kept_and_a_new_file_has_the_usual_one(file: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask
    file.chmod(0o600)
    atomic_write(file, "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    atomic_write(link, "new")
    assert (link.read_text(), file.read_text()) == ("new", "old")


def test_devices_are_written_to_and_folders_refused(tmp_path: Path) -> None:
    atomic_write("/dev/null", "gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(IsADirectoryError):
        atomic_write(tmp_path, "new")


def leave_behind(folder: Path, name: str, age: float = 0.0) -> Path:
    """Make a file as a killed process leaves it, modified some seconds ago."""
    path = folder / name
    path.write_text("half")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="processes are examined through /proc")
def test_the_first_write_removes_what_killed_processes_left(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, parent = name_machine(), os.getppid()
    start, day = get_process_start(parent), 24 * 3600
    abandoned = [
        leave_behind(tmp_path, f".{here}-{ended.pid}-123-0123456789abcdef.part"),
        leave_behind(tmp_path, f".{here}-{parent}-{start - 1}-0123456789abcdef.part"),  # the number is in use again
        leave_behind(tmp_path, f".{'0' * 8}-{ended.pid}-123-0123456789abcdef.part", day + 60),  # another machine
        leave_behind(tmp_path, ".0123456789abcdef.part", day + 60),  # of an older version
    ]
    kept = [
        leave_behind(tmp_path, f".{here}-{parent}-{start}-0123456789abcdef.part"),  # a process that is writing
        leave_behind(tmp_path, f".{'0' * 8}-{ended.pid}-124-0123456789abcdef.part", day - 60),
        leave_behind(tmp_path, ".1123456789abcdef.part", day - 60),
        leave_behind(tmp_path, "movie.part", day + 60),  # of another program
        leave_behind(tmp_path, ".model.pel.part", day + 60),
    ]
    atomic_write(tmp_path / "new", "content")
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "new"])
    later = leave_behind(tmp_path, abandoned[0].name)
    atomic_write(tmp_path / "new", "content")  # looks into each folder once
    assert later.exists()
    remove_leftovers(tmp_path)
    assert not later.exists()


def test_a_killed_write_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from pellucid.atomic_write import atomic_write\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "atomic_write(sys.argv[1], 'new')"
    )
    file = tmp_path / "model.pel"
    file.write_text("old")
    done = subprocess.run([sys.executable, "-c", program, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len([*tmp_path.iterdir()]) == 2
    assert file.read_text() == "old"
    atomic_write(tmp_path / "other", "next")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pel", "other"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of file sizes")
def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    """A real failure in the middle of a write, by a limit on the size of files."""
    program = (
        "import resource, sys; from pellucid.atomic_write import atomic_write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "atomic_write(sys.argv[1], b'x' * 20_000)"
    )
    file = tmp_path / "model.pel"
    file.write_text("old")
    done = subprocess.run([sys.executable, "-c", program, str(file)], check=False, capture_output=True, text=True)
    assert "cannot be written: the file would be larger than the limit" in done.stderr.splitlines()[-1]
    assert str(file) in done.stderr.splitlines()[-1]
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_device_is_named() -> None:
    with pytest.raises(
        OSError, match=r"cannot be written: the disk is full. Free some space and try again: '/dev/full'"
    ):
        atomic_write("/dev/full", "content")
