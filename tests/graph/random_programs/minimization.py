"""Shortening of a program that fails, until no step keeps the failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from .checking import Failure, check_programs
from .program import NAME, Array, InputData, Line, Program, find_names

MAX_CHECKS = 300


def minimize(failure: Failure) -> Failure:
    """Return a failure of the same kind in the same mode, of a program that no step shortens."""
    modes = ["interpreter", failure.mode] if failure.mode not in ("build", "interpreter") else ["interpreter"]
    order = 1 if failure.kind == "gradient" else 0 if failure.kind == "value" else 2

    def check(program: Program) -> Failure | None:
        try:
            program.compute()
            failures = check_programs([program], modes, order).failures
        except Exception:
            return None
        same = [f for f in failures if (f.kind, f.mode) == (failure.kind, failure.mode)]
        return same[0] if same and get_error(same[0]) == get_error(failure) else None

    found = failure
    checks = 0
    changed = True
    while changed and checks < MAX_CHECKS:
        changed = False
        for candidate in list_candidates(found.program):
            checks += 1
            smaller = check(candidate)
            if smaller is not None:
                found, changed = smaller, True
                break
            if checks >= MAX_CHECKS:
                break
    return found


def get_error(failure: Failure) -> str:
    """Return the type of the error, or an empty string for a wrong number."""
    return failure.message.partition(":")[0] if failure.kind == "error" else ""


def list_candidates(program: Program) -> Iterator[Program]:
    """Yield programs that are one step shorter, those with the largest steps first."""
    steps: list[Callable[[Program], Iterator[Program]]] = [
        drop_outputs,
        cut_lines,
        skip_lines,
        move_outputs,
        share_inputs,
        declare_sizes,
        shrink_sizes,
        simplify_data,
    ]
    for step in steps:
        yield from step(program)


def drop_outputs(program: Program) -> Iterator[Program]:
    if len(program.outputs) > 1:
        for name in program.outputs:
            yield replace(program, outputs=(name,)).prune()
        for name in program.outputs:
            yield replace(program, outputs=tuple(o for o in program.outputs if o != name)).prune()
    if program.weighted:
        yield replace(program, weighted=False)


def cut_lines(program: Program) -> Iterator[Program]:
    """Replace a result by an input of its value."""
    values = program.compute_all()
    number = 1 + max((int(i.name[1:]) for i in program.inputs), default=-1)
    for line in reversed(program.lines):
        if line.target in program.outputs:
            continue
        dtype = "float32" if any(i.dtype == "float32" for i in program.inputs) else "float64"
        value = np.asarray(values[line.target])
        with np.errstate(over="ignore"):
            value = value.astype(dtype) if value.dtype.kind == "f" else value
        new = InputData(f"x{number}", tuple(value.shape), value)
        lines = tuple(
            Line(other.target, rename(other.code, line.target, new.name))
            for other in program.lines
            if other is not line
        )
        yield replace(program, inputs=(*program.inputs, new), lines=lines).prune()


def skip_lines(program: Program) -> Iterator[Program]:
    """Replace a result by an operand of the same shape and dtype."""
    values = program.compute_all()
    for line in reversed(program.lines):
        for name in find_names(line.code):
            same = (values[name].shape, values[name].dtype) == (values[line.target].shape, values[line.target].dtype)
            if same and not (line.target in program.outputs and name.startswith("x")):
                lines = tuple(
                    Line(other.target, rename(other.code, line.target, name))
                    for other in program.lines
                    if other is not line
                )
                outputs = tuple(dict.fromkeys(name if o == line.target else o for o in program.outputs))
                yield replace(program, lines=lines, outputs=outputs).prune()


def move_outputs(program: Program) -> Iterator[Program]:
    """Return an operand of the last line instead of its result."""
    for line in program.lines:
        if line.target in program.outputs:
            names = [n for n in find_names(line.code) if n.startswith("v") and n not in program.outputs]
            for name in names:
                yield replace(program, outputs=tuple(name if o == line.target else o for o in program.outputs)).prune()


def share_inputs(program: Program) -> Iterator[Program]:
    """Use an input twice in the place of two inputs of one type."""
    for k, first in enumerate(program.inputs):
        for second in program.inputs[k + 1 :]:
            if (first.dims, first.dtype) == (second.dims, second.dtype):
                lines = tuple(Line(s.target, rename(s.code, second.name, first.name)) for s in program.lines)
                yield replace(program, lines=lines).prune()


def declare_sizes(program: Program) -> Iterator[Program]:
    """Declare the sizes of inputs."""
    known = tuple(replace(i, dims=tuple(i.value.shape)) for i in program.inputs)
    if known != program.inputs:
        yield replace(program, inputs=known)
        for k, i in enumerate(program.inputs):
            if i.dims != i.value.shape:
                yield replace(program, inputs=(*program.inputs[:k], known[k], *program.inputs[k + 1 :]))


def shrink_sizes(program: Program) -> Iterator[Program]:
    """Cut all axes of one size, or the axes of one input, and the numbers of that size in the lines."""
    for size in sorted({n for i in program.inputs for n in i.value.shape if n > 1}, reverse=True):
        for new in dict.fromkeys((1, size - 1)):
            inputs = tuple(cut_axes(i, size, new) for i in program.inputs)
            yield replace(program, inputs=inputs)
            lines = tuple(
                Line(s.target, re.sub(rf"(?<![\w.]){size}(?![\w.])", str(new), s.code)) for s in program.lines
            )
            if lines != program.lines:
                yield replace(program, inputs=inputs, lines=lines)
    for k, i in enumerate(program.inputs):
        for axis, size in enumerate(i.value.shape):
            if size > 1:
                value = np.take(i.value, [0], axis)
                cut = replace(i, value=value, dims=(*i.dims[:axis], 1, *i.dims[axis + 1 :]))
                yield replace(program, inputs=(*program.inputs[:k], cut, *program.inputs[k + 1 :]))


def cut_axes(i: InputData, size: int, new: int) -> InputData:
    value = i.value[tuple(slice(new) if n == size else slice(None) for n in i.value.shape)]
    dims = tuple(
        new if d == size or (new == 1 and n == size) else d for d, n in zip(i.dims, i.value.shape, strict=True)
    )
    return replace(i, value=value, dims=dims)


def simplify_data(program: Program) -> Iterator[Program]:
    """Replace the data of an input by rounder numbers."""
    for k, i in enumerate(program.inputs):
        if i.value.dtype.kind != "f":
            continue
        with np.errstate(all="ignore"):
            for value in (np.ones_like(i.value), np.rint(i.value), np.round(i.value, 1), *simplify_elements(i.value)):
                if not np.array_equal(value, i.value, equal_nan=True):
                    inputs = (*program.inputs[:k], replace(i, value=value.astype(i.dtype)), *program.inputs[k + 1 :])
                    yield replace(program, inputs=inputs)


def simplify_elements(value: Array) -> Iterator[Array]:
    """Replace single elements by 1."""
    for place in np.ndindex(value.shape) if 1 < value.size <= 8 else ():
        if value[place] not in (0, 1):
            changed = value.copy()
            changed[place] = 1
            yield changed


def rename(code: str, old: str, new: str) -> str:
    return NAME.sub(lambda m: new if m[0] == old else m[0], code)


def describe(failure: Failure) -> str:
    """Return the failure and a script that reproduces it."""
    order = 1 if failure.kind == "gradient" else 0 if failure.kind == "value" else 2
    mode = {"interpreter": "numpy", "build": "numpy", "native": "native", "numpy": "numpy"}.get(failure.mode, "auto")
    rewrite = failure.mode not in ("interpreter", "xla without rewriting")
    return f"{failure}\n\n{failure.program.to_source(mode, rewrite, failure.mode == 'native', order)}"
