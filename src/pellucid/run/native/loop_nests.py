"""Emission of equations as loop nests over row-major arrays, with loop fusion.

Arrays of one shape are computed in one loop if they do not depend on later ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from pellucid.run.native.buffer_assignment import is_inlinable
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.control_flow import emit_cond, emit_scan, emit_while
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.index_maps import is_row_gather, linear_index
from pellucid.run.native.matmul import emit_matmul
from pellucid.run.native.reductions import REDUCTIONS, emit_arg_extremum, emit_cumulative, emit_reduction
from pellucid.run.native.scatter import SCATTER_COMBINERS, emit_scatter

MAX_FUSED = 6
"""Maximum number of arrays in one loop, so that registers suffice."""

FUSION_WINDOW = 100
"""How many arrays ahead are considered for fusion."""

PREFETCH_BYTES = 1 << 20
"""Rows of arrays larger than this are prefetched before they are gathered."""

PREFETCH_ROWS, CACHE_LINE = 4, 64
"""How many rows ahead, and the bytes of a cache line."""

EMITTERS: dict[str, Callable[[ElementEmitter, Equation], None]] = {
    **dict.fromkeys(REDUCTIONS, emit_reduction),
    **dict.fromkeys(("scatter", *SCATTER_COMBINERS), emit_scatter),
    "argmax": emit_arg_extremum,
    "argmin": emit_arg_extremum,
    "cond": emit_cond,
    "cumprod": emit_cumulative,
    "cumsum": emit_cumulative,
    "dot_general": emit_matmul,
    "scan": emit_scan,
    "while": emit_while,
}
"""For each primitive with its own loops, the function that writes them."""


class LoopNestEmitter(ElementEmitter):
    """Writes the equations of blocks as loop nests."""

    def emit_block(self, equations: Sequence[Equation], buffers: set[Value]) -> None:
        elementwise = [v for e in equations if is_elementwise(e) for v in e.outputs if v in buffers]
        position = {v: number for number, v in enumerate(elementwise)}
        for e in equations:
            if not is_inlinable(e):
                if e.name not in EMITTERS:
                    raise NotNative(f"it uses {e.name}")
                EMITTERS[e.name](self, e)
                continue
            for value in e.outputs:
                if value in buffers and value not in self.arrays:
                    following = position.get(value, len(elementwise)) + 1
                    group = find_fusible(self, value, elementwise[following : following + FUSION_WINDOW], buffers)
                    arrays = {v: self.declare_array(v.name, v.dtype, v.size) for v in group}
                    emit_fused_loop(self, arrays)
                    self.arrays.update(arrays)

    def store(self, array: str, value: Value) -> None:
        emit_fused_loop(self, {value: array})


def emit_fused_loop(emitter: ElementEmitter, arrays: dict[Value, str]) -> None:
    """Write the loop that stores values of one shape in their arrays. Each may read the values before it."""
    writer, first = emitter.writer, next(iter(arrays))
    offset = writer.make_name()
    if first.size > 1 and (lines := emit_flat_lines(emitter, arrays, offset)) is not None:
        with writer.loop(first.size, offset, SIMD):
            for line in lines:
                writer.add(line)
        return
    gather = find_large_row_gather(emitter, first)
    with writer.loops(first.shape[: gather is not None]) as outer:
        if gather is not None:
            emit_row_prefetch(emitter, gather, outer[0])
        with writer.loops(first.shape[len(outer) :], SIMD) as inner:
            indices = [*outer, *inner]
            with emitter.stored_during_loop(arrays) as mark_stored:
                for value, name in arrays.items():
                    element = emitter.emit_element(value, indices)
                    writer.add(f"{name}[{linear_index(value.shape, indices)}] = {element};")
                    mark_stored(value)


def emit_flat_lines(emitter: ElementEmitter, arrays: dict[Value, str], offset: str) -> list[str] | None:
    """Return the body of a loop over offsets, or None if an element depends on its indices."""
    lines = []
    with emitter.stored_during_loop(arrays) as mark_stored:
        for value, name in arrays.items():
            element = emitter.emit_flat_element(value, value.size, offset)
            if element is None:
                return None
            lines.append(f"{name}[{offset}] = {element};")
            mark_stored(value)
    return lines


def find_fusible(emitter: ElementEmitter, value: Value, later: Sequence[Value], buffers: set[Value]) -> list[Value]:
    """Return a value and the later ones that can be computed in its loop.

    Loops over offsets are not fused with loops over indices, which are slower.
    """
    group = [value]
    if value.size == 1:
        return [value]
    with emitter.stored_during_loop({v: v.name for v in (value, *later)}) as mark_stored:
        flat = emitter.emit_flat_element(value, value.size, "0") is not None
        mark_stored(value)
        for other in later:
            candidate = other.shape == value.shape and other not in emitter.arrays and len(group) < MAX_FUSED
            fusible = candidate and can_join(emitter, other, group, buffers)
            if fusible and (emitter.emit_flat_element(other, value.size, "0") is not None) == flat:
                group.append(other)
                mark_stored(other)
    return group


def can_join(emitter: ElementEmitter, value: Value, group: Collection[Value], buffers: set[Value]) -> bool:
    """Whether a value depends only on stored arrays, and on the same element of the values in a group."""
    stack, visited = [(value, True)], set()
    while stack:
        v, same_element = stack.pop()
        e = v.producer
        in_group = v in group
        is_leaf = v.constant is not None or (v in emitter.arrays and not in_group)
        if (v, same_element) in visited or is_leaf or (in_group and same_element):
            continue
        visited.add((v, same_element))
        if e is None or not is_inlinable(e) or in_group or (v in buffers and v is not value):
            return False
        same_element = same_element and is_elementwise(e)
        stack += [(x, same_element and x.shape == value.shape) for x in e.inputs]
    return True


def find_large_row_gather(emitter: ElementEmitter, value: Value) -> Equation | None:
    """Return the equation that gathers the rows of a value from an array too large for the caches."""
    e = value.producer
    while e is not None and is_elementwise(e) and e.inputs[0] not in emitter.arrays:
        e = e.inputs[0].producer
    if e is None or not is_row_gather(e) or e.result.shape != value.shape or e.inputs[0] not in emitter.arrays:
        return None
    return e if e.inputs[0].nbytes > PREFETCH_BYTES and value.ndim > 1 else None


def emit_row_prefetch(emitter: ElementEmitter, gather: Equation, row: str) -> None:
    """Write the prefetch of a row that is gathered some iterations later."""
    x, where = gather.inputs
    count, row_bytes = gather.result.shape[0], x.size // x.shape[0] * x.dtype.itemsize
    later = f"({row} + {PREFETCH_ROWS} < {count} ? {row} + {PREFETCH_ROWS} : {count - 1})"
    number = emitter.emit_element(where, [later, "0"])
    with emitter.writer.loop(-(-row_bytes // CACHE_LINE)) as line:
        start = f"clamp_index({number}, {x.shape[0] - 1}) * {row_bytes} + {line} * {CACHE_LINE}"
        emitter.writer.add(f"__builtin_prefetch((const char *){emitter.arrays[x]} + {start});")
