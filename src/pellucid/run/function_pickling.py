"""Pickling of compiled functions: the simplified program as expressions, without compiled code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.rewriter import Journal
from pellucid.graph.serialization.pickling import GraphState, pack, unpack
from pellucid.run.device_selection import choose_devices
from pellucid.run.function import Function
from pellucid.run.graph_program import BatchedProgram, Program
from pellucid.run.jax_runtime import jax

PARTS = ("inputs", "outputs", "original_outputs", "updates", "read")
"""Attributes of a program that consist of expressions."""


def reduce_function(f: Function) -> tuple[Any, ...]:
    """Return the parts of a function for pickle, as ``__reduce__`` does."""
    program = f.program
    parts = {"program": get_parts(program)}
    settings: dict[str, Any] = {"donate": program.donate}
    if isinstance(program, BatchedProgram):
        parts["one"] = get_parts(program.one)
        settings["mapped"] = program.mapped
    options = {"mode": f.mode, "defaults": f.defaults, "devices": get_device_numbers(f), "shard": f.shard}
    return load_function, (pack(parts), settings, get_structure(f), options)


def load_function(state: GraphState, settings: dict[str, Any], structure: Any, options: dict[str, Any]) -> Function:
    """Return the function that `reduce_function` took apart."""
    parts = unpack(state)
    if "one" in parts:
        one = Program(**parts["one"], journal=Journal(), donate=settings["donate"])
        program: Program = BatchedProgram(**parts["program"], journal=one.journal, one=one, **settings)
    else:
        program = Program(**parts["program"], journal=Journal(), **settings)
    devices = choose_devices(options.pop("devices"))
    return Function(program, structure, devices=devices, **options)


def get_parts(program: Program) -> dict[str, Any]:
    return {name: getattr(program, name) for name in PARTS}


def get_structure(f: Function) -> Any:
    """Return the form of the outputs without the expressions: None, a list, a dict, or "single"."""
    if isinstance(f._structure, Mapping):
        return dict.fromkeys(f._structure)
    if isinstance(f._structure, (list, tuple)):
        return [None] * len(f._structure)
    return None if f._structure is None else "single"


def get_device_numbers(f: Function) -> list[int] | None:
    """Return the numbers of a function's devices among those of this process."""
    if f.devices is None:
        return None
    local = list(jax().local_devices())
    return [local.index(device) for device in f.devices if device in local]
