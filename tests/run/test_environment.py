"""Environment variables that switch parts of the engine off."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import pellucid as pel
from pellucid.run.environment import is_enabled
from pellucid.run.native.compiler import find_compiler

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

LOOP = """
import pellucid as pel
w = pel.shared(1.0, "w")
f = pel.function([], w, updates={w: 2 * w})
print(f.repeat(3).tolist())
print([type(c).__name__ for c in f.backend.compiled.values()])
g = pel.vmap(f, {w: pel.shared([1.0, 3.0], "ws")})
print(g.repeat(2).tolist())
try:
    f.copy(mode="native").repeat(3)
except pel.PellucidError as error:
    print(error)
"""

CONVOLUTION = """
import numpy as np, pellucid as pel
from pellucid.run.kernels import ffi, lowerings
calls, conv_forward = [], ffi.conv_forward
ffi.conv_forward = lambda *args: calls.append("kernel") or conv_forward(*args)
x = np.ones((4, 34, 34, 8), "float32")
f = pel.function([], pel.conv(x, np.ones((3, 3, 8, 16), "float32")), mode="xla")
print(f().sum() == 4 * 32 * 32 * 16 * 72, calls, len(lowerings.get_lowerings()) > 0)
"""


@needs_compiler
def test_loops_are_compiled_as_c_by_default(python: Callable[..., list[str]]) -> None:
    assert python(LOOP) == ["[1.0, 2.0, 4.0]", "['CompiledLoop']", "[[1.0, 3.0], [2.0, 6.0]]"]


def test_pellucid_native_0_compiles_no_loops_as_c(python: Callable[..., list[str]]) -> None:
    values, compiled, batched, error = python(LOOP, PELLUCID_NATIVE="0")
    assert (values, batched) == ("[1.0, 2.0, 4.0]", "[[1.0, 3.0], [2.0, 6.0]]")
    assert "CompiledLoop" not in compiled
    assert error.startswith('mode="native": this program cannot be compiled as C: the environment variable PELLUCID_N')


@needs_compiler
def test_convolutions_use_kernels_by_default(python: Callable[..., list[str]]) -> None:
    assert python(CONVOLUTION) == ["True ['kernel'] True"]


def test_pellucid_kernels_0_leaves_everything_to_xla(python: Callable[..., list[str]]) -> None:
    assert python(CONVOLUTION, PELLUCID_KERNELS="0") == ["True [] False"]


@pytest.mark.parametrize("variable", ["PELLUCID_KERNELS", "PELLUCID_NATIVE", "PELLUCID_KEEP_MEMORY"])
def test_switches_are_0_or_1(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, enabled in (("", True), ("0", False), ("1", True)):
        monkeypatch.setenv(variable, value)
        assert is_enabled(variable) == enabled
    monkeypatch.setenv(variable, "off")
    with pytest.raises(pel.OptionError, match=rf"{variable}: expected 0 \(off\) or 1 \(on\). Received: 'off'"):
        is_enabled(variable)


@pytest.mark.parametrize(("variable", "program"), [("PELLUCID_NATIVE", LOOP), ("PELLUCID_KERNELS", CONVOLUTION)])
def test_other_values_are_refused(variable: str, program: str, python: Callable[..., list[str]]) -> None:
    run = f"import pellucid as pel\ntry:\n    exec({program!r})\nexcept pel.OptionError as error:\n    print(error)"
    assert python(run, **{variable: "no"})[-1] == (
        f"Environment variable {variable}: expected 0 (off) or 1 (on). Received: 'no'"
    )


def test_all_variables_are_documented() -> None:
    root = Path(__file__).parents[2]
    text = (root / "src" / "pellucid" / "guides" / "environment.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(PELLUCID_\w+)` \|", text, re.MULTILINE))
    code = "\n".join(path.read_text("utf-8") for path in (root / "src").rglob("*.py"))
    assert set(re.findall(r"[\"`](PELLUCID_[A-Z_]*[A-Z])\b", code)) == documented
