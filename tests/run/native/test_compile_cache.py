"""Loops that were compiled before are found by their graph, and nothing else is taken for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native import compile_cache, program
from pellucid.run.native.compiler import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")

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
    """An empty folder for what is compiled."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    return tmp_path


def place(step: Callable[[Any], Any] = pel.tanh, size: int = 2, walk: bool = False, start: float = 1.0) -> Path | None:
    """Return where a loop of some step is noted."""
    x, w = pel.vector("x", shape=("n",)), pel.shared(start, "w")
    f = pel.function([x], w, updates={w: w + step(x).sum()})
    return compile_cache.place_of(f.program, [np.zeros(size, "float32")], walk)


def test_the_next_process_takes_what_this_one_compiled_and_imports_no_jax(
    folder: Path, python: Callable[..., list[str]]
) -> None:
    first = python(LOOP, PELLUCID_CACHE=str(folder))
    second = python(LOOP, PELLUCID_CACHE=str(folder))
    assert first == ["[[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]] True", "True"]
    assert second == ["[[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]] False", "True"]


def test_a_loop_is_known_by_its_graph_and_shapes_and_not_by_its_values(folder: Path) -> None:
    same = place()
    assert same is not None
    assert same == place(start=2.0)
    others = [place(pel.sin), place(size=3), place(walk=True), place(lambda x: 2 * x), place(lambda x: 3 * x)]
    big = [place(lambda x, k=k: pel.tanh(x.sum() * np.full(2000, k, "float32"))) for k in (1, 2)]
    assert len({same, *others, *big}) == 8


def test_other_files_of_pellucid_are_another_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = place()
    monkeypatch.setattr(compile_cache, "made_by", lambda: ["edited"])
    assert place() != before


def test_the_files_that_are_looked_at_are_there() -> None:
    names = {Path(path).name for path, *_ in compile_cache.made_by()}
    assert {"equations.py", "vector_math.c", "hyperbolic.py", "affine.py", "evaluate.py"} <= names
    assert any("jax" in path for path, *_ in compile_cache.made_by())


def test_code_of_the_users_own_is_not_known(folder: Path) -> None:
    @pel.op(grad=lambda g, y, x: g)
    def test_known_twice(xp: Any, x: Any) -> Any:
        """Twice."""
        return 2 * x

    assert place(test_known_twice) is None
    assert place(pel.from_jax(lambda x: 2 * x, name="twice_by_jax")) is None


@pytest.mark.parametrize("damage", ["", "{}", '{"library": 3}', None])
def test_a_damaged_note_or_library_is_made_anew(
    folder: Path, damage: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> float:
        w = pel.shared(1.0, "w")
        return float(pel.function([], w, updates={w: 3 * w}, mode="native").repeat(3)[-1])

    assert run() == 9
    [noted] = folder.glob("*.json")
    if damage is None:
        library = folder / json.loads(noted.read_text())["library"]
        library.unlink()  # what is loaded must not be written over
        library.write_bytes(b"no library")
    else:
        noted.write_text(damage)
    assert compile_cache.recall(noted) is None
    assert run() == 9
    assert compile_cache.recall(noted) is not None
    monkeypatch.setattr(program, "equations_of", lambda *given: pytest.fail("traced again"))
    assert run() == 9
