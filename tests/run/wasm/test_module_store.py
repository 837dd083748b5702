"""Modules on disk: they are found by the graphs of their functions, and neither traced nor compiled again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.wasm import module_store
from pellucid.run.wasm.module import FunctionSource, GeneratedCode, WasmModule, to_json
from pellucid.run.wasm.module_store import make_key, prepare_module


def make_source(
    scale: float = 2.0, start: float = 1.0, name: str = "w", rows: int = 4, **options: Any
) -> FunctionSource:
    """Return a function of a graph, whose constant, variable and argument types are given."""
    x, w = pel.matrix("x", shape=("n", 2)), pel.shared(np.full(2, start, "float32"), name)
    program = pel.function([x], scale * (x * w).sum(), updates={w: 0.5 * w}).program
    return FunctionSource(program, options.pop("symbol", "step"), (((rows, 2), "float32"),), **options)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The work that is done, with an empty cache, no shipped modules, and a fake compiler."""
    done: list[str] = []
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module_store, "SHIPPED", tmp_path / "shipped")

    def generate(functions: Any) -> GeneratedCode:
        done.append("generate")
        return GeneratedCode({f.symbol: "" for f in functions}, {f.symbol: [((), "float32")] for f in functions})

    def compile_code(code: GeneratedCode, *, relaxed: bool) -> WasmModule:
        done.append("compile")
        return WasmModule(b"simd", b"relaxed" if relaxed else None, code.source_hash, code.outputs)

    monkeypatch.setattr(module_store, "generate_code", generate)
    monkeypatch.setattr(module_store, "compile_code", compile_code)
    return done


def test_a_module_is_generated_and_compiled_once(work: list[str]) -> None:
    compile_module = prepare_module([make_source()])
    assert work == ["generate"]
    module = compile_module()
    assert work == ["generate", "compile"]
    assert module == WasmModule(b"simd", b"relaxed", module.source, {"step": [((), "float32")]})
    assert prepare_module([make_source(start=7.0, name="other")])() == module
    assert work == ["generate", "compile"]
    assert prepare_module([make_source()], relaxed=False)().relaxed is None
    assert work == ["generate", "compile"] * 2


def test_the_key_depends_on_everything_that_decides_the_code() -> None:
    same = make_key([make_source()])
    assert same is not None
    assert make_key([make_source(start=2.0, name="v")]) == same
    others = [
        {"scale": 3.0},
        {"rows": 5},
        {"symbol": "walk"},
        {"walk": True},
        {"quiet_symbol": "quiet"},
        {"hot": True},
    ]
    keys = [make_key([make_source(**options)]) for options in others]
    keys.append(make_key([make_source(), make_source(symbol="second")]))
    assert len({same, *keys}) == 1 + len(keys)


def test_sources_and_compilers_decide_whether_a_module_is_found(
    work: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_module([make_source()])()
    for name in ("stamp_sources", "stamp_compilers"):
        work.clear()
        with monkeypatch.context() as patch:
            patch.setattr(module_store, name, lambda: ["edited"])
            prepare_module([make_source()])()
        assert work == ["generate", "compile"], name


def test_a_damaged_entry_is_compiled_again(work: list[str], tmp_path: Path) -> None:
    module = prepare_module([make_source()])()
    [path] = (tmp_path / "cache").glob("*.json")
    content = path.read_bytes()
    for damaged in (content[:-1], b"", b"{}"):
        path.write_bytes(damaged)
        work.clear()
        assert prepare_module([make_source()])() == module
        assert work == ["generate", "compile"]
        assert path.read_bytes() == content


def test_shipped_modules_come_first(work: list[str]) -> None:
    shipped = WasmModule(b"shipped", b"shipped too", "hash", {"step": [((4, 2), "float32")]})
    module_store.SHIPPED.mkdir()
    path = module_store.SHIPPED / f"{make_key([make_source()])}.json"
    path.write_text(json.dumps(to_json(shipped)), "utf-8")
    assert prepare_module([make_source()])() == shipped
    assert work == []


def test_modules_of_custom_ops_are_not_stored(work: list[str], tmp_path: Path) -> None:
    x = pel.matrix("x", shape=("n", 2))
    twice = pel.op(name="twice_in_a_module", grad=lambda g, y, x: 2 * g)(lambda xp, x: 2 * x)
    source = FunctionSource(pel.function([x], twice(x)).program, "step", (((4, 2), "float32"),))
    assert make_key([source]) is None
    for _ in range(2):
        prepare_module([source])()
    assert work == ["generate", "compile"] * 2
    assert not [*(tmp_path / "cache").glob("*")]
