"""The index of XLA programs: a program is found by its graph without a trace, or traced again if anything differs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import compilation_cache, program_index
from pellucid.run.kernels import loading
from pellucid.run.kernels.loading import note_failed_kernel
from pellucid.run.native.compiler import find_compiler
from pellucid.run.xla import XlaProgram


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder that keeps all programs, however fast they compile."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    monkeypatch.setattr(compilation_cache, "MIN_COMPILE_SECONDS", 0.0)
    return tmp_path


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[XlaProgram]:
    """The programs that are traced, in turn."""
    traced: list[XlaProgram] = []
    trace = XlaProgram.trace_without_kernels

    def record(self: XlaProgram, *values: Any) -> Any:
        traced.append(self)
        return trace(self, *values)

    monkeypatch.setattr(XlaProgram, "trace_without_kernels", record)
    return traced


def run(start: float = 1.0, step: Callable[[Any], Any] = pel.tanh, size: int = 3, donate: bool = True) -> list[Any]:
    """Run a new function of the same graph: once, as a loop, and over batches."""
    x, w = pel.vector("x", shape=("n",)), pel.shared(start, "w")
    f = pel.function([x], [(w * x).sum(), w], updates={w: w + step(x).sum()}, mode="xla", donate=donate)
    values = np.linspace(-1, 1, size, dtype="float32")
    results = [f(values), f.repeat(3, values), f.over(np.stack([values, 2 * values]))]
    return [np.asarray(each).tolist() for outputs in results for each in outputs] + [w.get_value().tolist()]


def call(start: float = 1.0, step: Callable[[Any], Any] = pel.tanh, size: int = 3, donate: bool = True) -> Any:
    """Call a new function of the same graph once."""
    x, w = pel.vector("x", shape=("n",)), pel.shared(start, "w")
    f = pel.function([x], (w * x).sum(), updates={w: w + step(x).sum()}, mode="xla", donate=donate)
    return f(np.linspace(-1, 2, size, dtype="float32")), float(w.get_value())


def list_entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def test_the_same_graph_is_not_traced_again(folder: Path, traces: list[XlaProgram]) -> None:
    expected = run()
    assert len(list_entries(folder)) == 3  # a call, a loop, and a loop over batches
    assert traces
    traces.clear()
    assert run() == expected
    assert run(2.0) != expected  # the state is not part of the program
    assert not traces


def test_another_program_is_traced(folder: Path, traces: list[XlaProgram]) -> None:
    others: dict[str, dict[str, Any]] = {
        "op": {"step": pel.sin},
        "constant": {"step": lambda x: 2 * x},
        "another constant": {"step": lambda x: 3 * x},
        "shape": {"size": 4},
        "donation": {"donate": False},
    }
    call()
    for count, (name, other) in enumerate(others.items(), 2):
        traces.clear()
        call(**other)
        assert traces, name
        assert len(list_entries(folder)) == count, name


def test_the_key_depends_on_sources_and_settings(
    folder: Path, traces: list[XlaProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    expected = call()
    changes: list[Callable[[pytest.MonkeyPatch], None]] = [
        lambda patch: patch.setenv("PELLUCID_KERNELS", "0"),
        lambda patch: patch.setattr(program_index, "stamp_sources", lambda: ["edited"]),
        lambda patch: patch.setattr(program_index, "describe_environment", lambda: ["another machine"]),
        lambda patch: patch.setattr(program_index, "count_cores", lambda: 1000),
    ]
    for change in changes:
        traces.clear()
        with monkeypatch.context() as patch:
            change(patch)
            assert call() == expected
        assert traces
    traces.clear()
    with jax.default_matmul_precision("float32"):
        call()
    assert traces
    traces.clear()
    assert call() == expected
    assert not traces


def test_a_damaged_entry_is_a_miss(folder: Path, traces: list[XlaProgram]) -> None:
    expected = call()
    [entry], [program] = list_entries(folder), folder.glob("*.xla")
    call(step=pel.sin)
    [other] = set(list_entries(folder)) - {entry}
    intact = entry.read_bytes()
    damages: dict[str, Callable[[], Any]] = {
        "damaged entry": lambda: entry.write_bytes(intact[:-1]),
        "another entry": lambda: entry.write_bytes(other.read_bytes()),
        "missing entry": entry.unlink,
        "missing program": program.unlink,
    }
    for name, damage in damages.items():
        damage()
        traces.clear()
        assert call() == expected, name
        assert traces, name
        assert entry.read_bytes() == intact, name


def test_a_program_in_which_a_kernel_failed_is_not_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = XlaProgram.trace_without_kernels

    def fail(self: XlaProgram, *values: Any) -> Any:
        note_failed_kernel()
        return trace(self, *values)

    monkeypatch.setattr(XlaProgram, "trace_without_kernels", fail)
    call()
    assert list_entries(folder) == []


def test_fast_compilations_and_custom_ops_are_not_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call(step=pel.from_jax(lambda x: 2 * x, name="twice_by_jax_in_index"))
    assert list_entries(folder) == []
    monkeypatch.setattr(compilation_cache, "MIN_COMPILE_SECONDS", 60.0)
    call()
    assert list_entries(folder) == []


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_kernels_of_an_entry_are_loaded_without_a_trace(
    folder: Path, traces: list[XlaProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    def convolve() -> Any:
        images = pel.tensor4("images", shape=("n", 34, 34, 8))
        f = pel.function([images], pel.conv(images, np.full((3, 3, 8, 16), 0.5, "float32")), mode="xla")
        found = f(np.ones((2, 34, 34, 8), "float32"))
        [backends] = f.backend.backends.values()
        return found.sum(), [line.partition(":")[0] for line in backends]

    first = convolve()
    [entry] = (json.loads(path.read_bytes().partition(b"\n")[2]) for path in list_entries(folder))
    assert entry["kernels"]
    traces.clear()
    monkeypatch.setattr(loading, "requests", {})  # as in a new process
    assert convolve() == first
    assert first[0] == 2 * 32 * 32 * 16 * 36
    assert "C kernels" in first[1]
    assert not traces
    assert set(loading.requests) == {*entry["kernels"]}
    monkeypatch.setattr(program_index, "has_amx", lambda: not entry["amx"])
    assert convolve() == first
    assert traces


CONVOLUTION = """
import sys
import numpy as np
import pellucid as pel
from pellucid import nn
from pellucid.run import compilation_cache, program_index
from pellucid.run.xla import XlaProgram
compilation_cache.MIN_COMPILE_SECONDS = 0.0
trace, traced = XlaProgram.trace, []
XlaProgram.trace = lambda self, *values: traced.append(0) or trace(self, *values)
nn.set_random_seed(0)
model = pel.Sequential([nn.Input((16, 16, 8)), nn.Conv2D(32, 3, activation="relu"), nn.Flatten(), nn.Dense(2)])
model.compile("sgd", "mse")
x = np.random.default_rng(0).random((20, 16, 16, 8), dtype="float32")
history = model.fit(x, x[:, 0, 0, :2], batch_size=8, epochs=2, seed=0, verbose=0)
print(history.history["loss"], [float(w.sum()) for w in model.get_weights()])
print([line.partition(":")[0] for line in history.backends])
print(bool(traced))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_the_next_process_loads_kernels_without_a_trace(tmp_path: Path, python: Callable[..., list[str]]) -> None:
    first = python(CONVOLUTION, PELLUCID_CACHE=str(tmp_path))
    second = python(CONVOLUTION, PELLUCID_CACHE=str(tmp_path))
    assert "C kernels" in first[1]
    assert (first[2], second[2]) == ("True", "False")
    assert second[:2] == first[:2]
    entries = [json.loads(path.read_bytes().partition(b"\n")[2]) for path in list_entries(tmp_path)]
    assert any(entry.get("kernels") for entry in entries)


def test_lapack_is_loaded_for_the_programs_that_call_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, load = [], compilation_cache.load_lapack
    monkeypatch.setattr(compilation_cache, "load_lapack", lambda: loads.append(0) or load())
    for count in (0, 1):  # the second function loads the program of the first
        A = pel.matrix("A")
        inverse = pel.function([A], pel.linalg.inv(A), mode="xla")(2 * np.eye(2))
        assert inverse.tolist() == [[0.5, 0.0], [0.0, 0.5]]
        call()
        assert len(loads) == count


@pytest.mark.slow
def test_a_program_that_another_process_compiled_calls_lapack(folder: Path) -> None:
    code = """
import numpy as np, pellucid as pel
from pellucid.run import compilation_cache
compilation_cache.MIN_COMPILE_SECONDS = 0.0
A = pel.matrix("A")
print(pel.function([A], pel.linalg.inv(A))(2 * np.eye(2)).tolist())
"""
    for _ in range(2):  # the second process loads the program of the first
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout == "[[0.5, 0.0], [0.0, 0.5]]\n"
