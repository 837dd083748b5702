"""Sums over the batch in tiles: one accumulator per lane of a vector, which are added after the last tile."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from pellucid.run.native.batch_axis_analysis import BatchAxes
from pellucid.run.native.c_writer import SIMD, Indices
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import get_stride, linear_index
from pellucid.run.native.layout import BatchLastLayout
from pellucid.run.native.matmul import DotGeneral, iterate_row_tiles
from pellucid.run.native.simd_reductions import LANE_MASK


@dataclass(frozen=True)
class Factor:
    """An operand of a sum: a value with a batch axis, its axes in the result, and its summed axes but for the batch."""

    value: Value
    free: list[int]
    summed: list[int]

    def order_indices(self, free: Indices, summed: Indices) -> Indices:
        """Return the indices of an element inside a sample."""
        index = dict(zip([*self.free, *self.summed], [*free, *summed], strict=True))
        return [index[axis] for axis in sorted(index)]

    def get_sizes(self, axes: list[int]) -> list[int]:
        return [self.value.shape[axis] for axis in axes]


class TileSum:
    """Writes one sum over the batch: of a value, or of the products of two."""

    def __init__(self, emitter: ElementEmitter, batch: BatchAxes, layout: BatchLastLayout, e: Equation) -> None:
        self.emitter, self.batch, self.layout, self.equation = emitter, batch, layout, e
        self.factors: list[Factor] = self.find_factors()
        self.kind: str = c_type(e.result.dtype)
        self.lanes: int = min(batch.lanes, emitter.target.vector_bytes // e.result.dtype.itemsize)
        self.name: str = f"{e.result.name}_sums"

    def find_factors(self) -> list[Factor]:
        e = self.equation
        if e.name == "reduce_sum":
            x, summed = e.inputs[0], list(e.params["axes"])
            operands = [(x, [a for a in range(x.ndim) if a not in summed], summed)]
        else:
            p = DotGeneral.from_equation(e)
            operands = [(x, axes["free"], axes["sum"]) for x, axes in ((p.left, p.left_axes), (p.right, p.right_axes))]
        return [Factor(x, free, [a for a in summed if a != self.batch.axis[x]]) for x, free, summed in operands]

    def emit_initialization(self) -> None:
        self.emitter.declare_array(self.name, self.equation.result.dtype, self.equation.result.size * self.lanes)
        self.emitter.writer.add(f"memset({self.name}, 0, sizeof {self.name});")

    def emit_accumulation(self, t: str) -> None:
        """Write the addition of tile ``t``. Padding adds 0."""
        writer = self.emitter.writer
        if self.lanes == self.batch.lanes or not all(self.is_contiguous(f) for f in self.factors):
            self.emit_masked_accumulation(t)  # with one vector per tile, blocks would store no less
            return
        sizes = [*(f.get_sizes(f.free) for f in self.factors), []][:2]
        rows, columns = self.choose_block(sizes)
        for left in iterate_row_tiles(writer, sizes[0], rows):
            for right in iterate_row_tiles(writer, sizes[1], columns):
                self.emit_block(left, right)

    def is_contiguous(self, f: Factor) -> bool:
        """Whether the samples of a tile are neighbors in memory."""
        tile = self.layout.get_tile(f.value)
        same_dtype = tile.dtype == self.equation.result.dtype
        return same_dtype and get_stride(tile, tile.ndim - 1, self.emitter.is_stored) == 1

    def choose_block(self, sizes: list[list[int]]) -> tuple[int, int]:
        """Return how many rows and columns of the result are accumulated together, in most of the registers."""
        budget = self.emitter.target.tile_vectors * 2 // 3
        height, width = ((*n, 1)[-2 if n else 0] for n in sizes)
        rows = min(height, isqrt(budget))
        columns = min(width, budget // rows)
        return budget // columns, columns

    def emit_block(self, left: list[Indices], right: list[Indices]) -> None:
        """Write the accumulation of some rows and columns, in registers for all vectors of the tile."""
        writer, vector = self.emitter.writer, f"{self.kind}_x{self.lanes}"
        totals = {}
        for m, row in enumerate(left):
            for n, column in enumerate(right):
                place = linear_index(self.equation.result.shape, [*row, *column])
                target = f"*({vector} *)&{self.name}[({place}) * {self.lanes}]"
                totals[m, n] = (writer.make_name("c"), target)
                writer.add(f"{vector} {totals[m, n][0]} = {target};")
        with (
            writer.loops(self.factors[0].get_sizes(self.factors[0].summed)) as inner,
            writer.loop(self.batch.lanes // self.lanes) as v,
        ):
            loaded = [
                [self.emit_load(f, row, inner, v) for row in rows]
                for f, rows in zip(self.factors, (left, right), strict=False)
            ]
            for (m, n), (total, _) in totals.items():
                terms = [names[k] for names, k in zip(loaded, (m, n), strict=False)]
                writer.add(f"{total} += {' * '.join(terms)};")
        for total, target in totals.values():
            writer.add(f"{target} = {total};")

    def emit_load(self, f: Factor, free: Indices, summed: Indices, v: str) -> str:
        """Write the load of vector ``v`` of an operand's element, and return its name."""
        writer, vector = self.emitter.writer, f"{self.kind}_x{self.lanes}"
        name = writer.make_name("b")
        first = "0" if v == "0" else f"{v} * {self.lanes}"
        element = self.emitter.emit_element(self.layout.get_tile(f.value), [*f.order_indices(free, summed), first])
        writer.add(f"const {vector} {name} = *(const {vector} *)&{element};")
        return name

    def emit_masked_accumulation(self, t: str) -> None:
        """Write the addition of a tile, one sum at a time. Elements may be computed where they are added."""
        writer, split = self.emitter.writer, len(self.factors[0].free)
        with (
            writer.loops(self.equation.result.shape) as place,
            writer.loops(self.factors[0].get_sizes(self.factors[0].summed)) as inner,
            writer.loop(self.batch.lanes // self.lanes) as v,
            writer.loop(self.lanes, writer.make_name(), SIMD) as j,
        ):
            lane = j if v == "0" else f"({v} * {self.lanes} + {j})"
            free = (place[:split], place[split:])
            factors = [
                self.emit_masked(f.value, f.order_indices(indices, inner), t, lane)
                for f, indices in zip(self.factors, free, strict=False)
            ]
            to = f"{self.name}[{linear_index((*self.equation.result.shape, self.lanes), [*place, j])}]"
            writer.add(f"{to} += {' * '.join(factors)};")

    def emit_masked(self, x: Value, indices: Indices, t: str, lane: str) -> str:
        """Return the C expression of an element that is 0 in padding."""
        tile = self.layout.get_tile(x)
        element = self.emitter.emit_element(tile, [*indices, lane])
        if self.emitter.find_stored(tile) is not None or not self.batch.has_padding:
            return element
        return f"mask_lane_{x.dtype.name}({element}, {LANE_MASK}[{t} * {self.batch.lanes} + {lane}])"

    def emit_total(self) -> None:
        """Write the addition of the lanes."""
        e, writer = self.equation, self.emitter.writer
        name = self.emitter.allocate(e.result)
        with writer.loop(e.result.size) as i:
            total = f"horizontal_sum_{self.kind}({self.name} + {i} * {self.lanes}, {self.lanes})"
            writer.add(f"{name}[{i}] = {total};")
