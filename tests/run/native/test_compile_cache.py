"""The cache of compiled loops: hits by graph and shapes, misses otherwise, and damaged entries."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import jax_runtime
from pellucid.run.native import compile_cache, program
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

LOOP = """
import sys
import pellucid as pel
x, w = pel.vector("x", shape=("n",)), pel.shared(1.0, "w")
f = pel.function([x], [w, (w * x).sum()], updates={w: 2 * w + pel.tanh(x).mean()})
print([o.tolist() for o in f.repeat(3, [0.5, -0.5])], "jax" in sys.modules)
print("tanh" in next(iter(f.backend.compiled.values())).code)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    return tmp_path


def get_path(
    step: Callable[[Any], Any] = pel.tanh, size: int = 2, walk: bool = False, start: float = 1.0
) -> Path | None:
    """Return the path of a loop's entry."""
    x, w = pel.vector("x", shape=("n",)), pel.shared(start, "w")
    f = pel.function([x], w, updates={w: w + step(x).sum()})
    return compile_cache.get_entry_path(f.program, [np.zeros(size, "float32")], walk)


@pytest.mark.slow
def test_the_next_process_uses_the_cache_and_imports_no_jax(folder: Path, python: Callable[..., list[str]]) -> None:
    first = python(LOOP, PELLUCID_CACHE=str(folder))
    second = python(LOOP, PELLUCID_CACHE=str(folder))
    assert first == ["[[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]] True", "True"]
    assert second == ["[[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]] False", "True"]


def test_a_cached_loop_runs_without_jax(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[list[float]]:
        x, w = pel.vector("x", shape=("n",)), pel.shared(1.0, "w")
        f = pel.function([x], [w, (w * x).sum()], updates={w: 2 * w + pel.tanh(x).mean()}, mode="native")
        found = [o.tolist() for o in f.repeat(3, [0.5, -0.5])]
        [loop] = f.backend.compiled.values()
        assert "tanh" in loop.code
        return found

    expected = run()
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    fail = SimpleNamespace(find_spec=lambda name, *_: pytest.fail("JAX was imported") if name == "jax" else None)
    monkeypatch.setattr(sys, "meta_path", [fail, *sys.meta_path])
    monkeypatch.setattr(jax_runtime, "start_jax", lambda: pytest.fail("JAX was started"))
    jax_runtime.jax.cache_clear()
    assert run() == expected == [[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]]


def test_the_key_depends_on_graph_and_shapes_and_not_on_values(folder: Path) -> None:
    same = get_path()
    assert same is not None
    assert same == get_path(start=2.0)
    others = [
        get_path(pel.sin),
        get_path(size=3),
        get_path(walk=True),
        get_path(lambda x: 2 * x),
        get_path(lambda x: 3 * x),
    ]
    big = [get_path(lambda x, k=k: pel.tanh(x.sum() * np.full(2000, k, "float32"))) for k in (1, 2)]
    assert len({same, *others, *big}) == 8


def test_the_key_depends_on_the_source_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = get_path()
    monkeypatch.setattr(compile_cache, "stamp_sources", lambda: ["edited"])
    assert get_path() != original


def test_the_source_files_are_found() -> None:
    names = {Path(path).name for path, *_ in compile_cache.stamp_sources()}
    assert {"equations.py", "vector_math.c", "hyperbolic.py", "evaluate.py"} <= names
    assert any("jax" in path for path, *_ in compile_cache.stamp_sources())


def test_loops_with_custom_ops_are_not_cached(folder: Path) -> None:
    @pel.op(grad=lambda g, y, x: g)
    def test_custom_double(xp: Any, x: Any) -> Any:
        """Double."""
        return 2 * x

    assert get_path(test_custom_double) is None
    assert get_path(pel.from_jax(lambda x: 2 * x, name="twice_by_jax")) is None


def test_an_entry_is_bound_to_its_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intact file of another loop, under the name of this one, is a miss."""

    def run(rate: float) -> float:
        w = pel.shared(1.0, "w")
        return float(pel.function([], w, updates={w: rate * w}, mode="native").repeat(3)[-1])

    assert run(3.0) == 9
    [first] = folder.glob("*.json")
    assert run(2.0) == 4
    [second] = set(folder.glob("*.json")) - {first}
    second.write_bytes(first.read_bytes())
    assert compile_cache.load_entry(second) is None
    assert run(2.0) == 4
    entry = compile_cache.load_entry(second)
    assert entry is not None
    assert "gcc" in entry.compiler or "-O3" in entry.compiler


@pytest.mark.parametrize("damage", ["", "{}", '{"library": 3}', None])
def test_a_damaged_entry_or_library_is_compiled_again(
    folder: Path, damage: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> float:
        w = pel.shared(1.0, "w")
        return float(pel.function([], w, updates={w: 3 * w}, mode="native").repeat(3)[-1])

    assert run() == 9
    [entry] = folder.glob("*.json")
    if damage is None:
        library = folder / json.loads(entry.read_text().partition("\n")[2])["library"]
        library.unlink()  # a loaded library must not be overwritten
        library.write_bytes(b"not a library")
    else:
        entry.write_text(damage)
    assert compile_cache.load_entry(entry) is None
    assert run() == 9
    assert compile_cache.load_entry(entry) is not None
    monkeypatch.setattr(program, "trace_step", lambda *args: pytest.fail("traced again"))
    assert run() == 9
