"""Loop nests of matrix products, tiled so that rows of the result stay in vector registers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pellucid.run.native.c_writer import SIMD, CWriter, Indices
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import get_stride, linear_index

CHAINS = 4
"""Independent accumulation chains for small results, because each addition waits for the one before it."""

MIN_VECTOR_WIDTH = 4
"""Shorter rows are not vectorized."""


@dataclass
class DotGeneral:
    """The operands of a product, and their axes by kind: "batch", "free" (of one operand only) and "sum"."""

    equation: Equation
    left: Value
    right: Value
    left_axes: dict[str, list[int]]
    right_axes: dict[str, list[int]]

    @classmethod
    def from_equation(cls, e: Equation) -> DotGeneral:
        left, right = e.inputs
        axes = [
            {"batch": list(batch), "free": [a for a in range(x.ndim) if a not in (*sums, *batch)], "sum": list(sums)}
            for x, sums, batch in zip(e.inputs, *e.params["dimension_numbers"], strict=True)
        ]
        return cls(e, left, right, *axes)

    def swap_operands(self) -> DotGeneral:
        """Exchange the operands, which is valid if only one of them has free axes."""
        return DotGeneral(self.equation, self.right, self.left, self.right_axes, self.left_axes)

    def drop_unit_axes(self) -> DotGeneral:
        left, right = (
            {**axes, "free": [a for a in axes["free"] if x.shape[a] != 1]}
            for axes, x in ((self.left_axes, self.left), (self.right_axes, self.right))
        )
        return replace(self, left_axes=left, right_axes=right)

    def get_left_sizes(self, kind: str) -> list[int]:
        return [self.left.shape[a] for a in self.left_axes[kind]]

    def get_right_sizes(self, kind: str) -> list[int]:
        return [self.right.shape[a] for a in self.right_axes[kind]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, without axes that were dropped."""
        return (*self.get_left_sizes("batch"), *self.get_left_sizes("free"), *self.get_right_sizes("free"))

    @property
    def num_products(self) -> int:
        return self.equation.result.size * int(np.prod(self.get_left_sizes("sum"), dtype=np.int64))


def emit_matmul(emitter: ElementEmitter, e: Equation) -> None:
    p, writer = DotGeneral.from_equation(e).drop_unit_axes(), emitter.writer
    if not p.right_axes["free"] and len(p.left_axes["free"]) == 1:  # matrix times vector
        contiguous = get_stride(p.left, p.left_axes["free"][0], emitter.is_stored) == 1
        p = p.swap_operands() if contiguous or is_loop_invariant(emitter, p.left, p.left_axes) else p
    name = emitter.allocate(e.result)
    rows, columns, depth = p.get_left_sizes("free"), p.get_right_sizes("free"), p.get_left_sizes("sum")
    width = int(np.prod(columns, dtype=int))
    is_real = e.result.dtype.kind == "f"
    with writer.loops(p.get_left_sizes("batch")) as batch:
        if width >= MIN_VECTOR_WIDTH and len(columns) == 1 and is_real:
            emit_tiled(emitter, p, name, batch, rows, columns[0], depth)
            return
        with writer.loops([*rows, *columns]) as place:
            total = writer.make_name("t")
            writer.add(f"{c_type(e.result.dtype)} {total} = 0;")
            pragma = f"#pragma omp simd reduction(+:{total})" if is_real else None
            with writer.loops(depth, pragma) as k:
                left, right = emit_factors(emitter, p, batch, place[: len(rows)], place[len(rows) :], k)
                writer.add(f"{total} += {left} * {right};")
            writer.add(f"{name}[{linear_index(p.shape, [*batch, *place])}] = {total};")


def emit_factors(
    emitter: ElementEmitter, p: DotGeneral, batch: Indices, m: Indices, n: Indices, k: Indices
) -> tuple[str, str]:
    """Return the C expressions of an element of each operand."""
    return (
        emitter.emit_element(p.left, order_indices(p.left_axes, p.left.ndim, batch, m, k)),
        emitter.emit_element(p.right, order_indices(p.right_axes, p.right.ndim, batch, n, k)),
    )


def order_indices(axes: dict[str, list[int]], ndim: int, batch: Indices, free: Indices, summed: Indices) -> Indices:
    ordered = ["0"] * ndim
    for kind, indices in (("batch", batch), ("free", free), ("sum", summed)):
        for axis, index in zip(axes[kind], indices, strict=True):
            ordered[axis] = index
    return ordered


