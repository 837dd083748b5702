"""Equations as loops over arrays that lie row after row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pellucid.run.native.buffer_assignment import is_simple
from pellucid.run.native.c_writer import SIMD, Text
from pellucid.run.native.control_flow import CONTROL
from pellucid.run.native.elementwise import is_pointwise, literal, type_of, written
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.index_maps import STRIDED, VIEWS, Indices, linear, shifted
from pellucid.run.native.loop_fusion import NEAR, fill, in_one_loop
from pellucid.run.native.matmul import dot
from pellucid.run.native.scatter import SCATTERED, scatter

REDUCTIONS = {
    "reduce_sum": ("+", 0),
    "reduce_prod": ("*", 1),
    "reduce_max": (">", "least"),
    "reduce_min": ("<", "greatest"),
    "reduce_and": ("&", -1),
    "reduce_or": ("|", 0),
}
"""Reductions: how two are made one, and what to begin with."""

LARGEST_ON_STACK = 8192
"""How many bytes an array on the stack may have."""

LONGEST = 20_000
"""How many characters an element may take before the program is left to XLA."""


class Plain:
    """Writes the equations of blocks as loops.

    Attributes
    ----------
    text : Text
        What is written.
    stored : dict from Value to str
        The arrays of the values that are stored.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.stored: dict[Value, str] = {}
        self.tables: list[str] = []
        self.scratch = 0
        self.hoisting: tuple[int, int, set[str]] | None = None
        self.hoisted: dict[tuple[Any, ...], str] = {}

    @contextmanager
    def outside(self, line: int, depth: int, names: set[str]) -> Iterator[None]:
        """Remember where a loop begins, and which arrays are there before it and stay as they are."""
        before, kept = self.hoisting, self.hoisted
        self.hoisting, self.hoisted = (line, depth, names), {}
        yield
        self.hoisting, self.hoisted = before, kept

    def before_loop(self, key: tuple[Any, ...], name: str, write: Callable[[], None]) -> str:
        """Write something in front of the loop that is being written, once for each key, and return its name."""
        assert self.hoisting is not None
        if key not in self.hoisted:
            line, depth, names = self.hoisting
            lines, inner = self.text.lines, self.text.depth
            self.text.lines, self.text.depth = [], depth
            write()
            added, self.text.lines, self.text.depth = self.text.lines, lines, inner
            self.text.lines[line:line] = added
            self.hoisting = (line + len(added), depth, names)
            self.hoisted[key] = name
        return self.hoisted[key]

    def root(self, value: Value) -> str | None:
        """Return the array in which all elements of a value lie, if they lie in one as they are."""
        while value not in self.stored:
            if value.maker is None or value.maker.name not in STRIDED:
                return None
            value = value.maker.inputs[0]
        return self.stored[value]

    def is_stored(self, value: Value) -> bool:
        """Tell whether a value has an array, or is a number."""
        return value in self.stored

    def array(self, value: Value, size: int = 0) -> str:
        """Make room for a value, or for more than that."""
        self.stored[value] = value.name
        return self.room(value.name, value.dtype, max(size, value.size))

    def room(self, name: str, dtype: Any, size: int) -> str:
        """Declare an array; a large one lies with the thread, whose stack may be small."""
        bytes_of_all = max(size, 1) * np.dtype(dtype).itemsize
        self.scratch += bytes_of_all
        place = "static _Thread_local " if bytes_of_all > LARGEST_ON_STACK else ""
        self.text.add(f"{place}{type_of(dtype)} {name}[{max(size, 1)}] __attribute__((aligned(64)));")
        return name

    def table(self, value: Value) -> str:
        """Write a constant with several elements, once."""
        if value not in self.stored:
            numbers = ", ".join(literal(n, value.dtype) for n in value.constant.ravel())
            self.tables.append(f"static const {type_of(value.dtype)} {value.name}[{value.size}] = {{{numbers}}};")
            self.stored[value] = value.name
        return self.stored[value]

    def at(self, value: Value, indices: Indices) -> str:
        """Write an element of a value."""
        if value in self.stored:
            return f"{self.stored[value]}[{linear(value.shape, indices)}]"
        if value.constant is not None:
            first = value.constant.flat[0] if value.size else 0
            if (value.constant == first).all():
                return literal(first, value.dtype)
            return f"{self.table(value)}[{linear(value.shape, indices)}]"
        e = value.maker
        assert e is not None, value
        if e.name == "split":
            axis, before = e.params["axis"], e.outputs[: e.outputs.index(value)]
            start = sum(v.shape[axis] for v in before)
            return self.at(e.inputs[0], [shifted(i, start) if a == axis else i for a, i in enumerate(indices)])
        if e.name in VIEWS:
            return VIEWS[e.name](e, indices, self.at)
        text = written(e, [self.at(x, matched(x, indices)) for x in e.inputs])
        if len(text) > LONGEST:
            raise NotNative("an element of it takes too long to be written")
        return text

    def flat(self, value: Value, size: int, place: str) -> str | None:
        """Write the element at a place in a value as long as another; None where the shapes matter for that."""
        if value.size == 1:
            return self.at(value, ["0"] * value.ndim)
        if value.size != size:
            return None
        if value in self.stored:
            return f"{self.stored[value]}[{place}]"
        if value.constant is not None:
            return f"{self.table(value)}[{place}]"
        e = value.maker
        assert e is not None
        if e.name in ("reshape", "squeeze"):
            return self.flat(e.inputs[0], size, place)
        if (
            e.name == "broadcast_in_dim"
            and e.inputs[0].size == size
            and sorted(e.params["broadcast_dimensions"]) == list(e.params["broadcast_dimensions"])
        ):
            return self.flat(e.inputs[0], size, place)
        if not is_pointwise(e):
            return None
        parts = [self.flat(x, size, place) for x in e.inputs]
        return None if None in parts else written(e, [p for p in parts if p is not None])

    def fill(self, name: str, value: Value) -> None:
        """Write the elements of a value into an array."""
        fill(self, {value: name})

    @contextmanager
    def meanwhile(self, names: dict[Value, str]) -> Iterator[Callable[[Value], None]]:
        """Give a function that says of which values the arrays can be read, for as long as a loop is written."""
        before: dict[Value, str | None] = {}

        def readable(value: Value) -> None:
            before[value], self.stored[value] = self.stored.get(value), names[value]

        yield readable
        for value, name in before.items():
            if name is None:
                del self.stored[value]
            else:
                self.stored[value] = name

    def block(self, equations: Sequence[Equation], kept: set[Value]) -> None:
        """Write equations; what is not kept may be computed where it is used."""
        pointwise = [v for e in equations if is_pointwise(e) for v in e.outputs if v in kept]
        numbers = {v: number for number, v in enumerate(pointwise)}
        for e in equations:
            if not is_simple(e):
                self.kernel(e)
                continue
            for value in e.outputs:
                if value in kept and value not in self.stored:
                    after = numbers.get(value, len(pointwise)) + 1
                    group = in_one_loop(self, value, pointwise[after : after + NEAR], kept)
                    names = {v: self.room(v.name, v.dtype, v.size) for v in group}
                    fill(self, names)
                    self.stored.update(names)

    def kernel(self, e: Equation) -> None:
        """Write an equation that has loops of its own."""
        if e.name in REDUCTIONS:
            self.reduce(e)
        elif e.name == "dot_general":
            dot(self, e)
        elif e.name in ("argmax", "argmin"):
            self.extreme(e)
        elif e.name in ("cumsum", "cumprod"):
            self.cumulate(e)
        elif e.name == "scatter" or e.name in SCATTERED:
            scatter(self, e)
        elif e.name in CONTROL:
            CONTROL[e.name](self, e)
        else:
            raise NotNative(f"it has {e.name} in it")

    def reduce(self, e: Equation) -> None:
        """Write a sum and its kin: along rows into one number, across rows into a row."""
        x, axes = e.inputs[0], tuple(e.params["axes"])
        kept = [a for a in range(x.ndim) if a not in axes]
        name = self.array(e.result)
        kind = type_of(e.result.dtype)
        if x.ndim and x.ndim - 1 not in axes and x.shape[-1] > 1:
            with self.text.loop(e.result.size, note=SIMD) as i:
                self.text.add(f"{name}[{i}] = {start_of(e)};")
            order = [*kept[:-1], *axes, kept[-1]]
            with self.text.loops([x.shape[a] for a in order], SIMD) as found:
                indices = [found[order.index(a)] for a in range(x.ndim)]
                place = f"{name}[{linear(e.result.shape, [indices[a] for a in kept])}]"
                self.text.add(f"{place} = {joined(e, place, self.at(x, indices))};")
            return
        with self.text.loops([x.shape[a] for a in kept]) as outer:
            total = self.text.fresh("t")
            self.text.add(f"{kind} {total} = {start_of(e)};")
            self.along(e, x, axes, dict(zip(kept, outer, strict=True)), total)
            self.text.add(f"{name}[{linear(e.result.shape, outer)}] = {total};")

    def along(self, e: Equation, x: Value, axes: tuple[int, ...], outer: dict[int, str], total: str) -> None:
        """Write the loop that makes one number of a row."""
        operation = REDUCTIONS[e.name][0]
        word = {">": "max", "<": "min"}.get(operation, operation)
        exact = operation in "><" and e.result.dtype.kind == "f"
        note = None if exact else f"#pragma omp simd reduction({word}:{total})"
        place = self.text.fresh()
        if not outer and (element := self.flat(x, x.size, place)) is not None and x.size > 1:
            with self.text.loop(x.size, place, note):
                self.text.add(f"{total} = {joined(e, total, element)};")
            return
        with self.text.loops([x.shape[a] for a in axes], note) as inner:
            found = {**outer, **dict(zip(axes, inner, strict=True))}
            self.text.add(f"{total} = {joined(e, total, self.at(x, [found[a] for a in range(x.ndim)]))};")

    def extreme(self, e: Equation) -> None:
        """Write which element is the greatest or the least, the first of several; nan is both."""
        x, [axis] = e.inputs[0], e.params["axes"]
        name, sign = self.array(e.result), ">" if e.name == "argmax" else "<"
        kept = [a for a in range(x.ndim) if a != axis]
        with self.text.loops([x.shape[a] for a in kept]) as outer:
            best, place = self.text.fresh("t"), self.text.fresh("t")
            found = dict(zip(kept, outer, strict=True))
            first = self.at(x, [found.get(a, "0") for a in range(x.ndim)])
            self.text.add(f"{type_of(x.dtype)} {best} = {first}; {type_of(e.result.dtype)} {place} = 0;")
            with self.text.loop(x.shape[axis], self.text.fresh()) as i:
                value = self.text.fresh("t")
                self.text.add(f"{type_of(x.dtype)} {value} = {self.at(x, [found.get(a, i) for a in range(x.ndim)])};")
                nan = f" || ({value} != {value} && {best} == {best})" if x.dtype.kind == "f" else ""
                self.text.add(f"if ({value} {sign} {best}{nan}) {{ {best} = {value}; {place} = {i}; }}")
            self.text.add(f"{name}[{linear(e.result.shape, outer)}] = {place};")

    def cumulate(self, e: Equation) -> None:
        """Write running sums or products."""
        x, axis = e.inputs[0], e.params["axis"]
        name, sign = self.array(e.result), "+" if e.name == "cumsum" else "*"
        with self.text.loops([n for a, n in enumerate(x.shape) if a != axis]) as outer:
            total = self.text.fresh("t")
            self.text.add(f"{type_of(x.dtype)} {total} = {int(sign == '*')};")
            with self.text.loop(x.shape[axis], self.text.fresh()) as i:
                place = f"({x.shape[axis] - 1} - {i})" if e.params["reverse"] else i
                indices = [*outer[:axis], place, *outer[axis:]]
                self.text.add(f"{total} {sign}= {self.at(x, indices)}; {name}[{linear(x.shape, indices)}] = {total};")


def matched(x: Value, indices: Indices) -> Indices:
    """Return the indices of an operand that is broadcast."""
    return ["0" if n == 1 else i for n, i in zip(x.shape, indices[len(indices) - x.ndim :], strict=True)]


def start_of(e: Equation) -> str:
    """Write what a reduction begins with."""
    dtype, start = e.result.dtype, REDUCTIONS[e.name][1]
    if isinstance(start, int):
        return literal(start, dtype)
    if dtype.kind == "f":
        return literal(-np.inf if start == "least" else np.inf, dtype)
    if dtype.kind == "b":
        return literal(start == "greatest", dtype)
    limits = np.iinfo(dtype)
    return literal(limits.min if start == "least" else limits.max, dtype)


def joined(e: Equation, total: str, element: str) -> str:
    """Write a reduction's next intermediate result."""
    operation = REDUCTIONS[e.name][0]
    if operation not in "><":
        return f"{total} {operation} {element}"
    return f"{'greater' if operation == '>' else 'lesser'}_{e.result.dtype.name}({element}, {total})"
