"""Functions of the same program with other shared variables, without updates, or in another mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pellucid.graph.errors import DtypeError, InputError, ShapeError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.traversal import replace_all
from pellucid.run.program import Program, only_read


def swapped(program: Program, swap: Mapping[Any, Any]) -> Program:
    """Return a program with other shared variables in the place of some, in the same order."""
    check_swap(program, swap)
    results, count = replace_all([*program.results, *program.written], swap), len(program.outputs)
    outputs, new, written = results[:count], results[count : len(results) - count], results[len(results) - count :]
    updates = dict(zip([swap.get(s, s) for s in program.updates], new, strict=True))
    read = [swap.get(e, e) for e in program.read]
    return replace(program, outputs=outputs, written=written, updates=updates, read=read)


def without_updates(program: Program) -> Program:
    """Return a program that computes the outputs alone."""
    return replace(program, updates={}, read=only_read(program.outputs, {}))


def check_swap(program: Program, swap: Mapping[Any, Any]) -> None:
    """Refuse to swap what is not there, is there already, or is of another type."""
    known: set[Expr] = {s for s in [*program.updates, *program.read] if isinstance(s, Shared)}
    for old, new in swap.items():
        if not isinstance(old, Shared) or not isinstance(new, Shared):
            raise InputError(f"swap: shared variables take the place of shared variables. Received: {old!r}: {new!r}")
        if old not in known:
            names = ", ".join(sorted(map(str, known))) or "none"
            raise InputError(f"swap: the function has no shared variable {old}. It has: {names}")
        if new in known - set(swap):
            raise InputError(f"swap: {new}, which is to take the place of {old}, is in the function already")
        if new.type != old.type:
            kind = DtypeError if new.dtype != old.dtype else ShapeError
            raise kind(f"swap: {new}, which is {new.type}, cannot take the place of {old}, which is {old.type}")
    if len(set(swap.values())) != len(swap):
        raise InputError(f"swap: one shared variable is to take the place of two. Received: {dict(swap)}")
