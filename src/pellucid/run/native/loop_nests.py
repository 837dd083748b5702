"""Emitter of equations as loop nests over row-major arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pellucid.run.native.buffer_assignment import is_inlinable
from pellucid.run.native.control_flow import emit_cond, emit_scan, emit_while
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.loop_fusion import FUSION_WINDOW, emit_fused_loop, find_fusible
from pellucid.run.native.matmul import emit_matmul
from pellucid.run.native.reductions import REDUCTIONS, emit_arg_extremum, emit_cumulative, emit_reduction
from pellucid.run.native.scatter import SCATTER_COMBINERS, emit_scatter

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
