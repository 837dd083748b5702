"""Atomic writes: the old content stays whole until the new content is on disk."""

import errno
import os
import stat
from pathlib import Path

import pytest

from pellucid.atomic_write import atomic_write


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
