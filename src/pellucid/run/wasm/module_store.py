"""Compiled modules on disk: those that the package ships, and those that this machine compiled before.

A module is found by the graphs of its functions, so that nothing is traced or compiled again. Shipped modules serve
readers without a compiler. They have the hash of the C that they were compiled from; a test generates the C
and compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pellucid.run.compilation_cache import (
    INDEX_SUFFIX,
    cache_directory,
    ensure_writable,
    mark_used,
    unpack_entry,
    write_entry,
)
from pellucid.run.native.compile_cache import describe_program, stamp_sources
from pellucid.run.wasm.module import FunctionSource, WasmModule, compile_code, from_json, generate_code, to_json
from pellucid.run.wasm.toolchain import stamp_compilers

SHIPPED = Path(__file__).with_name("shipped")
"""Folder of the modules in the package: one JSON file each, named by its key."""


def prepare_module(functions: Sequence[FunctionSource], *, relaxed: bool = True) -> Callable[[], WasmModule]:
    """Find the module of some functions, or generate their code; return a function that returns the compiled module."""
    key = make_key(functions)
    path = None if key is None else get_cache_path(key, relaxed)
    module = (key and load_shipped(key)) or (path and load_cached(path))
    if module:
        return lambda: module
    code = generate_code(functions)

    def compile_and_save() -> WasmModule:
        compiled = compile_code(code, relaxed=relaxed)
        if path is not None:
            write_entry(path, json.dumps(to_json(compiled)).encode())
        return compiled

    return compile_and_save


def make_key(functions: Sequence[FunctionSource]) -> str | None:
    """Return a hash of graphs, argument types and symbols, without names; None if an op is not defined in pellucid.

    The graph of a custom op does not determine its code.
    """
    parts = []
    for f in functions:
        graph = describe_program(f.program)
        if graph is None:
            return None
        nodes, *rest = graph
        parts.append([[drop_names(node) for node in nodes], rest, f.symbol, f.args, f.walk, f.quiet_symbol, f.hot])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def drop_names(node: dict[str, Any]) -> dict[str, Any]:
    hidden = ("name", "value", "tags") if node.get("leaf") == "shared" else ("name",)
    return {key: value for key, value in node.items() if key not in hidden}


def load_shipped(key: str) -> WasmModule | None:
    path = SHIPPED / f"{key}.json"
    return from_json(json.loads(path.read_text("utf-8"))) if path.is_file() else None


def get_cache_path(key: str, relaxed: bool) -> Path | None:
    """Return the file of a module in the cache, or None without a cache."""
    folder = ensure_writable(cache_directory())
    if folder is None:
        return None
    described = json.dumps(["wasm", key, relaxed, stamp_sources(), stamp_compilers()])
    return folder / f"{hashlib.sha256(described.encode()).hexdigest()[:32]}{INDEX_SUFFIX}"


def load_cached(path: Path) -> WasmModule | None:
    try:
        module = from_json(json.loads(unpack_entry(path.read_bytes(), path.stem)))
    except (OSError, ValueError, KeyError, TypeError):  # missing, damaged, or deleted by another process
        return None
    mark_used(path)
    return module
