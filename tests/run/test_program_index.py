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


@pytest.mark.parametrize(
    "other",
    [{"step": pel.sin}, {"step": lambda x: 2 * x}, {"size": 4}, {"donate": False}],
    ids=["op", "constant", "shape", "donation"],
)
def test_another_program_is_traced(folder: Path, traces: list[XlaProgram], other: dict[str, Any]) -> None:
    run()
    traces.clear()
    run(**other)
    assert traces
    assert len(list_entries(folder)) == 6


def test_the_key_depends_on_sources_and_settings(
    folder: Path, traces: list[XlaProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    expected = run()
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
            assert run() == expected
        assert traces
    traces.clear()
    with jax.default_matmul_precision("float32"):
        run()
    assert traces


@pytest.mark.parametrize("damage", ["entry", "missing entry", "missing program", "another entry"])
def test_a_damaged_entry_is_a_miss(folder: Path, traces: list[XlaProgram], damage: str) -> None:
    expected = run()
    run(step=pel.sin)
    entries = list_entries(folder)
    contents = [path.read_bytes() for path in entries]
    for path, content in zip(entries, [*contents[1:], contents[0]], strict=True):
        if damage == "missing entry":
            path.unlink()
        elif damage != "missing program":
            path.write_bytes(contents[entries.index(path)][:-1] if damage == "entry" else content)
    if damage == "missing program":
        for path in folder.glob("*.xla"):
            path.unlink()
    traces.clear()
    assert run() == expected
    assert traces


def test_a_program_in_which_a_kernel_failed_is_not_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = XlaProgram.trace_without_kernels

    def fail(self: XlaProgram, *values: Any) -> Any:
        note_failed_kernel()
        return trace(self, *values)

    monkeypatch.setattr(XlaProgram, "trace_without_kernels", fail)
    run()
    assert list_entries(folder) == []


def test_fast_compilations_and_custom_ops_are_not_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(step=pel.from_jax(lambda x: 2 * x, name="twice_by_jax_in_index"))
    assert list_entries(folder) == []
    monkeypatch.setattr(compilation_cache, "MIN_COMPILE_SECONDS", 60.0)
    run()
    assert list_entries(folder) == []


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


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_the_next_process_loads_kernels_without_a_trace(tmp_path: Path, python: Callable[..., list[str]]) -> None:
    first = python(CONVOLUTION, PELLUCID_CACHE=str(tmp_path))
    second = python(CONVOLUTION, PELLUCID_CACHE=str(tmp_path))
    assert "C kernels" in first[1]
    assert (first[2], second[2]) == ("True", "False")
    assert second[:2] == first[:2]
    entries = [json.loads(path.read_bytes().partition(b"\n")[2]) for path in list_entries(tmp_path)]
    assert any(entry.get("kernels") for entry in entries)


def test_a_loaded_program_calls_lapack(folder: Path) -> None:
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
