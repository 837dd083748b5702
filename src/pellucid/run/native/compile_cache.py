"""What is known of loops that were compiled from C before: they are found by their graph, without tracing them.

A loop is known by its graph as data, the shapes of its arguments, the compiler and its flags, and the very files of
pellucid and JAX that made C of it. JAX, which would trace it, need then not even be imported.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.errors import DtypeError, StorageError
from pellucid.graph.expr import Constant
from pellucid.graph.op_def import Op
from pellucid.graph.serialization import Writer
from pellucid.graph.types import as_dtype
from pellucid.run.compilation_cache import KNOWN, cache_directory, processor, usable, used, write
from pellucid.run.native.compiler import compiler, flags, unharmed
from pellucid.run.program import Program

Outputs = list[tuple[tuple[int, ...], np.dtype[Any]]]


class Known(NamedTuple):
    """A compiled loop: its library, its text, and the shape and dtype of each output."""

    library: Any
    code: str
    outputs: Outputs


def place_of(program: Program, one: list[Any], walk: bool) -> Path | None:
    """Return where a loop is noted, or None where nothing is kept or its graph does not tell all of it.

    ``one`` is what one step is given.
    """
    kept = usable(cache_directory())
    graph = None if kept is None else described(program)
    if kept is None or graph is None:
        return None
    shapes = [[str(a.dtype), *a.shape] for a in one]
    told = json.dumps([graph, walk, shapes, made_by(), processor(), flags()])
    return kept / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}{KNOWN}"


def described(program: Program) -> Any:
    """Return a program as data, or None where it has an op whose code is not pellucid's."""
    writer = Writer()
    parts: list[Any] = [program.inputs, program.outputs, [*program.updates], [*program.updates.values()], program.read]
    try:
        places = [[writer.add(e) for e in part] for part in parts]
    except StorageError:
        return None
    inside = list(writer.places)
    if not all(is_pellucids(e.op) for e in inside if e.op is not None):
        return None
    values = [hashlib.sha256(e.value.tobytes()).hexdigest() for e in inside if isinstance(e, Constant)]
    return [writer.nodes, places, values]


def is_pellucids(op: Op) -> bool:
    """Tell whether what an op computes is written in pellucid, whose files are looked at."""
    parts = [part for part in (op.value, op.xla) if part is not None]
    return all(getattr(part, "__module__", "").partition(".")[0] == "pellucid" for part in parts)


@functools.cache
def made_by() -> list[Any]:
    """Return what tells one state of the files apart from another that make C of a graph, the compiler among them."""
    home, spec = Path(__file__).parents[2], find_spec("jax")
    ours = [path for part in ("graph", "run") for path in (home / part).rglob("*") if path.suffix in (".py", ".c")]
    others = [Path(place) for place in (spec.origin if spec else None, compiler()) if place]
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(ours) + others]


def recall(place: Path) -> Known | None:
    """Return the loop that is noted at a place, or None where none is that can be used."""
    try:
        noted = json.loads(place.read_text("utf-8"))
        library = place.with_name(Path(noted["library"]).name)
        outputs = [(tuple(map(int, shape)), as_dtype(dtype)) for shape, dtype in noted["outputs"]]
        if not unharmed(library):
            return None
        used(place)
        return Known(ctypes.CDLL(str(library)), str(noted["code"]), outputs)
    except (OSError, ValueError, KeyError, TypeError, DtypeError):  # not there, not whole, or deleted meanwhile
        return None


def note(place: Path, known: Known) -> None:
    """Note a loop that was compiled into the same folder."""
    outputs = [[list(shape), dtype.name] for shape, dtype in known.outputs]
    made = {"library": Path(known.library._name).name, "outputs": outputs, "code": known.code}
    write(place, json.dumps(made).encode())
