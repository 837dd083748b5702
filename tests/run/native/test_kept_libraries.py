"""What the C compiler makes is kept on disk, whatever happens to the folder; without a compiler XLA has everything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import pellucid as pel
from pellucid.run import compilation_cache
from pellucid.run.native import compiler as compilers
from pellucid.run.native.compiler import compiler, library

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what is compiled."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def other_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is taken for the compiler."""
    path = tmp_path / "cc"
    path.write_text("nothing that runs")
    path.chmod(0o700)
    monkeypatch.setenv("CC", str(path))
    for known in (compilers.compiler, compilers.version):
        known.cache_clear()
    yield path
    for known in (compilers.compiler, compilers.version):
        known.cache_clear()


def halved(rate: float = 0.5, mode: str = "native") -> list[float]:
    """Return what three steps of a loop of its own give."""
    w = pel.shared(1.0, "w")
    found: list[float] = pel.function([], w, updates={w: rate * w}, mode=mode).repeat(3).tolist()
    return found


def test_a_compiled_library_is_kept_and_a_damaged_one_made_anew(folder: Path) -> None:
    def run() -> Path:
        assert halved() == [1, 0.5, 0.25]
        [path] = folder.glob("*.so")
        return path

    first = run()
    made = first.stat().st_ino
    assert run().stat().st_ino == made
    first.unlink()
    first.write_bytes(b"no library")
    assert run() == first
    assert first.read_bytes()[:4] != b"no l"
    first.unlink()
    first.symlink_to(folder / "nothing")  # as a file that goes between being listed and looked at
    assert run() == first
    assert not first.is_symlink()


def test_where_nothing_is_kept_a_process_compiles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert halved(0.75) == [1, 0.75, 0.5625]
    monkeypatch.setattr(compilers, "build", lambda *given: pytest.fail("compiled again"))
    assert halved(0.75) == [1, 0.75, 0.5625]


def test_a_folder_that_was_deleted_is_made_anew(folder: Path) -> None:
    assert halved() == [1, 0.5, 0.25]
    shutil.rmtree(folder)
    assert halved(0.25) == [1, 0.25, 0.0625]
    assert len([*folder.glob("*.so")]) == 1
    assert folder.stat().st_mode & 0o077 == 0


def test_what_others_made_or_deleted_is_no_hindrance(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(f"it is not yours: {path}")

    folder.mkdir()
    (folder / "gone.part").symlink_to(folder / "nothing")  # as a file that goes between being listed and looked at
    assert halved() == [1, 0.5, 0.25]
    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr(compilers, "build", lambda *given: pytest.fail("compiled again"))
    assert halved() == [1, 0.5, 0.25]


def test_other_headers_make_another_library(folder: Path, tmp_path: Path) -> None:
    header = tmp_path / "number.h"
    found = []
    for number in (3, 4):
        header.write_text(f"enum {{ NUMBER = {number} }};")
        code = '#include "number.h"\nint number(void) { return NUMBER; }'
        found.append(library(code, includes=(str(tmp_path),)).number())
    assert found == [3, 4]


def test_a_compiler_that_does_not_run_leaves_everything_to_xla(other_compiler: Path) -> None:
    assert halved(mode="auto") == [1, 0.5, 0.25]
    with pytest.raises(pel.UseError, match=r"cc cannot be run, or what it makes neither kept nor loaded: .*format"):
        halved()


def test_nothing_is_left_of_a_file_that_could_not_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError("No space left on device")

    folder.mkdir()
    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        compilation_cache.write(folder / "program.xla", b"content")
    assert [*folder.iterdir()] == []


def test_without_a_compiler_everything_is_left_to_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    compilers.compiler.cache_clear()
    try:
        w = pel.shared(1.0, "w")
        assert pel.function([], w, updates={w: 0.5 * w}).repeat(3).tolist() == [1, 0.5, 0.25]
        with pytest.raises(pel.UseError, match="there is no C compiler on this machine"):
            pel.function([], w, mode="native")()
    finally:
        compilers.compiler.cache_clear()
