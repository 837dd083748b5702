"""The C compiler of the package ``ziglang``, on machines without another one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import zig
from pellucid.run.backends import record_backends
from pellucid.run.kernels import ffi
from pellucid.run.native import compiler
from pellucid.run.zig import find_zig

pytestmark = pytest.mark.skipif(find_zig() is None, reason="the package ziglang is not installed")


def test_ziglang_is_the_last_compiler_that_is_tried(only_ziglang: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiler.find_compiler() == find_zig()
    assert zig.is_zig(compiler.require_compiler())
    monkeypatch.setattr(compiler, "read_version", lambda cc: "zig 0.15, clang version 20")
    assert compiler.is_clang()
    assert compiler.get_link_flags() == ()
    assert not compiler.has_mvec.__wrapped__()
    monkeypatch.setattr(compiler.shutil, "which", lambda name: "/usr/bin/clang" if name == "clang" else None)
    compiler.find_compiler.cache_clear()
    assert compiler.find_compiler() == ("/usr/bin/clang",)


def train(mode: str) -> np.ndarray:
    """Return the losses of 20 steps of a small model with functions of the C library in it."""
    x, w = pel.matrix("x", shape=("n", 3)), pel.shared(np.float32([0.3, -0.7, 0.2]), "w")
    loss = (pel.sin(pel.tanh(x @ w)) + pel.erf(pel.log1p(pel.exp(x @ w)))).mean()
    data = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    return np.asarray(pel.function([x], loss, updates={w: w - 0.1 * pel.grad(loss, w)}, mode=mode).repeat(20, data))


@pytest.mark.slow
def test_loops_are_compiled_with_ziglang(only_ziglang: None) -> None:
    record: list[str] = []
    with record_backends(record):
        found = train("native")
    np.testing.assert_allclose(found, train("numpy"), rtol=1e-5)
    [backend] = record
    assert backend.startswith("C loops: zig cc, zig ")
    assert "clang version" in backend
    assert "-O3 -march=native" in backend


@pytest.mark.slow
def test_kernels_are_compiled_with_ziglang(only_ziglang: None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(ffi, "conv_forward", lambda *a, f=ffi.conv_forward: calls.append(a) or f(*a))
    x = np.random.default_rng(0).normal(size=(4, 34, 34, 8)).astype("float32")
    result = pel.function([], pel.conv(x, np.full((3, 3, 8, 16), 0.5, "float32")), mode="xla")()
    assert len(calls) == 1
    np.testing.assert_allclose(result[0, 0, 0], x[0, :3, :3].sum() / 2, rtol=1e-4)


@pytest.mark.slow
def test_a_program_is_compiled_to_the_same_bytes(only_ziglang: None, tmp_path: Path) -> None:
    cc = compiler.require_compiler()
    code, options = "double f(double x) { return 2 * x; }", compiler.get_flags()
    first, second = (tmp_path / name for name in ("first", "a_second_folder"))
    for folder in (first, second):
        folder.mkdir()
        compiler.compile_library(cc, code, folder, "key", options, 60)
    [one], [other] = ([*folder.iterdir()] for folder in (first, second))
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


def test_a_long_first_compilation_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(zig, "PATIENCE", 0.05)
    zig.print_explanation.cache_clear()
    for command in (("gcc",), find_zig()):
        with zig.explain_first_build(command):
            time.sleep(0.3)
        explained = "ziglang builds its C library, once on this machine" in capsys.readouterr().err
        assert explained == (command != ("gcc",))
    monkeypatch.setattr(zig, "PATIENCE", 30)
    with zig.explain_first_build(find_zig()):
        pass
    assert not capsys.readouterr().err


def test_ziglang_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zig.importlib.util, "find_spec", lambda name: None)
    assert find_zig() is None
