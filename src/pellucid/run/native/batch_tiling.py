"""Batch tiling: a tile of samples runs through the whole step in arrays that fit into the L1 cache.

This is for samples with too many elements for `SimdEmitter`, in which each element is a local variable.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.run.native.batch_axis_analysis import MIN_SAMPLES, BatchAxes, NotVectorizable
from pellucid.run.native.buffer_assignment import choose_buffers, get_computed_operand
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import linear_index
from pellucid.run.native.layout import BatchLastLayout
from pellucid.run.native.matmul import DotGeneral
from pellucid.run.native.simd_reductions import emit_lane_mask
from pellucid.run.native.tile_sums import TileSum

MAX_INPUT_ELEMENTS = 64
"""Maximum elements of an input per sample, because inputs are copied into tiles."""

MAX_TILE_VECTORS = 4
"""Maximum vectors of samples in a tile of several groups. C compilers unroll the loops over them."""

MAX_TILE_ELEMENTS = 1 << 13
"""Maximum number of elements computed for a tile of several groups, so that those stored stay in the L1 cache."""

TILE_COST = 0.25
"""Time of a tile apart from that of its groups, relative to the time of a group."""

MAX_SUMS = 512
"""Maximum number of sums over the batch, because every tile updates all of them."""


class BatchTiler:
    """Writes equations as loops over tiles of samples, with loops over arrays inside a tile."""

    @staticmethod
    def count_lanes(batch: BatchAxes, width: int) -> int:
        """Return the number of samples per tile: several groups of ``MIN_SAMPLES`` for small networks."""
        groups, group_elements = -(-batch.count // MIN_SAMPLES), max(batch.num_elements, 1) * MIN_SAMPLES
        largest = min(MAX_TILE_VECTORS * width // MIN_SAMPLES, MAX_TILE_ELEMENTS // group_elements)
        sizes = range(1, max(largest, 1) + 1)
        return MIN_SAMPLES * min(sizes, key=lambda size: -(-groups // size) * (size + TILE_COST))

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
        tile_sums = [TileSum(emitter, self.batch, self.layout, e) for e in sums]
        for each in tile_sums:
            each.emit_initialization()
        with writer.loop(self.num_tiles, writer.make_name()) as t:
            self.emit_tile_pointers(earlier, t)
            emitter.emit_block(body, self.choose_buffers(body, sums, [*spilled, *stored]))
            self.zero_padding(sums, t)
            for each in tile_sums:
                each.emit_accumulation(t)
            for v in stored:
                self.emit_stores(v, t)
            for v in spilled:
                self.emit_spill(v, t)
        for v in [*self.all_tiles, *(o for e in body for o in e.outputs)]:
            emitter.arrays.pop(v, None)
        for each in tile_sums:
            each.emit_total()

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
