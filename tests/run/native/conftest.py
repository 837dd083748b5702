"""Fixtures of the tests of the C compiler."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pellucid.run.native import compile_cache, compiler, compiler_process


def forget_compiler() -> None:
    """Forget what this process knows about the compiler: which one it is, and whether it works."""
    for cached in (compiler.find_compiler, compiler.get_compiler_version, compile_cache.stamp_sources):
        cached.cache_clear()
    compiler.checked_compilers.clear()
    compiler.loaded_libraries.clear()
    compiler_process.failures.clear()
    compiler_process.warned.clear()


@pytest.fixture
def fake_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """A function that makes a shell script the compiler; ``$REAL`` runs the real one, and ``$OUT`` is the library."""
    real = shlex.join(compiler.find_compiler() or ())

    def install(script: str) -> Path:
        path = tmp_path / "fake-cc"
        path.write_text(
            f'#!/bin/sh\nREAL="{real}"; [ "$1" = --version ] || for word; do\n'
            f'  [ "$last" = -o ] && OUT="$word"; last="$word"\ndone\n{script}\n'
        )
        path.chmod(0o700)
        monkeypatch.setenv("CC", str(path))
        forget_compiler()
        return path

    yield install
    monkeypatch.undo()
    forget_compiler()


@pytest.fixture
def only_ziglang(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No C compiler but that of the package ``ziglang``, if it is installed."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    forget_compiler()
    yield
    monkeypatch.undo()
    forget_compiler()


@pytest.fixture
def no_compiler(only_ziglang: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "find_zig", lambda: None)
