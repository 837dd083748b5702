"""Loops of reductions, argmax and argmin, and cumulative sums and products."""

from __future__ import annotations

import numpy as np

from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import c_literal, c_type
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import linear_index

REDUCTIONS = {
    "reduce_sum": ("+", 0),
    "reduce_prod": ("*", 1),
    "reduce_max": (">", "lowest"),
    "reduce_min": ("<", "highest"),
    "reduce_and": ("&", -1),
    "reduce_or": ("|", 0),
}
"""Operator and initial value of each reduction."""


def emit_initial_value(e: Equation) -> str:
    dtype, start = e.result.dtype, REDUCTIONS[e.name][1]
    if isinstance(start, int):
        return c_literal(start, dtype)
    if dtype.kind == "f":
        return c_literal(-np.inf if start == "lowest" else np.inf, dtype)
    if dtype.kind == "b":
        return c_literal(start == "highest", dtype)
    limits = np.iinfo(dtype.name)
    return c_literal(limits.min if start == "lowest" else limits.max, dtype)


def emit_combination(e: Equation, total: str, element: str) -> str:
    """Return the C expression that combines a reduction's intermediate result with an element."""
    operator = REDUCTIONS[e.name][0]
    if operator not in "><":
        return f"{total} {operator} {element}"
    return f"{'max' if operator == '>' else 'min'}_{e.result.dtype.name}({element}, {total})"


def emit_reduction(emitter: ElementEmitter, e: Equation) -> None:
    """Write a reduction: along contiguous rows into one number, or across rows into a row."""
    writer = emitter.writer
    x, axes = e.inputs[0], tuple(e.params["axes"])
    kept = [a for a in range(x.ndim) if a not in axes]
    name = emitter.allocate(e.result)
    if x.ndim and x.ndim - 1 not in axes and x.shape[-1] > 1:
        with writer.loop(e.result.size, pragma=SIMD) as i:
            writer.add(f"{name}[{i}] = {emit_initial_value(e)};")
        order = [*kept[:-1], *axes, kept[-1]]
        with writer.loops([x.shape[a] for a in order], SIMD) as ordered:
            indices = [ordered[order.index(a)] for a in range(x.ndim)]
            total = f"{name}[{linear_index(e.result.shape, [indices[a] for a in kept])}]"
            writer.add(f"{total} = {emit_combination(e, total, emitter.emit_element(x, indices))};")
        return
    with writer.loops([x.shape[a] for a in kept]) as outer:
        total = writer.make_name("t")
        writer.add(f"{c_type(e.result.dtype)} {total} = {emit_initial_value(e)};")
        _emit_row_reduction(emitter, e, x, axes, dict(zip(kept, outer, strict=True)), total)
        writer.add(f"{name}[{linear_index(e.result.shape, outer)}] = {total};")


def _emit_row_reduction(
    emitter: ElementEmitter, e: Equation, x: Value, axes: tuple[int, ...], outer: dict[int, str], total: str
) -> None:
    writer, operator = emitter.writer, REDUCTIONS[e.name][0]
    word = {">": "max", "<": "min"}.get(operator, operator)
    # An OpenMP reduction by max or min would not propagate NaN.
    pragma = None if operator in "><" and e.result.dtype.kind == "f" else f"#pragma omp simd reduction({word}:{total})"
    offset = writer.make_name()
    if not outer and (element := emitter.emit_flat_element(x, x.size, offset)) is not None and x.size > 1:
        with writer.loop(x.size, offset, pragma):
            writer.add(f"{total} = {emit_combination(e, total, element)};")
        return
    with writer.loops([x.shape[a] for a in axes], pragma) as inner:
        index = {**outer, **dict(zip(axes, inner, strict=True))}
        element = emitter.emit_element(x, [index[a] for a in range(x.ndim)])
        writer.add(f"{total} = {emit_combination(e, total, element)};")


def emit_arg_extremum(emitter: ElementEmitter, e: Equation) -> None:
    """Write argmax or argmin: the first of equal elements; NaN counts as the extremum."""
    writer, x, [axis] = emitter.writer, e.inputs[0], e.params["axes"]
    name, sign = emitter.allocate(e.result), ">" if e.name == "argmax" else "<"
    kept = [a for a in range(x.ndim) if a != axis]
    kind = c_type(x.dtype)
    with writer.loops([x.shape[a] for a in kept]) as outer:
        best, position = writer.make_name("t"), writer.make_name("t")
        index = dict(zip(kept, outer, strict=True))
        first = emitter.emit_element(x, [index.get(a, "0") for a in range(x.ndim)])
        writer.add(f"{kind} {best} = {first}; {c_type(e.result.dtype)} {position} = 0;")
        with writer.loop(x.shape[axis], writer.make_name()) as i:
            value = writer.make_name("t")
            writer.add(f"{kind} {value} = {emitter.emit_element(x, [index.get(a, i) for a in range(x.ndim)])};")
            nan = f" || ({value} != {value} && {best} == {best})" if x.dtype.kind == "f" else ""
            writer.add(f"if ({value} {sign} {best}{nan}) {{ {best} = {value}; {position} = {i}; }}")
        writer.add(f"{name}[{linear_index(e.result.shape, outer)}] = {position};")


def emit_cumulative(emitter: ElementEmitter, e: Equation) -> None:
    writer, x, axis = emitter.writer, e.inputs[0], e.params["axis"]
    name, sign = emitter.allocate(e.result), "+" if e.name == "cumsum" else "*"
    with writer.loops([n for a, n in enumerate(x.shape) if a != axis]) as outer:
        total = writer.make_name("t")
        writer.add(f"{c_type(x.dtype)} {total} = {int(sign == '*')};")
        with writer.loop(x.shape[axis], writer.make_name()) as i:
            index = f"({x.shape[axis] - 1} - {i})" if e.params["reverse"] else i
            indices = [*outer[:axis], index, *outer[axis:]]
            target = f"{name}[{linear_index(x.shape, indices)}]"
            writer.add(f"{total} {sign}= {emitter.emit_element(x, indices)}; {target} = {total};")
