"""Reductions over the batch under SIMD: each lane has its own accumulators, which are combined after the loop."""

from __future__ import annotations

from pellucid.run.native.batch_axis_analysis import BatchAxes
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Equation
from pellucid.run.native.reductions import emit_combination, emit_initial_value

LANE_MASK = "lane_mask"
"""The C array that is all ones for samples and zero for the padding of the last vector."""


def emit_lane_mask(emitter: ElementEmitter, batch: BatchAxes, kind: str) -> None:
    if not batch.has_padding:
        return
    emitter.writer.add(f"{kind} {LANE_MASK}[{batch.padded_count}];")
    emitter.writer.add(f"for (int l = 0; l < {batch.padded_count}; l++) {LANE_MASK}[l] = -(l < {batch.count});")


def skip_padding(batch: BatchAxes, line: str) -> str:
    """Return a line that does nothing in the padding of the last vector."""
    return f"if ({LANE_MASK}[l]) {line}" if batch.has_padding else line


class LaneAccumulators:
    """The accumulators of one loop over the samples: one for each lane and each element of a result."""

    batch: BatchAxes
    lanes: int

    def __init__(self, emitter: ElementEmitter, batch: BatchAxes) -> None:
        self.emitter = emitter
        self.batch, self.lanes = batch, batch.lanes
        self.by_type: dict[str, list[tuple[Equation, str]]] = {}
        """For each C type, the reductions and the places of their results."""
        self.name: str = emitter.writer.make_name("s")

    def add(self, e: Equation, element: str, target: str) -> str:
        """Return the line that accumulates an element of each sample. In sums it must be 0 for padding."""
        kind = c_type(e.result.dtype)
        accumulators = self.by_type.setdefault(kind, [])
        accumulator = f"{self.name}_{kind}[{len(accumulators)}][j]"
        accumulators.append((e, target))
        line = f"{accumulator} = {combine(e, accumulator, f'({element})')};"
        return line if is_sum(e) else skip_padding(self.batch, line)

    def emit_initialization(self) -> None:
        writer = self.emitter.writer
        for kind, accumulators in self.by_type.items():
            array = f"{self.name}_{kind}[{len(accumulators)}][{self.lanes}]"
            writer.add(f"{kind} {array} __attribute__((aligned(64))) = {{{{0}}}};")
            for k, (e, _) in enumerate(accumulators):
                if not is_sum(e):
                    with writer.loop(self.lanes) as j:
                        writer.add(f"{self.name}_{kind}[{k}][{j}] = {emit_initial_value(e)};")

    def emit_combination(self) -> None:
        """Write the combination of all lanes into the results."""
        writer = self.emitter.writer
        for kind, accumulators in self.by_type.items():
            for k, (e, target) in enumerate(accumulators):
                row = f"{self.name}_{kind}[{k}]"
                if is_sum(e) and e.result.dtype.kind == "f":
                    writer.add(f"{target} = horizontal_sum_{kind}({row}, {self.lanes});")
                    continue
                total = writer.make_name("t")
                writer.add(f"{kind} {total} = {row}[0];")
                with writer.loop(self.lanes - 1) as j:
                    writer.add(f"{total} = {combine(e, total, f'{row}[{j} + 1]')};")
                writer.add(f"{target} = {total};")


def is_sum(e: Equation) -> bool:
    return e.name in ("dot_general", "reduce_sum")


def combine(e: Equation, total: str, element: str) -> str:
    return f"{total} + {element}" if is_sum(e) else emit_combination(e, total, element)
