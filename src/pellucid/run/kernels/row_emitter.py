"""C expressions for elements of a row, in loops over its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from pellucid.run.native.c_writer import Indices
from pellucid.run.native.element_emitter import broadcast_indices
from pellucid.run.native.elementwise import c_literal, c_type, emit_elementwise, is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.index_maps import INDEX_MAPS, affine_index

AFFINE_MAPS = ("broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "iota", "rev")
"""Data movements whose elements all exist, so that they may be read before it is known whether they are needed."""


class Span(str):
    """Index of a piece of columns: its first column plus ``j``, which is less than the width of the piece."""

    first: int
    width: int

    def __new__(cls, first: int, width: int) -> Span:
        span = super().__new__(cls, f"(j + {first})" if first else "j")
        span.first, span.width = first, width
        return span

    def shift(self, offset: int) -> Span:
        return Span(self.first + offset, self.width)

    def find_place(self, size: int) -> int | None:
        """Return 0 if all columns are within an axis of this size, 1 or -1 if all are after or before it."""
        if self.first >= size:
            return 1
        if self.first + self.width <= 0:
            return -1
        if self.first >= 0 and self.first + self.width <= size:
            return 0
        raise NotNative("a piece of columns crosses the end of a part")


@dataclass(frozen=True)
class RowArray:
    """C expression of an array, the length of its rows, and whether other rows may differ from step to step."""

    name: str
    row_length: int
    is_private: bool


RowUse = Literal["same row", "no row", "other rows"]
"""Which elements of an array row ``r`` reads: those of row ``r``, those that all rows read, or any others."""


def classify_use(indices: Indices) -> RowUse:
    if not any(map(uses_row, indices)):
        return "no row"
    return "same row" if indices[0] == "r" and not any(map(uses_row, indices[1:])) else "other rows"


def uses_row(index: str) -> bool:
    return re.search(r"\br\b", index) is not None


class RowEmitter:
    """Writes the elements of row ``r`` of values. Rows of states and of what follows from them stay separate."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.arrays: dict[Value, RowArray] = {}
        self.tables: list[str] = []  # constant arrays
        self.lines: list[str] | None = None  # of the loop body that is written; None for expressions only
        self.locals: dict[tuple[object, ...], str] = {}
        self.cuts: dict[Value, set[int]] = {}
        self.uses: dict[Value, set[RowUse]] = {}  # of arrays of which every element may be read
        self.depends_on_numbers: bool = False  # whether an element depends on the number of its row

    def add_input(self, value: Value, name: str) -> None:
        """Declare an array of which every element may be read."""
        self.arrays[value] = RowArray(name, value.shape[-1] if value.ndim else 1, False)

    def add_private(self, value: Value, name: str, row_length: int | None = None) -> None:
        """Declare an array that is written row by row."""
        if not 1 <= value.ndim <= 2 or value.shape[0] != self.batch:
            raise NotNative(f"a value of its step has the shape {list(value.shape)} instead of rows of samples")
        self.arrays[value] = RowArray(name, row_length or value.size // self.batch, True)

    def get_array(self, value: Value) -> str:
        return self.arrays[value].name

    def emit_pieces(self, pieces: Sequence[tuple[Value, Indices, list[str]]]) -> list[str]:
        """Return lines that store elements of values, each at some indices, in arrays. They share equal elements."""
        self.lines, self.locals = [], {}
        elements = [self.emit_element(value, indices) for value, indices, _ in pieces]
        for (value, indices, arrays), element in zip(pieces, elements, strict=True):
            width = value.size // self.batch
            column = f" + {indices[1]}" if len(indices) == 2 else ""
            self.lines += [f"        {array}[r * {width}{column}] = {element};" for array in arrays]
        lines, self.lines = self.lines, None
        return lines

    def emit_invariant(self, value: Value, indices: Indices) -> str:
        """Return the C expression of an element that depends on no row."""
        self.lines = None
        return self.emit_element(value, indices)

    def emit_element(self, value: Value, indices: Indices) -> str:
        if value in self.arrays:
            return self.emit_load(value, indices)
        if value.constant is not None:
            return self.emit_constant(value, indices)
        e = value.producer
        if e is None:
            raise NotNative("its step uses a value of another loop")
        key = (value, *indices)
        if key in self.locals and self.lines is not None:
            return self.locals[key]
        moved = self.emit_movement(e, value, indices)
        if moved is not None:
            return moved
        if not is_elementwise(e):
            raise NotNative(f"its step uses {e.name}")
        text = emit_elementwise(e, [self.emit_element(x, broadcast_indices(x, indices)) for x in e.inputs])
        if self.lines is None:
            return text
        name = f"e{len(self.locals)}"
        self.lines.append(f"        const {c_type(value.dtype)} {name} = {text};")
        self.locals[key] = name
        return name

    def emit_load(self, value: Value, indices: Indices) -> str:
        array = self.arrays[value]
        if array.is_private and self.batch > 1 and indices[0] != "r":
            raise NotNative("its step mixes rows")
        *outer, last = indices if indices else ["0"]
        if array.is_private:
            column = f" + {last}" if outer and last != "0" else ""
            return f"{array.name}[r * {array.row_length}{column}]"
        self.uses.setdefault(value, set()).add(classify_use(indices))
        offset = "0"
        for size, index in zip(value.shape, indices, strict=True):
            offset = index if offset == "0" else f"({offset}) * {size} + {index}"
        return f"{array.name}[{offset}]"

    def emit_constant(self, value: Value, indices: Indices) -> str:
        first = value.constant.flat[0] if value.size else 0
        if (value.constant == first).all():
            return c_literal(first, value.dtype)
        self.add_input(value, f"table_{value.name}")
        elements = ", ".join(c_literal(n, value.dtype) for n in value.constant.ravel())
        self.tables.append(f"static const {c_type(value.dtype)} table_{value.name}[] = {{{elements}}};")
        return self.emit_load(value, indices)

    def emit_movement(self, e: Equation, value: Value, indices: Indices) -> str | None:
        """Return the C expression of an element of moved data; None for other primitives."""
        if e.name == "iota" and uses_row(indices[e.params["dimension"]]):
            self.depends_on_numbers = True
        if e.name in AFFINE_MAPS:
            return INDEX_MAPS[e.name](e, indices, self.emit_element)
        if e.name == "slice":
            strides = e.params["strides"] or (1,) * len(indices)
            return self.emit_element(e.inputs[0], list(map(move_index, indices, e.params["start_indices"], strides)))
        if e.name == "split":
            parts, axis = e.outputs[: e.outputs.index(value)], e.params["axis"]
            start = sum(v.shape[axis] for v in parts)
            source = [move_index(i, start if a == axis else 0) for a, i in enumerate(indices)]
            return self.emit_element(e.inputs[0], source)
        if e.name == "pad":
            return self.emit_padded(e, indices)
        if e.name == "concatenate":
            return self.emit_joined(e, indices)
        return None

    def emit_padded(self, e: Equation, indices: Indices) -> str:
        x, fill = e.inputs
        source = []
        for index, size, (low, high, interior) in zip(indices, x.shape, e.params["padding_config"], strict=True):
            if (low, high, interior) == (0, 0, 0):
                source.append(index)
            elif interior or not isinstance(index, Span):
                raise NotNative("its step pads rows, or between elements")
            elif index.shift(-low).find_place(size):
                return self.emit_element(fill, [])
            else:
                source.append(index.shift(-low))
        return self.emit_element(x, source)

    def emit_joined(self, e: Equation, indices: Indices) -> str:
        axis, start = e.params["dimension"], 0
        index = indices[axis]
        if not isinstance(index, Span):
            raise NotNative("its step joins rows")
        for x in e.inputs:
            if index.shift(-start).find_place(x.shape[axis]) == 0:
                return self.emit_element(x, [*indices[:axis], index.shift(-start), *indices[axis + 1 :]])
            start += x.shape[axis]
        raise AssertionError("no part has these columns")

    def find_cuts(self, value: Value) -> set[int]:
        """Return the columns at which a value changes from one part of joined or padded columns to another."""
        if value not in self.cuts:
            width = value.shape[-1] if value.ndim else 1
            e = None if value in self.arrays or width == 1 else value.producer
            self.cuts[value] = {c for c in self.find_inner_cuts(e, value) if 0 < c < width} if e is not None else set()
        return self.cuts[value]

    def find_inner_cuts(self, e: Equation, value: Value) -> set[int]:
        if e.name == "pad":
            low = e.params["padding_config"][-1][0]
            return {low, low + e.inputs[0].shape[-1], *(c + low for c in self.find_cuts(e.inputs[0]))}
        if e.name == "concatenate":
            starts = accumulate((x.shape[-1] for x in e.inputs), initial=0)
            return {c + start for start, x in zip(starts, e.inputs, strict=False) for c in (0, *self.find_cuts(x))}
        if e.name == "slice":
            return {c - e.params["start_indices"][-1] for c in self.find_cuts(e.inputs[0])}
        if e.name == "split":
            start = sum(v.shape[-1] for v in e.outputs[: e.outputs.index(value)])
            return {c - start for c in self.find_cuts(e.inputs[0])}
        same_width = [x for x in e.inputs if x.ndim and x.shape[-1] == value.shape[-1]]
        return set().union(*map(self.find_cuts, same_width))


def move_index(index: str, start: int, stride: int = 1) -> str:
    return index.shift(start) if isinstance(index, Span) and stride == 1 else affine_index(index, start, stride)
