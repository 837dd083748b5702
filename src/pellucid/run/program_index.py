"""On-disk index of XLA programs by their graphs, so that a later process need not trace and lower them again.

The key is the graph as data, the shapes of all arguments, everything that selects kernels, the state of the source
files that trace a graph, and the environment of XLA. An entry names the compiled program in `compilation_cache`, and
has the code of the kernels that it calls.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.run.backends import note_backends
from pellucid.run.buffers import Buffer
from pellucid.run.compilation_cache import (
    INDEX_SUFFIX,
    XLA_SUFFIX,
    describe_environment,
    get_program_folder,
    load_program,
    mark_used,
    record_programs,
    unpack_entry,
    write_entry,
)
from pellucid.run.graph_partitioning import MAX_EXPRESSIONS
from pellucid.run.graph_program import Program
from pellucid.run.jax_runtime import count_cores, jax
from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.kernels.loading import KernelUse, record_kernel_use, request_kernel
from pellucid.run.kernels.lowerings import get_lowerings
from pellucid.run.native.compile_cache import describe_program, stamp_sources
from pellucid.run.native.errors import NotNative
from pellucid.run.native.instruction_set import get_architecture


class IndexedProgram(NamedTuple):
    """A compiled program, and for a loop the maximum number of steps of a chunk."""

    program: Any
    capacity: int | None


def get_index_path(program: Program, kind: str, arguments: Sequence[Sequence[Buffer]]) -> Path | None:
    """Return the file of a program's entry, or None without a cache or if the graph does not determine the program.

    ``arguments`` are the state, the values that are only read, and the arguments of a call or loop.
    """
    folder = get_program_folder()
    is_single = type(program) is Program and program.size <= MAX_EXPRESSIONS
    graph = describe_program(program) if folder is not None and is_single else None
    if folder is None or graph is None:
        return None
    shapes = [[[str(a.dtype), *a.shape] for a in group] for group in arguments]
    kernels = [get_architecture(), count_cores()] if get_lowerings() else []
    settings = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("PELLUCID_") and k != "PELLUCID_CACHE")
    key = json.dumps(["xla", kind, graph, shapes, program.donate, kernels, settings, stamp_sources()])
    text = "\0".join([key, describe_tracing(), *describe_environment()])
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}{INDEX_SUFFIX}"


def describe_tracing() -> str:
    """Return the settings of JAX in this thread, which may change what a function is traced to."""
    config = jax().config
    return str([f"{name}={getattr(config, name, value)}" for name, value in sorted(config.values.items())])


def load_indexed(path: Path, program: Program, arguments: Sequence[Any]) -> IndexedProgram | None:
    """Load the program of an entry and its kernels; return None if there is none that can be used."""
    try:
        entry = json.loads(unpack_entry(path.read_bytes(), path.stem))
        name, kernels, backends, capacity = (entry[k] for k in ("program", "kernels", "backends", "capacity"))
        # `has_amx` also asks the system for permission, without which kernels on AMX crash.
        if kernels and has_amx() != entry["amx"]:
            return None
        for code in kernels:
            request_kernel(code)  # loaded in the background
    except (OSError, ValueError, KeyError, TypeError, NotNative):  # missing, damaged, or a kernel that failed before
        return None
    tree = jax().tree_util.tree_structure
    in_tree = tree((tuple(arguments), {}))
    out_tree = tree(([0] * len(program.outputs), [0] * len(program.updates)))
    compiled = load_program(path.with_name(f"{Path(name).name}{XLA_SUFFIX}"), in_tree, out_tree)
    if compiled is None:
        return None
    mark_used(path)
    note_backends(backends)
    return IndexedProgram(compiled, capacity)


class BuildRecord(NamedTuple):
    """The kernels and stored XLA programs of a build."""

    kernels: KernelUse
    programs: list[Path]


@contextmanager
def record_build() -> Iterator[BuildRecord]:
    """Record the kernels and programs that are traced and compiled inside a ``with`` block."""
    with record_kernel_use() as kernels, record_programs() as programs:
        yield BuildRecord(kernels, programs)


def save_index(path: Path, record: BuildRecord, backends: Sequence[str], capacity: int | None) -> None:
    """Write the entry of a program, unless it is not stored, or a kernel failed that may work the next time."""
    if len(record.programs) != 1 or record.kernels.failed:
        return
    entry = {
        "program": record.programs[0].stem,
        "kernels": list(record.kernels.codes),
        "amx": bool(record.kernels.codes) and has_amx(),
        "backends": list(backends),
        "capacity": capacity,
    }
    write_entry(path, json.dumps(entry).encode())
