"""Programs whose loops are compiled as C, for steps so small that the overhead around the arithmetic dominates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.traversal import topological
from pellucid.run.backends import C_LOOPS, note_backends
from pellucid.run.buffers import Buffer
from pellucid.run.compilation_notice import announce_compilation
from pellucid.run.environment import is_enabled
from pellucid.run.graph_program import BatchedProgram, OutputHistory, Program
from pellucid.run.interrupts import DeferSigint
from pellucid.run.jax_runtime import configure_allocator, runs_on_cpu, without_jax_notes, x64
from pellucid.run.kernels.prefetching import prefetch_kernels
from pellucid.run.native.codegen import Signature, check_products, generate_program
from pellucid.run.native.compile_cache import CompiledLoop, get_entry_path, load_entry, save_entry
from pellucid.run.native.compiler import describe_compiler, load_library, require_compiler
from pellucid.run.native.compiler_process import warn_once
from pellucid.run.native.errors import NotNative, RejectedProgram
from pellucid.run.native.jaxpr_reader import trace_step
from pellucid.run.native.product_limit import LIMITS, StepLimits, is_product, limit_products
from pellucid.run.native.sweep_driver import SweepDriver, load_driver
from pellucid.run.native.target import MAX_SCRATCH_BYTES, MAX_STATE_BYTES, get_native_target
from pellucid.run.xla import HISTORY_BYTES, MAX_CHUNK_STEPS, XlaProgram
from pellucid.typing import Array

MAX_EXPRESSIONS = 3000
"""XLA compiles steps with more expressions."""

MAX_WEIGHT_BYTES = 1 << 15
"""Maximum size of each weight of a network to which the following limits apply. Weights stay in the caches of one core,
which is faster than XLA on two: XLA spends its time between the products."""

DENSE_LIMITS = StepLimits(1 << 26, 32 * MAX_SCRATCH_BYTES)
"""Limits for products of matrices. Gradients are counted too: a step of four layers of 64 units on 1,024 samples is
above the limit, and takes equally long in both."""

SMALL_WEIGHT_LIMITS, MAX_ARRAY_BYTES = StepLimits(1 << 25, 4 * MAX_SCRATCH_BYTES), 1 << 22
"""Limits if products of arrays with more axes occur, such as attention, or a larger array, such as a batch with
thousands of columns: such steps are as fast as memory, which two cores read faster."""

OTHER_PRODUCTS = ("conv", "conv_transpose", "conv_input_gradient", "conv_kernel_gradient", "scan_loop")
"""Ops whose matrix products are not those of dense layers."""


def prepare_loop(
    xla: XlaProgram, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer], walk: bool
) -> Callable[[], CompiledLoop]:
    """Trace a step, generate the C of its loop, and return a function that compiles it; or find it in the cache."""
    path = get_entry_path(xla.program, args, walk)
    cached = None if path is None else load_entry(path)
    if cached is not None:
        return lambda: cached
    limits = choose_limits(xla.program, state, args)
    with x64(), without_jax_notes(), limit_products(limits.operations):
        block = trace_step(xla.trace_without_kernels, state, read, args)
    check_products(block, limits.operations)
    target = replace(get_native_target(), max_bytes=limits.scratch_bytes)
    code = generate_program(block, Signature(len(state), len(read), len(args), walk), target=target)
    outputs = [(v.shape, v.dtype) for v in block.outputs[: len(xla.program.outputs)]]

    def compile_loop() -> CompiledLoop:
        loop = CompiledLoop(load_library(code), code, outputs, describe_compiler())
        if path is not None:
            save_entry(path, loop)
        return loop

    return compile_loop


def note_loops(*loops: CompiledLoop) -> None:
    """Record what compiled the loops that are about to run."""
    note_backends(f"{C_LOOPS}{loop.compiler}" for loop in loops)


def copy_state(program: Program) -> list[Array]:
    return [np.array(read_storage(s.storage), order="C") for s in program.updates]


def check_machine() -> None:
    if not is_enabled("PELLUCID_NATIVE"):
        raise NotNative("the environment variable PELLUCID_NATIVE=0 switches the compilation of loops as C off")
    require_compiler()
    if not runs_on_cpu():
        raise NotNative("JAX runs on an accelerator")


def check_size(program: Program, state: Sequence[Buffer], args: Sequence[Buffer]) -> None:
    """Reject programs that are certainly too large, before they are traced."""
    if program.size > MAX_EXPRESSIONS:
        raise NotNative(f"it has {program.size:,} expressions, more than {MAX_EXPRESSIONS:,}")
    size = sum(a.nbytes for a in (*state, *args))
    if size > MAX_STATE_BYTES:
        raise NotNative(f"its state and arguments take {size:,} bytes, more than {MAX_STATE_BYTES:,}")


def choose_limits(program: Program, state: Sequence[Buffer], args: Sequence[Buffer]) -> StepLimits:
    nodes = [e for e in topological(program.results) if e.op is not None]
    names = {cast(Any, e.op).name for e in nodes}
    if not names.isdisjoint(OTHER_PRODUCTS) or any(s.nbytes > MAX_WEIGHT_BYTES for s in state):
        return LIMITS
    samples = max((len(a) for a in args if a.ndim), default=1)
    is_large = max(map(count_sample_bytes, nodes), default=0) * samples > MAX_ARRAY_BYTES
    return SMALL_WEIGHT_LIMITS if is_large or any(is_product(e) and e.ndim > 2 for e in nodes) else DENSE_LIMITS


def count_sample_bytes(e: Expr) -> int:
    """Return the size of one sample of an expression whose number of samples is unknown, or 0 for any other."""
    sizes = [d for d in e.shape if isinstance(d, int)]
    return 0 if len(sizes) == e.ndim else math.prod(sizes) * e.dtype.itemsize


class AutoProgram(XlaProgram):
    """A program whose loops are compiled as C where that is possible and faster. XLA compiles everything else."""

    def get_loop(self, args: Sequence[Buffer], walk: bool) -> CompiledLoop | None:
        """Return the compiled loop for arguments of these shapes, or None to leave it to XLA."""
        key = self.loop_key(args, walk)
        if key not in self.compiled:
            self.start_compilation(args, walk)()
        loop: CompiledLoop | None = self.compiled[key]
        return loop

    def start_compilation(self, args: Sequence[Buffer], walk: bool) -> Callable[[], None]:
        """Trace a loop for arguments of these shapes, and return a function that compiles it, in any thread."""
        key = self.loop_key(args, walk)
        configure_allocator()

        def attempt(work: Callable[[], Any]) -> Any:
            """Do some work; if the program cannot be C, record its replacement and return None."""
            start = time.perf_counter()
            try:
                with announce_compilation(self.program.size, "the C compiler"):
                    return work()
            except NotNative as reason:
                self.compiled[key] = self.replace_loop(reason)
                return None
            except Exception as error:
                self.check_deleted(error)
                raise
            finally:
                self.compile_seconds += time.perf_counter() - start

        def finish() -> None:
            if key not in self.compiled:
                loop = attempt(compile_loop)
                self.compiled.setdefault(key, loop)

        compile_loop = attempt(lambda: self.prepare(args, walk))
        return finish

    def loop_key(self, args: Sequence[Buffer], walk: bool) -> tuple[object, ...]:
        """Return the key of a loop in `compiled`: the shapes of the arguments of one step."""
        return ("native", walk, tuple((a.shape[walk:], a.dtype) for a in args))

    def prepare(self, args: Sequence[Buffer], walk: bool) -> Callable[[], CompiledLoop]:
        check_machine()
        state, read, one = copy_state(self.program), self.program.get_read_values(), [a[0] if walk else a for a in args]
        check_size(self.program, state, one)
        return prepare_loop(self, state, read, one, walk)

    def replace_loop(self, reason: NotNative) -> CompiledLoop | None:
        """Return the replacement of a loop that cannot be C: None, for XLA. Warn if the generated C is wrong."""
        if isinstance(reason, RejectedProgram):
            warn_once(f"XLA computes a program that the C compiler rejects; please report it: {reason}")
        return None

    def run(
        self,
        args: Sequence[Buffer],
        steps: int,
        walk: bool,
        history: OutputHistory,
        limit: Callable[[], int] | None = None,
    ) -> Iterator[None]:
        """Run many steps in chunks, and yield after each."""
        if args and self.loop_key(args, walk) not in self.compiled:
            prefetch_kernels(self.program.results, (*args[0].shape[walk:], 1)[0])
        loop = self.get_loop(args, walk) if history.steps < steps else None
        if loop is None:
            yield from super().run(args, steps, walk, history, limit)
            return
        arranged = self.arrange_arguments(args, walk)
        size = sum(loop.output_bytes) * self.count_members(arranged)
        capacity = min(max(HISTORY_BYTES // max(size, 1), 1), MAX_CHUNK_STEPS)
        note_loops(loop)

        def run_chunk(count: int) -> None:
            with DeferSigint():  # a new state without its outputs would be an uncounted step
                outputs = self.update_state(lambda s, r: self.run_steps(loop, s, r, arranged, history.steps, count))
                history.append(count, outputs)

        yield from self.run_paced(self.loop_key(args, walk), steps, history, capacity, limit, run_chunk)

    def count_members(self, arranged: Sequence[Array]) -> int:
        return 1

    def arrange_arguments(self, args: Sequence[Buffer], walk: bool) -> list[Array]:
        return [np.asarray(a, order="C") for a in args]

    def run_steps(
        self,
        loop: CompiledLoop,
        state: Sequence[Array],
        read: Sequence[Array],
        args: Sequence[Array],
        first: int,
        count: int,
    ) -> list[Array]:
        return loop(state, read, args, first, count)

    def step_once(self, args: Sequence[Buffer]) -> list[Array]:
        """Run one step as a loop over one batch, so that the state need not move between loops."""
        batch = [np.asarray(a)[None] for a in args]
        loop = self.get_loop(batch, True)
        if loop is None:
            return self.call(args)
        note_loops(loop)
        arranged = self.arrange_arguments(batch, True)
        return [h[0] for h in self.update_state(lambda s, r: self.run_steps(loop, s, r, arranged, 0, 1))]

    def run_epochs(self, args: Sequence[Buffer], last_args: Sequence[Buffer], epochs: int) -> list[Array] | None:
        """Run epochs that end with a step of another size, and return all outputs; None to leave them to XLA."""
        steps, last_step = self.get_loop(args, True), self.get_loop(last_args, True)
        if steps is None or last_step is None:
            return None
        mapped = self.program.mapped if isinstance(self, BatchedAutoProgram) else None
        arranged, last_arranged = self.arrange_arguments(args, True), self.arrange_arguments(last_args, True)
        try:
            driver = SweepDriver(steps, last_step, mapped, self.count_members(arranged))
        except NotNative:
            return None
        note_loops(steps, last_step)
        steps_per_epoch = len(args[0]) // epochs
        return self.update_state(lambda s, r: driver(s, r, arranged, last_arranged, 0, steps_per_epoch, epochs))

    def update_state(self, run: Callable[[list[Array], list[Array]], list[Array]]) -> list[Array]:
        """Call a function that overwrites copies of the state, keep them, and return its outputs."""
        try:
            with DeferSigint():
                state = copy_state(self.program)
                outputs = run(state, self.program.get_read_values())
                self.program.keep(state)
        except Exception as error:
            self.check_deleted(error)
            raise
        return outputs


class BatchedAutoProgram(AutoProgram):
    """A program of many members, whose loops are C for one member where that is possible and faster."""

    program: BatchedProgram

    def prepare(self, args: Sequence[Buffer], walk: bool) -> Callable[[], CompiledLoop]:
        check_machine()
        one = [a[0] if walk else a for a in args]
        leaves: list[Sequence[Buffer]] = [copy_state(self.program), self.program.get_read_values(), one]
        state, read, member_args = (
            [v[0] if m else v for v, m in zip(values, mapped, strict=True)]
            for values, mapped in zip(leaves, self.program.mapped, strict=True)
        )
        check_size(self.program.one, state, member_args)
        load_driver()  # fails here rather than at the first step
        return prepare_loop(XlaProgram(self.program.one), state, read, member_args, walk)

    def count_members(self, arranged: Sequence[Array]) -> int:
        state_mapped, read_mapped, args_mapped = self.program.mapped
        variables = [*self.program.updates, *self.program.read]
        for s, m in zip(variables, [*state_mapped, *read_mapped], strict=True):
            if m:
                assert isinstance(s, Shared)
                return len(s.storage)
        return next(len(a) for a, m in zip(arranged, args_mapped, strict=True) if m)

    def arrange_arguments(self, args: Sequence[Buffer], walk: bool) -> list[Array]:
        # The driver steps from member to member, so their axis comes before that of the steps.
        pairs = zip(args, self.program.mapped[2], strict=True)
        return [np.asarray(np.moveaxis(np.asarray(a), 1, 0) if m and walk else a, order="C") for a, m in pairs]

    def run_steps(
        self,
        loop: CompiledLoop,
        state: Sequence[Array],
        read: Sequence[Array],
        args: Sequence[Array],
        first: int,
        count: int,
    ) -> list[Array]:
        driver = SweepDriver(loop, None, self.program.mapped, self.count_members(args))
        return driver(state, read, args, [], first, count, 1)


class NativeProgram(AutoProgram):
    """A program of mode "native": calls and loops are compiled as C, or refused with the reason."""

    def replace_loop(self, reason: NotNative) -> CompiledLoop | None:
        raise UseError(
            f'mode="native": this program cannot be compiled as C: {reason}. Use mode="auto", which leaves such '
            "programs to XLA"
        )

    def call(self, args: Sequence[Buffer]) -> list[Array]:
        arrays = [np.asarray(a, order="C") for a in args]
        loop = self.get_loop(arrays, False)
        assert loop is not None
        note_loops(loop)
        return [np.array(h[0]) for h in self.update_state(lambda s, r: loop(s, r, arrays, 0, 1))]
