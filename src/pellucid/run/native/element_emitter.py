"""C expressions for elements of values, and the arrays that hold stored values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pellucid.run.native.c_writer import CWriter, Indices
from pellucid.run.native.elementwise import c_literal, c_type, emit_elementwise, is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.index_maps import INDEX_MAPS, STRIDED, affine_index, linear_index
from pellucid.run.native.target import Target

MAX_STACK_BYTES = 8192
"""Larger arrays are thread-local instead, because the stack of a thread may be small."""

MAX_EXPRESSION_LENGTH = 20_000
"""XLA compiles programs in which the expression of an element has more characters."""


class ElementEmitter(ABC):
    """Writes elements of values. Subclasses write the loops."""

    target: Target
    writer: CWriter

    def __init__(self, writer: CWriter, target: Target) -> None:
        self.writer, self.target = writer, target
        self.arrays: dict[Value, str] = {}  # C expressions of stored values
        self.tables: list[str] = []  # constant arrays, which precede the function
        self.scratch_bytes: int = 0  # of all declared arrays
        # The innermost scan loop: line, indentation, and arrays that are constant in it.
        self.loop_start: tuple[int, int, set[str]] | None = None
        self.hoisted: dict[tuple[Any, ...], str] = {}

    @abstractmethod
    def emit_block(self, equations: Sequence[Equation], buffers: set[Value]) -> None:
        """Write equations; values outside of ``buffers`` may be computed where they are used."""

    @abstractmethod
    def store(self, array: str, value: Value) -> None:
        """Write the loop that stores the elements of a value in an array."""

    @contextmanager
    def hoisting_from_here(self, constant_arrays: set[str]) -> Iterator[None]:
        """Remember this place as the start of a loop, before which `hoist` can write."""
        outer, outer_hoisted = self.loop_start, self.hoisted
        self.loop_start, self.hoisted = (len(self.writer.lines), self.writer.depth, constant_arrays), {}
        yield
        self.loop_start, self.hoisted = outer, outer_hoisted

    def hoist(self, key: tuple[Any, ...], name: str, emit: Callable[[], None]) -> str:
        """Write loop-invariant code in front of the current loop, once for each key, and return its name."""
        assert self.loop_start is not None
        if key not in self.hoisted:
            line, depth, arrays = self.loop_start
            lines, inner_depth = self.writer.lines, self.writer.depth
            self.writer.lines, self.writer.depth = [], depth
            emit()
            added, self.writer.lines, self.writer.depth = self.writer.lines, lines, inner_depth
            self.writer.lines[line:line] = added
            self.loop_start = (line + len(added), depth, arrays)
            self.hoisted[key] = name
        return self.hoisted[key]

    def is_stored(self, value: Value) -> bool:
        return value in self.arrays

    def find_stored(self, value: Value) -> Value | None:
        """Return the stored value behind strided movements, or None if elements are computed where they are read."""
        while value not in self.arrays:
            if value.producer is None or value.producer.name not in STRIDED:
                return None
            value = value.producer.inputs[0]
        return value

    def find_array(self, value: Value) -> str | None:
        """Return the array that holds the elements of a value, looking through strided movements."""
        stored = self.find_stored(value)
        return None if stored is None else self.arrays[stored]

    def emit_copy(self, target: str, source: str, value: Value) -> None:
        self.writer.add(f"memcpy({target}, {source}, {value.nbytes});")

    def store_or_copy(self, target: str, value: Value) -> None:
        if value in self.arrays:
            self.emit_copy(target, self.arrays[value], value)
        else:
            self.store(target, value)

    def allocate(self, value: Value) -> str:
        self.arrays[value] = value.name
        return self.declare_array(value.name, value.dtype, value.size)

    def declare_array(self, name: str, dtype: np.dtype[np.generic], size: int) -> str:
        size = max(size, 1)
        nbytes = size * np.dtype(dtype).itemsize
        self.scratch_bytes += nbytes
        storage = self.target.static_storage if nbytes > MAX_STACK_BYTES else ""
        self.writer.add(f"{storage}{c_type(dtype)} {name}[{size}] __attribute__((aligned(64)));")
        return name

    def define_table(self, value: Value) -> str:
        if value not in self.arrays:
            elements = ", ".join(c_literal(n, value.dtype) for n in value.constant.ravel())
            self.tables.append(f"static const {c_type(value.dtype)} {value.name}[{value.size}] = {{{elements}}};")
            self.arrays[value] = value.name
        return self.arrays[value]

    def emit_element(self, value: Value, indices: Indices) -> str:
        """Return the C expression of an element: a load, a literal, or its computation."""
        if value in self.arrays:
            return f"{self.arrays[value]}[{linear_index(value.shape, indices)}]"
        if value.constant is not None:
            first = value.constant.flat[0] if value.size else 0
            if (value.constant == first).all():
                return c_literal(first, value.dtype)
            return f"{self.define_table(value)}[{linear_index(value.shape, indices)}]"
        e = value.producer
        assert e is not None, value
        if e.name == "split":
            axis, before = e.params["axis"], e.outputs[: e.outputs.index(value)]
            start = sum(v.shape[axis] for v in before)
            source = [affine_index(i, start) if a == axis else i for a, i in enumerate(indices)]
            return self.emit_element(e.inputs[0], source)
        if e.name in INDEX_MAPS:
            return INDEX_MAPS[e.name](e, indices, self.emit_element)
        text = emit_elementwise(e, [self.emit_element(x, broadcast_indices(x, indices)) for x in e.inputs])
        if len(text) > MAX_EXPRESSION_LENGTH:
            raise NotNative("the expression of an element is too long")
        return text

    def emit_flat_element(self, value: Value, size: int, offset: str) -> str | None:
        """Return the C expression of the element at an offset, or None if it depends on the indices of the element.

        ``size`` is the number of elements of the loop.
        """
        if value.size == 1:
            return self.emit_element(value, ["0"] * value.ndim)
        if value.size != size:
            return None
        if value in self.arrays:
            return f"{self.arrays[value]}[{offset}]"
        if value.constant is not None:
            return f"{self.define_table(value)}[{offset}]"
        e = value.producer
        assert e is not None
        if e.name in ("reshape", "squeeze") or (
            e.name == "broadcast_in_dim"
            and e.inputs[0].size == size
            and sorted(e.params["broadcast_dimensions"]) == list(e.params["broadcast_dimensions"])
        ):
            return self.emit_flat_element(e.inputs[0], size, offset)
        if not is_elementwise(e):
            return None
        parts = [self.emit_flat_element(x, size, offset) for x in e.inputs]
        return None if None in parts else emit_elementwise(e, [p for p in parts if p is not None])

    @contextmanager
    def stored_during_loop(self, arrays: dict[Value, str]) -> Iterator[Callable[[Value], None]]:
        """Yield a function that marks a value as stored until the end of the ``with`` block."""
        original: dict[Value, str | None] = {}

        def mark(value: Value) -> None:
            original[value], self.arrays[value] = self.arrays.get(value), arrays[value]

        yield mark
        for value, name in original.items():
            if name is None:
                del self.arrays[value]
            else:
                self.arrays[value] = name


def broadcast_indices(x: Value, indices: Indices) -> Indices:
    """Return the indices of an operand that is broadcast to a larger shape."""
    return ["0" if n == 1 else i for n, i in zip(x.shape, indices[len(indices) - x.ndim :], strict=True)]
