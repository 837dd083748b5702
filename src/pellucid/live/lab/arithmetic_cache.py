"""Arithmetic of the lab's networks on disk: finding it takes seconds, and it depends only on the network."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import topological
from pellucid.run.compilation_cache import (
    INDEX_SUFFIX,
    cache_directory,
    ensure_writable,
    mark_used,
    unpack_entry,
    write_entry,
)
from pellucid.run.function_builder import function
from pellucid.run.native.compile_cache import describe_program, stamp_sources
from pellucid.typing import Json


def get_arithmetic_path(roots: Sequence[Expr], view: int) -> Path | None:
    """Return the file of the arithmetic of expressions in a view, or None without a cache."""
    folder = ensure_writable(cache_directory())
    inputs = [e for e in topological(roots) if isinstance(e, Input)]
    graph = describe_program(function(inputs, list(roots)).program)
    if folder is None or graph is None:
        return None
    described = json.dumps(["arithmetic", graph, view, stamp_sources(), stamp_arithmetic()])
    return folder / f"{hashlib.sha256(described.encode()).hexdigest()[:32]}{INDEX_SUFFIX}"


@functools.cache
def stamp_arithmetic() -> list[Json]:
    """Return path, size and modification time of the files that write arithmetic."""
    package = Path(__file__).parents[2]
    files = sorted(path for part in ("live", "show") for path in (package / part).rglob("*.py"))
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def load_arithmetic(path: Path) -> Any:
    """Return stored data, or None if they are missing, damaged, or deleted by another process."""
    try:
        found = json.loads(unpack_entry(path.read_bytes(), path.stem))
    except (OSError, ValueError):
        return None
    mark_used(path)
    return found


def save_arithmetic(path: Path, data: Json) -> None:
    write_entry(path, json.dumps(data).encode())
