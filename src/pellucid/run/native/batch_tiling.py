"""Batch tiling: a tile of samples runs through the whole step in arrays that fit into the L1 cache.

This is for samples with too many elements for `SimdEmitter`, in which each element is a local variable.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.run.native.batch_axis_analysis import MIN_SAMPLES, BatchAxes, NotVectorizable
from pellucid.run.native.buffer_assignment import choose_buffers, get_computed_operand
from pellucid.run.native.c_writer import SIMD, Indices
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import linear_index
from pellucid.run.native.layout import BatchLastLayout
from pellucid.run.native.matmul import DotGeneral
from pellucid.run.native.simd_reductions import LANE_MASK, emit_lane_mask

MAX_INPUT_ELEMENTS = 64
"""Maximum elements of an input per sample, because inputs are copied into tiles."""

MAX_SUMS = 512
"""Maximum number of sums over the batch, because every tile updates all of them."""


class BatchTiler:
    """Writes equations as loops over tiles of samples, with loops over arrays inside a tile."""

    @staticmethod
    def count_lanes(count: int, width: int) -> int:
        """Return the number of samples per tile."""
        return MIN_SAMPLES

    def __init__(self, emitter: ElementEmitter, batch: BatchAxes) -> None:
        self.emitter = emitter
        self.batch = batch
        self.layout: BatchLastLayout = BatchLastLayout(batch)
        self.all_tiles: dict[Value, str] = {}
        """The arrays that hold all tiles of a value."""
        self.zero_padded: set[Value] = set()
        """Tiles that are 0 in the padding of the last one."""
        sums = [e for e in batch.equations if e.result not in batch.axis]
        if sum(e.result.size for e in sums) > MAX_SUMS:
            raise NotVectorizable("too many sums over the batch")
        if not all(e.name in ("reduce_sum", "dot_general") and e.result.dtype.kind == "f" for e in sums):
            raise NotVectorizable("samples are compared with each other")
        products = [DotGeneral.from_equation(e) for e in sums if e.name == "dot_general"]
        if not all(x in batch.axis for e in sums for x in e.inputs) or any(p.left_axes["batch"] for p in products):
            raise NotVectorizable("this kind of sum over the batch is not supported in tiles")

    @property
    def num_tiles(self) -> int:
        return self.batch.padded_count // self.batch.lanes

    def emit_lane_mask(self) -> None:
        emit_lane_mask(self.emitter, self.batch, "int32_t")

    def load(self, v: Value) -> None:
        """Write the copy of a stored value into tiles, padded with zeros."""
        if v.size > MAX_INPUT_ELEMENTS * self.batch.count:
            raise NotVectorizable("an input has too many elements per sample")
        name, tile = self.allocate_tiles(v), self.layout.get_tile(v)
        self.zero_padded.add(tile)
        writer, axis, lanes = self.emitter.writer, self.batch.axis[v], self.batch.lanes
        writer.add(f"memset({name}, 0, sizeof {name});")
        with writer.loop(self.batch.count, writer.make_name()) as n, writer.loops(tile.shape[:-1]) as place:
            to = linear_index((self.num_tiles, *tile.shape), [f"({n} / {lanes})", *place, f"({n} % {lanes})"])
            writer.add(f"{name}[{to}] = {self.emitter.emit_element(v, [*place[:axis], n, *place[axis:]])};")

    def allocate_tiles(self, v: Value) -> str:
        tile = self.layout.get_tile(v)
        name = self.emitter.declare_array(f"{tile.name}_all", tile.dtype, tile.size * self.num_tiles)
        self.all_tiles[tile] = name
        return name

    def emit_loop(self, equations: Sequence[Equation], spilled: Sequence[Value], stored: Sequence[Value]) -> None:
        """Write a loop over all tiles. Later loops read all tiles of ``spilled``; ``stored`` are ordinary arrays."""
        emitter, writer = self.emitter, self.emitter.writer
        body = self.layout.rewrite_all([e for e in equations if e.result in self.batch.axis])
        sums = [e for e in equations if e.result not in self.batch.axis]
        earlier = dict(self.all_tiles)
        for v in spilled:
            self.allocate_tiles(v)
        for v in stored:
            emitter.allocate(v)
        for e in sums:
            name = emitter.declare_array(sums_name(e), e.result.dtype, e.result.size * self.batch.lanes)
            writer.add(f"memset({name}, 0, sizeof {name});")
        with writer.loop(self.num_tiles, writer.make_name()) as t:
            self.emit_tile_pointers(earlier, t)
            emitter.emit_block(body, self.choose_buffers(body, sums, [*spilled, *stored]))
            self.zero_padding(sums, t)
            for e in sums:
                self.emit_accumulation(e, t)
            for v in stored:
                self.emit_stores(v, t)
            for v in spilled:
                self.emit_spill(v, t)
        for v in [*self.all_tiles, *(o for e in body for o in e.outputs)]:
            emitter.arrays.pop(v, None)
        for e in sums:
            self.emit_lane_sums(e)

    def emit_tile_pointers(self, all_tiles: dict[Value, str], t: str) -> None:
        """Write pointers to the current tile in arrays that hold all tiles."""
        for tile, name in all_tiles.items():
            self.emitter.writer.add(f"{c_type(tile.dtype)} *restrict {tile.name} = {name} + {t} * {tile.size};")
            self.emitter.arrays[tile] = tile.name

    def choose_buffers(self, body: Sequence[Equation], sums: Sequence[Equation], read: Sequence[Value]) -> set[Value]:
        producers = {o: e for e in body for o in e.outputs}
        outputs = [self.layout.get_tile(v) for v in read]
        for e in sums:
            for x in e.inputs:
                if e.name == "dot_general" and x in self.batch.axis:
                    outputs += get_computed_operand(self.layout.get_tile(x), producers)
        return choose_buffers(body, [v for v in outputs if v in producers])

    def emit_spill(self, v: Value, t: str) -> None:
        tile = self.layout.get_tile(v)
        self.emitter.store_or_copy(f"({self.all_tiles[tile]} + {t} * {tile.size})", tile)

    def emit_stores(self, v: Value, t: str) -> None:
        """Write the copy of a tile's samples to the row-major array of a value."""
        tile, writer, axis, lanes = self.layout.get_tile(v), self.emitter.writer, self.batch.axis[v], self.batch.lanes
        with writer.loops(tile.shape[:-1]) as place, writer.loop(lanes, writer.make_name()) as lane:
            sample = f"({t} * {lanes} + {lane})"
            to = f"{self.emitter.arrays[v]}[{linear_index(v.shape, [*place[:axis], sample, *place[axis:]])}]"
            element = self.emitter.emit_element(tile, [*place, lane])
            writer.add(f"if ({sample} < {self.batch.count}) {to} = {element};")

    def zero_padding(self, sums: Sequence[Equation], t: str) -> None:
        """Write zeros to the padding of the last tile, in the arrays that are summed."""
        writer, lanes, rest = self.emitter.writer, self.batch.lanes, self.batch.count % self.batch.lanes
        for v in dict.fromkeys(self.emitter.find_stored(self.layout.get_tile(x)) for e in sums for x in e.inputs):
            if rest and v is not None and v not in self.zero_padded:
                with writer.loop(v.size // lanes, writer.make_name()) as row:
                    zero = f"{self.emitter.arrays[v]}[{row} * {lanes} + l] = 0;"
                    writer.add(f"if ({t} == {self.num_tiles - 1}) for (int l = {rest}; l < {lanes}; l++) {zero}")

    def emit_accumulation(self, e: Equation, t: str) -> None:
        """Write the addition of a tile to the sums of each lane. Padding adds 0."""
        writer, lanes = self.emitter.writer, self.batch.lanes
        with (
            writer.loops(e.result.shape) as place,
            writer.loops(self.get_inner_sizes(e)) as inner,
            writer.loop(lanes, writer.make_name(), SIMD) as lane,
        ):
            factors = [self.emit_masked(x, indices, t, lane) for x, indices in self.get_factors(e, place, inner)]
            to = f"{sums_name(e)}[{linear_index((*e.result.shape, lanes), [*place, lane])}]"
            writer.add(f"{to} += {' * '.join(factors)};")

    def get_inner_sizes(self, e: Equation) -> list[int]:
        """Return the lengths of the summed axes, without the batch axis."""
        x = e.inputs[0]
        axes = e.params["axes"] if e.name == "reduce_sum" else DotGeneral.from_equation(e).left_axes["sum"]
        return [x.shape[a] for a in axes if a != self.batch.axis[x]]

    def get_factors(self, e: Equation, place: Indices, inner: Indices) -> list[tuple[Value, Indices]]:
        """Return the factors of a sum's terms, each with the indices of its element inside a sample."""
        if e.name == "reduce_sum":
            x = e.inputs[0]
            free = [a for a in range(x.ndim) if a not in e.params["axes"]]
            operands = [(x, free, list(e.params["axes"]), place)]
        else:
            p = DotGeneral.from_equation(e)
            rows = len(p.left_axes["free"])
            operands = [(p.left, p.left_axes["free"], p.left_axes["sum"], place[:rows])]
            operands += [(p.right, p.right_axes["free"], p.right_axes["sum"], place[rows:])]
        factors = []
        for x, free, summed, indices in operands:
            index = dict(zip(free, indices, strict=True))
            index |= dict(zip([a for a in summed if a != self.batch.axis[x]], inner, strict=True))
            factors.append((x, [index[a] for a in range(x.ndim) if a != self.batch.axis[x]]))
        return factors

    def emit_masked(self, x: Value, indices: Indices, t: str, lane: str) -> str:
        """Return the C expression of an element that is 0 in padding."""
        tile = self.layout.get_tile(x)
        element = self.emitter.emit_element(tile, [*indices, lane])
        if self.emitter.find_stored(tile) is not None or not self.batch.has_padding:
            return element
        return f"mask_lane_{x.dtype.name}({element}, {LANE_MASK}[{t} * {self.batch.lanes} + {lane}])"

    def emit_lane_sums(self, e: Equation) -> None:
        name, writer, lanes = self.emitter.allocate(e.result), self.emitter.writer, self.batch.lanes
        with writer.loop(e.result.size) as i:
            total = f"horizontal_sum_{c_type(e.result.dtype)}({sums_name(e)} + {i} * {lanes}, {lanes})"
            writer.add(f"{name}[{i}] = {total};")


def sums_name(e: Equation) -> str:
    return f"{e.result.name}_sums"
