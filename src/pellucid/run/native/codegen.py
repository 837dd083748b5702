"""Assembly of a C program: copies of the state, loop-invariant values, and the loop of steps."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.run.native.batch_axis_analysis import MIN_SAMPLES, BatchAxes, NotVectorizable
from pellucid.run.native.batch_tiling import BatchTiler
from pellucid.run.native.buffer_assignment import choose_buffers
from pellucid.run.native.c_writer import CWriter
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Block, Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.index_maps import is_row_gather
from pellucid.run.native.loop_nests import LoopNestEmitter
from pellucid.run.native.matmul import DotGeneral
from pellucid.run.native.padding import get_uniform_element
from pellucid.run.native.product_limit import report_products
from pellucid.run.native.simd_batch import SimdEmitter
from pellucid.run.native.target import Target, get_native_target
from pellucid.run.native.vector_math import get_preamble

MAX_TILED_SAMPLES = 64
"""Larger batches of small networks are computed in one loop over the samples. In smaller ones it has so few iterations
that the processor waits for the results of instructions; the short loops of tiles have more independent ones."""

FLOAT_MODE = Path(__file__).with_name("float_mode.c").read_text("utf-8")


@dataclass(frozen=True)
class Signature:
    """Numbers of state, read and argument values of a step, and whether each step has its own arguments."""

    state: int
    read: int
    args: int
    walk: bool


def generate_program(block: Block, signature: Signature, symbol: str = "run", target: Target | None = None) -> str:
    """Return the C program of a loop of steps, vectorized over the batch if there is one: one function, ``symbol``."""
    target = target or get_native_target()
    for rank, seeds in itertools.product(range(2), find_batch_candidates(block, signature)):
        with contextlib.suppress(NotVectorizable):
            strategy = rank_strategies(seeds[0].shape[0], target)[rank]
            return ProgramGenerator(block, signature, seeds, strategy, symbol, target).code
    return ProgramGenerator(block, signature, [], None, symbol, target).code


def rank_strategies(samples: int, target: Target) -> tuple[type[SimdEmitter | BatchTiler], ...]:
    """Return the strategies of vectorization, the one first that is faster for small networks."""
    tiles_first = samples <= MAX_TILED_SAMPLES and target.max_body_cost is None
    return (BatchTiler, SimdEmitter) if tiles_first else (SimdEmitter, BatchTiler)


def check_products(block: Block, limit: int) -> None:
    """Raise `NotNative` if the matrix products of a step take more operations than the limit."""
    products = [DotGeneral.from_equation(e) for e in block.equations if e.name == "dot_general"]
    operations = sum(2 * p.num_products for p in products)
    if operations > limit:
        raise report_products(operations)


def find_batch_candidates(block: Block, signature: Signature) -> list[list[Value]]:
    """Return lists of values whose rows may be samples: inputs as long as an argument, or gathered rows."""
    inputs = block.inputs[signature.state :]
    args = block.inputs[signature.state + signature.read :]
    sizes = dict.fromkeys(v.shape[0] for v in [*args, *inputs] if v.ndim and v.shape[0] >= MIN_SAMPLES)
    candidates = [[v for v in inputs if v.ndim and v.shape[0] == n] for n in sizes]
    gathers = [e for e in block.equations if is_row_gather(e) and e.result.shape[0] >= MIN_SAMPLES]
    sources = {source for e in gathers for x in e.inputs for source in collect_inputs(x)}  # row numbers, and all rows
    for n in dict.fromkeys(e.result.shape[0] for e in gathers):
        rows = [e.result for e in gathers if e.result.shape[0] == n]
        candidates.append([*rows, *(v for v in inputs if v.ndim and v.shape[0] == n and v not in sources)])
    return candidates


def collect_inputs(v: Value) -> set[Value]:
    """Return the block inputs and constants that a value depends on."""
    stack, visited = [v], set()
    while stack:
        v = stack.pop()
        if v not in visited:
            visited.add(v)
            stack += v.producer.inputs if v.producer is not None else []
    return {v for v in visited if v.producer is None}


class ProgramGenerator:
    """Writes one program. Without a strategy, it is not vectorized over the batch."""

    args: list[Value]
    read: list[Value]
    state: list[Value]

    def __init__(
        self,
        block: Block,
        signature: Signature,
        seeds: Sequence[Value],
        strategy: type[SimdEmitter | BatchTiler] | None,
        symbol: str,
        target: Target,
    ) -> None:
        self.block = block
        self.symbol = symbol
        self.signature = signature
        self.writer: CWriter = CWriter()
        self.emitter: LoopNestEmitter = LoopNestEmitter(self.writer, target)
        self.batch: BatchAxes | None = None
        self.vectorizer: SimdEmitter | BatchTiler | None = None
        if strategy is not None:
            self.batch = BatchAxes(block.equations, seeds, target.vector_bytes, strategy.count_lanes)
            self.vectorizer = strategy(self.emitter, self.batch)
            if not self.batch.equations:
                raise NotVectorizable("nothing is computed for samples")
        self.state, rest = block.inputs[: signature.state], block.inputs[signature.state :]
        self.read, self.args = rest[: signature.read], rest[signature.read :]
        self.invariant: set[Equation] = self.find_invariant_equations()
        self.code: str = self.generate()
        if self.emitter.scratch_bytes > target.max_bytes:
            raise NotNative(f"its arrays take {self.emitter.scratch_bytes:,} bytes, more than {target.max_bytes:,}")

    def find_invariant_equations(self) -> set[Equation]:
        varying = {*self.state, *(self.args if self.signature.walk else [])}
        invariant = set()
        for e in self.block.equations:
            if varying.isdisjoint(e.inputs):
                invariant.add(e)
            else:
                varying.update(e.outputs)
        return invariant

    def generate(self) -> str:
        writer = self.writer
        for k, v in enumerate(self.state):
            self.emitter.emit_copy(self.emitter.allocate(v), f"state[{k}]", v)
        for k, v in enumerate(self.read):
            self.emit_pointer(v, f"read[{k}]")
        if not self.signature.walk:
            for k, v in enumerate(self.args):
                self.emit_pointer(v, f"args[{k}]")
        if self.vectorizer is not None:
            self.vectorizer.emit_lane_mask()
        self.emit_equations(invariant=True)
        with writer.block("for (int64_t step = 0; step < count; step++)"):
            if self.signature.walk:
                for k, v in enumerate(self.args):
                    self.emit_pointer(v, f"args[{k}]", f" + (first + step) * {v.size}")
            self.emit_equations(invariant=False)
            num_outputs = len(self.block.outputs) - len(self.state)
            for k, v in enumerate(self.block.outputs[:num_outputs]):
                self.emit_output(v, f"({c_type(v.dtype)} *)history[{k}] + step * {v.size}")
            self.emit_state_update(self.block.outputs[num_outputs:])
        for k, v in enumerate(self.state):
            self.emitter.emit_copy(f"state[{k}]", v.name, v)
        arrays = "void **state, void **read, void **args, void **history"
        head = f"void {self.symbol}({arrays}, int64_t first, int64_t count) {{"
        preamble = get_preamble(self.emitter.target.vector_bytes)
        body = ["  FloatMode mode = flush_subnormals();", *writer.lines, "  restore_float_mode(mode);"]
        return "\n".join([preamble, FLOAT_MODE, *self.emitter.tables, head, *body, "}", ""])

    def emit_pointer(self, v: Value, source: str, offset: str = "") -> None:
        c = c_type(v.dtype)
        self.writer.add(f"const {c} *restrict {v.name} = (const {c} *){source}{offset};")
        self.emitter.arrays[v] = v.name

    def emit_output(self, v: Value, target: str) -> None:
        if v in self.emitter.arrays:
            self.emitter.emit_copy(target, self.emitter.arrays[v], v)
        else:
            name = self.writer.make_name("y")
            self.writer.add(f"{c_type(v.dtype)} *restrict {name} = {target};")
            self.emitter.store(name, v)

    def emit_state_update(self, new: list[Value]) -> None:
        """Write the copies of the new state over the old one, after all of it is computed."""
        for v in new:
            if v not in self.emitter.arrays:
                name = self.emitter.declare_array(self.writer.make_name("x"), v.dtype, v.size)
                self.emitter.store(name, v)
                self.emitter.arrays[v] = name
        moved = [(s, v) for s, v in zip(self.state, new, strict=True) if s is not v]
        # A new state that is another old state is saved before it is overwritten.
        saved: dict[Value, str] = {}
        for v in (s for s in self.state if any(s is v for _, v in moved)):
            saved[v] = self.emitter.declare_array(self.writer.make_name("x"), v.dtype, v.size)
            self.emitter.emit_copy(saved[v], v.name, v)
        for s, v in moved:
            self.emitter.emit_copy(s.name, saved.get(v, self.emitter.arrays[v]), v)

    def emit_equations(self, invariant: bool) -> None:
        """Write the invariant equations, or those of a step, in the order of their levels."""
        equations = [e for e in self.block.equations if (e in self.invariant) == invariant]
        if self.batch is None or self.vectorizer is None:
            self.emitter.emit_block(equations, self.choose_buffers(equations, set()))
            return
        batch = self.batch
        sample_equations = set(batch.equations)
        walk = self.signature.walk
        inputs = [*self.read, *([] if walk else self.args)] if invariant else [*self.args] if walk else []
        for v in inputs:
            if v in batch.axis:
                self.vectorizer.load(v)
        needed = {x for e in self.block.equations if e in sample_equations for x in e.inputs if x not in batch.axis}
        others = [e for e in equations if e not in sample_equations]
        buffers = self.choose_buffers(others, needed)
        read_as_arrays = {x for e in self.block.equations if e not in sample_equations for x in e.inputs}
        read_as_arrays |= set(self.block.outputs)
        for level in range(max(batch.levels.values(), default=0) + 1):
            now = [e for e in others if batch.levels[e.outputs[0]] == level]
            self.emitter.emit_block(now, buffers)
            for e in now:
                if e.outputs[0] in batch.axis:
                    self.vectorizer.load(e.outputs[0])
            # A sum over the batch has the level after the one whose loop computes it.
            body = [
                e
                for e in equations
                if e in sample_equations and batch.levels[e.result] - (e.result not in batch.axis) == level
            ]
            if body:
                later = [e for e in self.block.equations if e in sample_equations and e not in body]
                read_later = {x for e in later for x in e.inputs}
                results = [e.result for e in body if e.result in batch.axis]
                spilled, stored = ([v for v in results if v in read] for read in (read_later, read_as_arrays))
                self.vectorizer.emit_loop(body, spilled, stored)

    def choose_buffers(self, equations: Sequence[Equation], needed: set[Value]) -> set[Value]:
        outputs = {o for e in equations for o in e.outputs}
        used_elsewhere = {x for e in self.block.equations if e not in set(equations) for x in e.inputs}
        if self.batch is not None:  # gathered rows are copied where they are read
            used_elsewhere.difference_update(self.batch.axis)
        stored = {find_source(v) for v in used_elsewhere | needed} | set(self.block.outputs)
        return choose_buffers(equations, [v for v in stored if v in outputs])


def find_source(v: Value) -> Value:
    """Return what is stored for a value: what patches are taken from, and the constant of a filled array."""
    while v.producer is not None and (v.producer.name == "patches" or get_uniform_element(v) is not None):
        v = v.producer.inputs[0]
    return v
