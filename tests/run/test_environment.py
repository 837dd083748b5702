"""Environment variables that switch parts of the engine off."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.environment import is_enabled
from pellucid.run.kernels import ffi, lowerings
from pellucid.run.native.compiler import find_compiler

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def run_loop() -> list[Any]:
    """Return the results and kinds of a loop and of a batch of loops, and the error without XLA."""
    w = pel.shared(1.0, "w")
    f = pel.function([], w, updates={w: 2 * w})
    values = f.repeat(3).tolist()
    batched = pel.vmap(f, {w: pel.shared([1.0, 3.0], "ws")}).repeat(2).tolist()
    error = None
    try:
        f.copy(mode="native").repeat(3)
    except pel.PellucidError as raised:
        error = str(raised)
    return [values, batched, [type(c).__name__ for c in f.backend.compiled.values()], error]


def run_convolution(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a sum of a convolution, how often a kernel was called, and whether kernels are on."""
    calls, conv_forward = [], ffi.conv_forward
    monkeypatch.setattr(ffi, "conv_forward", lambda *args: calls.append("kernel") or conv_forward(*args))
    x = np.ones((4, 34, 34, 8), "float32")
    total = pel.function([], pel.conv(x, np.ones((3, 3, 8, 16), "float32")), mode="xla")().sum()
    return [float(total), len(calls), len(lowerings.get_lowerings()) > 0]


@needs_compiler
def test_loops_are_compiled_as_c_by_default() -> None:
    assert run_loop() == [[1.0, 2.0, 4.0], [[1.0, 3.0], [2.0, 6.0]], ["CompiledLoop"], None]


def test_pellucid_native_0_compiles_no_loops_as_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    values, batched, compiled, error = run_loop()
    assert (values, batched) == ([1.0, 2.0, 4.0], [[1.0, 3.0], [2.0, 6.0]])
    assert "CompiledLoop" not in compiled
    assert error.startswith('mode="native": this program cannot be compiled as C: the environment variable PELLUCID_N')


@needs_compiler
def test_convolutions_use_kernels_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_convolution(monkeypatch) == [4 * 32 * 32 * 16 * 72, 1, True]


def test_pellucid_kernels_0_leaves_everything_to_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    assert run_convolution(monkeypatch) == [4 * 32 * 32 * 16 * 72, 0, False]


@pytest.mark.parametrize("variable", ["PELLUCID_KERNELS", "PELLUCID_NATIVE", "PELLUCID_KEEP_MEMORY"])
def test_switches_are_0_or_1(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, enabled in (("", True), ("0", False), ("1", True)):
        monkeypatch.setenv(variable, value)
        assert is_enabled(variable) == enabled
    monkeypatch.setenv(variable, "off")
    with pytest.raises(pel.OptionError, match=rf"{variable}: expected 0 \(off\) or 1 \(on\). Received: 'off'"):
        is_enabled(variable)


@pytest.mark.parametrize("variable", ["PELLUCID_NATIVE", "PELLUCID_KERNELS"])
def test_other_values_are_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "no")
    message = re.escape(f"Environment variable {variable}: expected 0 (off) or 1 (on). Received: 'no'")
    with pytest.raises(pel.OptionError, match=message):
        run_loop() if variable == "PELLUCID_NATIVE" else run_convolution(monkeypatch)


def test_all_variables_are_documented() -> None:
    root = Path(__file__).parents[2]
    text = (root / "src" / "pellucid" / "guides" / "environment.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(PELLUCID_\w+)` \|", text, re.MULTILINE))
    code = "\n".join(path.read_text("utf-8") for path in (root / "src").rglob("*.py"))
    assert set(re.findall(r"[\"`](PELLUCID_[A-Z_]*[A-Z])\b", code)) == documented