def emit_tiled(
    emitter: ElementEmitter, p: DotGeneral, name: str, batch: Indices, rows: list[int], width: int, depth: list[int]
) -> None:
    """Write a product in tiles of several rows, so that each vector of the right operand is loaded once for all."""
    target = emitter.target
    lanes = min(target.vector_bytes // p.equation.result.dtype.itemsize, 1 << (width - 1).bit_length())
    contiguous = get_stride(p.right, p.right_axes["free"][0], emitter.is_stored) == 1
    contiguous = contiguous and p.right.dtype == p.equation.result.dtype
    if not contiguous or (width % lanes and np.prod(rows) >= target.tile_rows):
        packed = pack_right(emitter, p, batch, width, depth, lanes)
        vectors = [(start, lanes) for start in range(0, width, lanes)]
    else:
        packed, vectors = "", split_into_vectors(width, lanes)
    step = max(1, min(target.tile_rows, target.tile_vectors // len(vectors)))
    for start in range(0, len(vectors), target.tile_vectors):
        some = vectors[start : start + target.tile_vectors]
        for tile in iterate_row_tiles(emitter.writer, rows, step):
            RowTile(emitter, p, name, batch, tile, some, depth, packed).emit()


def iterate_row_tiles(writer: CWriter, rows: list[int], step: int) -> Iterator[list[Indices]]:
    """Write loops over tiles of at most ``step`` rows, and yield the indices of the rows of each tile.

    If the last axis is shorter than a tile, a tile takes several places of the axis before it.
    """
    if not rows:
        yield [[]]
    if not rows or 0 in rows:
        return
    *outer, before, last = (1, *rows)
    size = min(step, last)
    depth = next(n for n in range(step // size, 0, -1) if before % n == 0)
    with writer.loops([*outer, before // depth]) as (*first, place):
        lead = [[*first, add_offset(place, depth, j)][1:] for j in range(depth)]
        with writer.loop(last // size) as tile:
            yield [[*indices, add_offset(tile, size, j)] for indices in lead for j in range(size)]
        if rest := range(last // size * size, last):
            yield [[*indices, str(j)] for indices in lead for j in rest]


def add_offset(tile: str, size: int, j: int) -> str:
    """Return the index of element ``j`` of a tile."""
    return str(j) if tile == "0" else f"{tile} * {size} + {j}"


def split_into_vectors(width: int, lanes: int) -> list[tuple[int, int]]:
    """Divide a row into vectors, whose lengths are halved at the end; return start and length of each.

    Examples
    --------
    >>> split_into_vectors(26, 16)
    [(0, 16), (16, 8), (24, 2)]
    """
    vectors, start = [], 0
    while start < width:
        while lanes > width - start:
            lanes //= 2
        vectors.append((start, lanes))
        start += lanes
    return vectors


def pack_right(emitter: ElementEmitter, p: DotGeneral, batch: Indices, width: int, depth: list[int], lanes: int) -> str:
    """Write a packed copy of the right operand, in front of the current loop if it is invariant there."""
    name = emitter.writer.make_name("p")
    if not is_loop_invariant(emitter, p.right, p.right_axes):
        emit_packing(emitter, name, p, batch, width, depth, lanes)
        return name
    strides = tuple(get_stride(p.right, a, emitter.is_stored) for a in range(p.right.ndim))
    key = (emitter.find_array(p.right), strides, tuple(p.right_axes["sum"]), p.right.shape)
    return emitter.hoist(key, name, lambda: emit_packing(emitter, name, p, batch, width, depth, lanes))


def is_loop_invariant(emitter: ElementEmitter, x: Value, axes: dict[str, list[int]]) -> bool:
    """Whether an operand is one matrix that is the same in every iteration of the current scan."""
    return not axes["batch"] and emitter.loop_start is not None and emitter.find_array(x) in emitter.loop_start[2]


def emit_packing(
    emitter: ElementEmitter, name: str, p: DotGeneral, batch: Indices, width: int, depth: list[int], lanes: int
) -> None:
    """Copy the right operand so that its rows are whole vectors, padded with zeros."""
    writer = emitter.writer
    padded = -(-width // lanes) * lanes
    emitter.declare_array(name, p.equation.result.dtype, int(np.prod(depth, dtype=int)) * padded)
    origin = [["0"] * len(x) for x in (p.left_axes["free"], p.right_axes["free"], depth)]
    strides = [
        get_stride(p.right, p.right_axes[kind][0], emitter.is_stored) for kind in ("free", "sum") if p.right_axes[kind]
    ]
    same_dtype = p.right.dtype == p.equation.result.dtype
    if strides[1:] == [1] and strides[0] is not None and len(depth) == 1 and same_dtype:
        first = emit_factors(emitter, p, batch, *origin)[1]
        kind = c_type(p.right.dtype)
        writer.add(f"transpose_{kind}({name}, {padded}, &{first}, {strides[0]}, {depth[0]}, {width});")
    else:
        with writer.loops(depth) as k:
            row = linear_index(tuple(depth), k)
            with writer.loop(width, writer.make_name(), SIMD) as n:
                right = emit_factors(emitter, p, batch, origin[0], [n], k)[1]
                writer.add(f"{name}[({row}) * {padded} + {n}] = {right};")
    if padded != width:
        with writer.loops(depth) as k, writer.loop(padded - width, writer.make_name()) as n:
            writer.add(f"{name}[({linear_index(tuple(depth), k)}) * {padded} + {width} + {n}] = 0;")


@dataclass
class RowTile:
    """Some rows of a result, which stay in registers until their sums are complete."""

    emitter: ElementEmitter
    product: DotGeneral
    array: str  # the array of the result
    batch: Indices  # indices of the matrix
    rows: list[Indices]  # indices of each; one without indices for a vector
    vectors: list[tuple[int, int]]  # start and length of each vector of a row
    depth: list[int]  # lengths of the summed axes
    packed: str  # the packed copy of the right operand, or ""

    def emit(self) -> None:
        """Write the sums, in several chains if there are few of them, and store the rows."""
        writer, depth, kind = self.emitter.writer, self.depth, c_type(self.product.equation.result.dtype)
        places = [(j, start, n) for j in range(len(self.rows)) for start, n in self.vectors]
        num_chains = CHAINS if len(places) < CHAINS and depth and depth[-1] >= 2 * CHAINS else 1
        chains: list[dict[tuple[int, int], str]] = [{} for _ in range(num_chains)]
        for sums in chains:
            for j, start, n in places:
                sums[j, start] = writer.make_name("c")
                writer.add(f"{kind}_x{n} {sums[j, start]} = {{0}};")
        with writer.loops([*depth[:-1], depth[-1] // num_chains] if depth else []) as k:
            for number, sums in enumerate(chains):
                last = [f"({k[-1]} * {num_chains} + {number})" if num_chains > 1 else k[-1]] if k else []
                self.emit_products([*k[:-1], *last], sums)
        for rest in range(depth[-1] // num_chains * num_chains, depth[-1]) if depth else ():
            with writer.loops(depth[:-1]) as k:
                self.emit_products([*k, str(rest)], chains[0])
        for sums in chains[1:]:
            for place, c in sums.items():
                writer.add(f"{chains[0][place]} += {c};")
        for j, start, n in places:
            self.emit_store(chains[0][j, start], self.rows[j], start, n)

    def emit_products(self, k: Indices, sums: dict[tuple[int, int], str]) -> None:
        """Write the products of one element of the summed axis, for all vectors of the tile."""
        writer, p, kind = self.emitter.writer, self.product, c_type(self.product.equation.result.dtype)
        row, width = linear_index(tuple(self.depth), k), p.get_right_sizes("free")[0]
        loaded = {}
        for start, n in self.vectors:
            loaded[start] = writer.make_name("b")
            if self.packed:
                element = f"{self.packed}[({row}) * {-(-width // n) * n} + {start}]"
            else:
                any_row = ["0"] * len(p.left_axes["free"])
                element = emit_factors(self.emitter, p, self.batch, any_row, [str(start)], k)[1]
            writer.add(f"{kind}_x{n} {loaded[start]} = *(const {kind}_x{n} *)&{element};")
        for j, m in enumerate(self.rows):
            factor = writer.make_name("a")
            left = emit_factors(self.emitter, p, self.batch, m, ["0"], k)[0]
            writer.add(f"const {kind} {factor} = {left};")
            for start, _ in self.vectors:
                writer.add(f"{sums[j, start]} += {factor} * {loaded[start]};")

    def emit_store(self, accumulator: str, row: Indices, start: int, n: int) -> None:
        """Write the store of a vector, or of the part of it that lies inside the row."""
        p, writer = self.product, self.emitter.writer
        target = f"{self.array}[{linear_index(p.shape, [*self.batch, *row, str(start)])}]"
        left = p.get_right_sizes("free")[0] - start
        if n <= left:
            writer.add(f"*({c_type(p.equation.result.dtype)}_x{n} *)&{target} = {accumulator};")
        else:
            writer.add(f"for (int l = 0; l < {left}; l++) (&{target})[l] = {accumulator}[l];")
