"""On-disk index of compiled loops by their graphs, so that a later process need not trace them again.

The key of a loop is its graph as data, the shapes of its arguments, the compiler and its flags, and the state of the
source files that generate C from a graph. With a hit, JAX is not even imported.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, StorageError
from pellucid.graph.expr import Constant
from pellucid.graph.op import Op
from pellucid.graph.serialization import GraphWriter
from pellucid.graph.types import as_dtype
from pellucid.run.buffers import Buffer
from pellucid.run.compilation_cache import (
    INDEX_SUFFIX,
    cache_directory,
    ensure_writable,
    mark_used,
    processor,
    unpack_entry,
    write_entry,
)
from pellucid.run.graph_program import Program
from pellucid.run.native.compiler import find_compiler, is_intact
from pellucid.run.native.instruction_set import get_architecture
from pellucid.typing import Array

Outputs = list[tuple[tuple[int, ...], np.dtype[Any]]]


class CompiledLoop:
    """A compiled loop of steps for arguments of certain shapes; ``compiler`` describes what compiled it."""

    code: str

    def __init__(self, library: ctypes.CDLL, code: str, outputs: Outputs, compiler: str) -> None:
        self.library = library
        self.code, self.outputs = code, outputs
        self.function = library.run
        self.compiler = compiler
        self.output_bytes: list[int] = [math.prod(shape) * dtype.itemsize for shape, dtype in outputs]

    def __call__(
        self, state: Sequence[Array], read: Sequence[Array], args: Sequence[Array], first: int, count: int
    ) -> list[Array]:
        """Run some steps, overwriting the state, and return the outputs of each step."""
        history = [np.empty((count, *shape), dtype) for shape, dtype in self.outputs]
        pointers = [
            (ctypes.c_void_p * max(len(arrays), 1))(*[a.ctypes.data for a in arrays])
            for arrays in (state, read, args, history)
        ]
        self.function(*pointers, ctypes.c_int64(first), ctypes.c_int64(count))
        return history


def get_entry_path(program: Program, args: Sequence[Buffer], walk: bool) -> Path | None:
    """Return the file of a loop's entry, or None without a cache or if the graph does not determine the loop.

    ``args`` are the arguments of one step.
    """
    folder = ensure_writable(cache_directory())
    graph = None if folder is None else describe_program(program)
    if folder is None or graph is None:
        return None
    shapes = [[str(a.dtype), *a.shape] for a in args]
    key = json.dumps([graph, walk, shapes, stamp_sources(), processor(), get_architecture()])
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}{INDEX_SUFFIX}"


def describe_program(program: Program) -> Any:
    """Return a program as JSON data, or None if it has an op that is not defined in pellucid."""
    writer = GraphWriter()
    parts: list[Any] = [program.inputs, program.outputs, [*program.updates], [*program.updates.values()], program.read]
    try:
        numbers = [[writer.add(e) for e in part] for part in parts]
    except StorageError:
        return None
    expressions = list(writer.indices)
    if not all(is_builtin(e.op) for e in expressions if e.op is not None):
        return None
    constants = [hashlib.sha256(e.value.tobytes()).hexdigest() for e in expressions if isinstance(e, Constant)]
    return [writer.nodes, numbers, constants]


def is_builtin(op: Op) -> bool:
    """Whether the implementation of an op is in pellucid, so that `stamp_sources` covers it."""
    implementations = [f for f in (op.value, op.xla) if f is not None]
    return all(getattr(f, "__module__", "").partition(".")[0] == "pellucid" for f in implementations)


@functools.cache
def stamp_sources() -> list[list[str | int]]:
    """Return path, size and modification time of every file that C generation depends on, and of the compiler."""
    package, jax_spec = Path(__file__).parents[2], find_spec("jax")
    ours = [
        path for part in ("graph", "run") for path in (package / part).rglob("*") if path.suffix in (".py", ".c", ".h")
    ]
    others = [Path(path) for path in (jax_spec.origin if jax_spec else None, *(find_compiler() or ())[:1]) if path]
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(ours) + others]


def load_entry(path: Path) -> CompiledLoop | None:
    """Return the loop of an entry, or None if there is none that can be used."""
    try:
        entry = json.loads(unpack_entry(path.read_bytes(), path.stem))
        library = path.with_name(Path(entry["library"]).name)
        outputs = [(tuple(map(int, shape)), as_dtype(dtype)) for shape, dtype in entry["outputs"]]
        if not is_intact(library):
            return None
        mark_used(path)
        return CompiledLoop(ctypes.CDLL(str(library)), str(entry["code"]), outputs, str(entry["compiler"]))
    except (OSError, ValueError, KeyError, TypeError, DtypeError):  # missing, damaged, or deleted by another process
        return None


def save_entry(path: Path, loop: CompiledLoop) -> None:
    outputs = [[list(shape), dtype.name] for shape, dtype in loop.outputs]
    entry = {
        "library": Path(loop.library._name).name,
        "outputs": outputs,
        "code": loop.code,
        "compiler": loop.compiler,
    }
    write_entry(path, json.dumps(entry).encode())
