"""Arrays computed element by element: those of one shape in one loop, where none waits for what comes later."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pellucid.run.native.buffer_assignment import is_simple
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.elementwise import is_pointwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import linear, looks_up_rows

if TYPE_CHECKING:
    from pellucid.run.native.loop_nests import Plain

TOGETHER = 6
"""How many arrays are computed in one loop at most, so that registers are enough."""

NEAR = 100
"""How many arrays ahead it is looked for those that are computed in the same loop."""

FAR = 1 << 20
"""How many bytes an array has whose rows are asked for before they are looked up."""

AHEAD, LINE = 4, 64
"""So many rows before; and how many bytes come at once."""


def fill(plain: Plain, names: dict[Value, str]) -> None:
    """Write the elements of values of one shape into their arrays; each may read those before it."""
    first = next(iter(names))
    place = plain.text.fresh()
    if first.size > 1 and (lines := flat_lines(plain, names, place)) is not None:
        with plain.text.loop(first.size, place, SIMD):
            for line in lines:
                plain.text.add(line)
        return
    rows = rows_from_afar(plain, first)
    with plain.text.loops(first.shape[: rows is not None]) as outer:
        if rows is not None:
            ask_for_later(plain, rows, outer[0])
        with plain.text.loops(first.shape[len(outer) :], SIMD) as inner:
            indices = [*outer, *inner]
            with plain.meanwhile(names) as readable:
                for value, name in names.items():
                    plain.text.add(f"{name}[{linear(value.shape, indices)}] = {plain.at(value, indices)};")
                    readable(value)


def flat_lines(plain: Plain, names: dict[Value, str], place: str) -> list[str] | None:
    """Return the lines that write elements by their place alone, or None where the shapes matter for that."""
    lines = []
    with plain.meanwhile(names) as readable:
        for value, name in names.items():
            element = plain.flat(value, value.size, place)
            if element is None:
                return None
            lines.append(f"{name}[{place}] = {element};")
            readable(value)
    return lines


def in_one_loop(plain: Plain, value: Value, later: Sequence[Value], kept: set[Value]) -> list[Value]:
    """Return a value and those that can be computed in its loop: all that they are made of is there by then.

    A loop over all elements of rows has no ends of rows, so what needs nothing else is kept apart from what needs rows.
    """
    group = [value]
    if value.size == 1:
        return [value]
    with plain.meanwhile({v: v.name for v in (value, *later)}) as readable:
        flat = plain.flat(value, value.size, "0") is not None
        readable(value)
        for other in later:
            new = other.shape == value.shape and other not in plain.stored and len(group) < TOGETHER
            ready = new and is_ready(plain, other, group, kept)
            if ready and (plain.flat(other, value.size, "0") is not None) == flat:
                group.append(other)
                readable(other)
    return group


def is_ready(plain: Plain, value: Value, group: Collection[Value], kept: set[Value]) -> bool:
    """Tell whether elements can be computed from arrays that are there, and from the same place in those of a group."""
    waiting, seen = [(value, True)], set()
    while waiting:
        v, here = waiting.pop()
        e = v.maker
        in_loop = v in group
        if (v, here) in seen or v.constant is not None or (in_loop and here) or (v in plain.stored and not in_loop):
            continue
        seen.add((v, here))
        if e is None or not is_simple(e) or in_loop or (v in kept and v is not value):
            return False
        here = here and is_pointwise(e)
        waiting += [(x, here and x.shape == value.shape) for x in e.inputs]
    return True


def rows_from_afar(plain: Plain, value: Value) -> Equation | None:
    """Return the equation that looks up the rows of a value, by number, in an array too large for the caches."""
    e = value.maker
    while e is not None and is_pointwise(e) and e.inputs[0] not in plain.stored:
        e = e.inputs[0].maker
    if e is None or not looks_up_rows(e) or e.result.shape != value.shape or e.inputs[0] not in plain.stored:
        return None
    return e if e.inputs[0].size * e.inputs[0].dtype.itemsize > FAR and value.ndim > 1 else None


def ask_for_later(plain: Plain, e: Equation, row: str) -> None:
    """Ask for a row that is looked up some turns later, so that it is there by then."""
    x, where = e.inputs
    count, length = e.result.shape[0], x.size // x.shape[0] * x.dtype.itemsize
    later = plain.at(where, [f"({row} + {AHEAD} < {count} ? {row} + {AHEAD} : {count - 1})", "0"])
    with plain.text.loop(-(-length // LINE)) as line:
        start = f"clamped({later}, {x.shape[0] - 1}) * {length} + {line} * {LINE}"
        plain.text.add(f"__builtin_prefetch((const char *){plain.stored[x]} + {start});")
