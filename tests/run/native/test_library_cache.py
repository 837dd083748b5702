"""Compiled libraries on disk: reuse, damaged files, deleted folders; and machines without a compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pellucid as pel
from pellucid.run import compilation_cache
from pellucid.run.native import compiler as compilers
from pellucid.run.native.compiler import find_compiler, load_library

PIPES: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that does not exist yet, and will not hold the check of the compiler."""
    compilers.check_compiler(compilers.require_compiler())
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run_loop(rate: float = 0.5, mode: str = "native") -> list[float]:
    """Return the outputs of three steps of a new loop."""
    w = pel.shared(1.0, "w")
    outputs: list[float] = pel.function([], w, updates={w: rate * w}, mode=mode).repeat(3).tolist()
    return outputs


def test_a_library_is_kept_and_a_damaged_one_compiled_again(folder: Path) -> None:
    def run() -> Path:
        assert run_loop() == [1, 0.5, 0.25]
        [path] = folder.glob("*.so")
        return path

    first = run()
    inode = first.stat().st_ino
    assert run().stat().st_ino == inode
    first.unlink()
    first.write_bytes(b"not a library")
    assert run() == first
    assert first.read_bytes()[:4] != b"not "
    first.unlink()
    first.symlink_to(folder / "nothing")  # like a file that is deleted between listing and reading
    assert run() == first
    assert not first.is_symlink()


def test_without_a_cache_a_process_compiles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_loop(0.75) == [1, 0.75, 0.5625]
    monkeypatch.setattr(compilers, "compile_library", lambda *args: pytest.fail("compiled again"))
    assert run_loop(0.75) == [1, 0.75, 0.5625]


def test_a_deleted_folder_is_created_again(folder: Path) -> None:
    assert run_loop() == [1, 0.5, 0.25]
    shutil.rmtree(folder)
    assert run_loop(0.25) == [1, 0.25, 0.0625]
    assert len([*folder.glob("*.so")]) == 1
    assert folder.stat().st_mode & 0o077 == 0


def test_files_of_other_users_and_deleted_files_are_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(f"owned by another user: {path}")

    folder.mkdir()
    (folder / "gone.part").symlink_to(folder / "nothing")  # like a file that is deleted between listing and reading
    assert run_loop() == [1, 0.5, 0.25]
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(compilers, "compile_library", lambda *args: pytest.fail("compiled again"))
    assert run_loop() == [1, 0.5, 0.25]


def test_old_files_that_cannot_be_deleted_do_no_harm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(f"owned by another user: {path}")

    monkeypatch.setattr(compilation_cache, "MAX_CACHE_BYTES", 0)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert run_loop() == [1, 0.5, 0.25]
    assert len([*folder.glob("*.so")]) == 1


def test_the_key_depends_on_the_headers(folder: Path, tmp_path: Path) -> None:
    header = tmp_path / "number.h"
    results = []
    for number in (3, 4):
        header.write_text(f"enum {{ NUMBER = {number} }};")
        code = '#include "number.h"\nint number(void) { return NUMBER; }'
        results.append(load_library(code, includes=(str(tmp_path),)).number())
    assert results == [3, 4]


def test_a_failed_write_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError("No space left on device")

    folder.mkdir()
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        compilation_cache.write_entry(folder / "program.xla", b"content")
    assert [*folder.iterdir()] == []


def test_xla_computes_everything_without_a_compiler(no_compiler: None) -> None:
    w = pel.shared(1.0, "w")
    assert pel.function([], w, updates={w: 0.5 * w}).repeat(3).tolist() == [1, 0.5, 0.25]
    reason = r"there is no C compiler on this machine. Install gcc or clang, or run pip install 'pellucid\[compiler\]'"
    with pytest.raises(pel.UseError, match=reason):
        pel.function([], w, mode="native")()


@pytest.mark.slow
def test_two_processes_fill_one_cold_cache(folder: Path) -> None:
    """They compile the same programs at the same time, and neither reads a half-written file of the other."""
    program = (
        "import sys, pellucid as pel\nw = pel.shared(1.0, 'w')\n"
        "print(sys.stdin.readline().strip(), flush=True)\n"
        "print(pel.function([], w, updates={w: 0.5 * w}, mode='native').repeat(3).tolist())\n"
    )
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", program], text=True, **PIPES) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=100) for process in processes]
    assert outputs == [("go\n[1.0, 0.5, 0.25]\n", "")] * 2
    assert len([*folder.glob("*.so")]) <= 4  # a program and the check of the compiler, whose bytes may differ
    assert len([*folder.glob("*.json")]) == 1
    assert not [*folder.glob("*.part")]
    assert run_loop() == [1, 0.5, 0.25]
