"""Programs compiled by XLA: one step, or a loop of steps as one program."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.errors import StateError
from pellucid.graph.evaluate import use_lowerings
from pellucid.graph.expr import Constant, Shared
from pellucid.run.allocator import TrimPolicy
from pellucid.run.backends import describe_xla, is_recording, note_backends, record_backends
from pellucid.run.buffers import Buffer
from pellucid.run.compilation_cache import compile_or_load
from pellucid.run.compilation_notice import announce_compilation
from pellucid.run.graph_partitioning import MAX_EXPRESSIONS, PartitionedStep
from pellucid.run.graph_program import OutputHistory, Program, Shapes
from pellucid.run.interrupts import DeferSigint
from pellucid.run.jax_runtime import get_first_line, jax, without_jax_notes, x64
from pellucid.run.kernels.loading import compile_with_kernels
from pellucid.run.kernels.lowerings import get_lowerings, prepare_for
from pellucid.run.program_index import get_index_path, load_indexed, record_build, save_index
from pellucid.typing import Array

if TYPE_CHECKING:
    from jax import Array as JaxArray
    from jax.stages import Lowered

HISTORY_BYTES = 4 * 2**20
"""Maximum size of the outputs of a chunk of steps."""

WINDOW_BYTES = 2**20
"""How much of the arguments that differ from step to step is on the device at a time."""

MAX_CHUNK_STEPS = 65536
"""Maximum number of steps in a chunk."""

CHUNK_SECONDS = 0.15
"""Target duration of a chunk. Between chunks, progress is reported and Ctrl-C takes effect."""

Compiled = Callable[..., tuple[list[Any], list[Any]]]
Step = Callable[..., tuple[list[Buffer], list[Buffer]]]


class XlaProgram:
    """A program compiled by XLA, once for each set of argument shapes."""

    is_indexed: bool = True  # whether the graph and its arguments determine the compiled program

    def __init__(self, program: Program) -> None:
        self.program = program
        self.compile_seconds: float = 0.0
        self.jit_options: dict[str, Any] = {"donate_argnums": (0,) if program.donate else ()}
        self.compiled: dict[Hashable, Any] = {}
        self.backends: dict[Hashable, list[str]] = {}
        """For each compiled program, what computes it: XLA, and C kernels."""
        self.constants: dict[Constant, Buffer] = {}
        self.paces: dict[Hashable, int] = {}
        """For each loop, how many steps take about `CHUNK_SECONDS`."""
        self.trim_policy: TrimPolicy = TrimPolicy()
        prepare_for(program.results)

    def trace(
        self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]
    ) -> tuple[list[Buffer], list[Buffer]]:
        """Trace one step, with pellucid's own kernels where they are faster."""
        with use_lowerings(get_lowerings()):
            return self.trace_without_kernels(state, read, args)

    def trace_without_kernels(
        self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]
    ) -> tuple[list[Buffer], list[Buffer]]:
        """Trace one step with primitives of JAX only."""
        j = jax()
        outputs, new = self.program.step(j.numpy, state, read, args)
        # Results get strong types: with a weak type, the next call would be another program.
        convert = j.lax.convert_element_type
        return (
            [convert(o, e.dtype) for o, e in zip(outputs, self.program.outputs, strict=True)],
            [convert(n, s.dtype) for n, s in zip(new, self.program.updates, strict=True)],
        )

    def get_state(self) -> tuple[list[Buffer], list[Buffer]]:
        """Return the values of the state, and those that are only read, on the device."""
        return self.put_all_on_device(self.program.updates), self.put_all_on_device(self.program.read)

    def put_all_on_device(self, sources: Iterable[Shared | Constant]) -> list[Buffer]:
        """Return values as JAX arrays. Those of shared variables are usually on the device already."""
        return [
            s.storage if isinstance(s, Shared) and is_on_device(s.storage) else self.put_on_device(s) for s in sources
        ]

    def put_on_device(self, source: Shared | Constant) -> Buffer:
        """Return a value as a JAX array, copied to the device the first time.

        The value of a shared variable must be a copy: its buffer is donated to the next step, and the user may hold
        NumPy's.
        """
        if isinstance(source, Constant):
            if source not in self.constants:
                self.constants[source] = jax().device_put(source.value)
            return self.constants[source]
        storage = source.storage
        if isinstance(storage, jax().Array) and storage.committed:  # to the devices of a data-parallel program
            storage = read_storage(storage)
        if isinstance(storage, np.ndarray):
            source.storage = jax().device_put(storage, may_alias=False)
        result: Buffer = source.storage
        return result

    def place_arguments(self, args: Sequence[Buffer], walk: bool) -> list[Buffer]:
        return [jax().device_put(a) for a in args]

    def call(self, args: Sequence[Buffer]) -> list[Array]:
        with x64():
            try:
                compiled = self.get_compiled("call", args, self.compile_step)
                if not self.program.updates:  # Ctrl-C can lose no state
                    return copy_outputs(compiled([], self.put_all_on_device(self.program.read), args)[0])
                with DeferSigint():
                    return copy_outputs(self.advance(compiled, args))
            except Exception as error:
                self.check_deleted(error)
                raise

    def advance(self, compiled: Compiled, *args: Any) -> list[Buffer]:
        """Start a compiled program, replace the state by the new one, and return the outputs."""
        outputs, new = compiled(*self.get_state(), *args)
        if not self.program.donate:
            jax().block_until_ready(new)
        self.program.keep(new)
        return outputs

    def check_deleted(self, error: Exception) -> None:
        """Raise a `StateError` if shared variables lost their values in a run that failed, now or before."""
        shared = [s for s in [*self.program.updates, *self.program.read] if isinstance(s, Shared)]
        deleted = [s for s in shared if is_deleted(s.storage)]
        if not deleted:
            return
        placeholder = next((s.storage for s in deleted if isinstance(s.storage, DeletedBuffer)), None)
        if placeholder is None and not any(s in self.program.updates for s in deleted):
            # This program only reads them, so another one has replaced them, and will store the new values.
            raise StateError(
                f"The values of {', '.join(map(str, deleted))} were replaced while they were read: another thread is "
                "training them. Wait for it, or use a copy, such as model.clone(weights=True), made before"
            ) from error
        if placeholder is None:
            placeholder = DeletedBuffer(", ".join(map(str, deleted)), get_first_line(error))
        for s in deleted:
            s.storage = placeholder
        raise StateError(placeholder.message) from error

    def run(
        self,
        args: Sequence[Buffer],
        steps: int,
        walk: bool,
        history: OutputHistory,
        limit: Callable[[], int] | None = None,
    ) -> Iterator[None]:
        """Run many steps as a compiled loop, in chunks, and yield after each.

        Before each chunk, ``limit`` returns its maximum number of steps. A loop that ran before starts at its last
        pace.
        """
        if history.steps >= steps:
            return
        kind, window_start = "over" if walk else "repeat", history.steps
        with x64():
            window = slice_window(args, window_start, get_window_length(args)) if walk else args
            placed = self.place_arguments(window, walk)
            try:
                loop, capacity = self.get_compiled(kind, placed, self.compile_loop)
            except Exception as error:
                self.check_deleted(error)
                raise

        def limit_to_window() -> int:
            """Put the next window on the device when one is done; return how many steps of it are left."""
            nonlocal window_start, placed
            length = len(placed[0]) if walk else steps
            if history.steps == window_start + length:
                window_start = history.steps
                with x64():
                    placed = self.place_arguments(slice_window(args, window_start, length), walk)
            left = window_start + length - history.steps
            return min(left, limit()) if limit else left

        def run_chunk(count: int) -> None:
            self.run_chunk(loop, placed, history.steps - window_start, count, history)

        key = self.make_key(kind, placed)
        yield from self.run_paced(key, steps, history, capacity, limit_to_window if walk else limit, run_chunk)

    def run_paced(
        self,
        key: Hashable,
        steps: int,
        history: OutputHistory,
        capacity: int,
        limit: Callable[[], int] | None,
        run_chunk: Callable[[int], None],
    ) -> Iterator[None]:
        """Run chunks of as many steps as take about `CHUNK_SECONDS`, and yield after each."""
        while history.steps < steps:
            pace = self.paces.get(key, 1)
            count = self.agree_on_steps(min(pace, capacity, steps - history.steps, *([limit()] if limit else [])))
            start = time.perf_counter()
            run_chunk(count)
            seconds = time.perf_counter() - start
            fitting = int(count * min(8.0, CHUNK_SECONDS / max(seconds, 1e-9)))
            # A shortened chunk overestimates the time per step, so it may only raise the pace, unless it took too long.
            self.paces[key] = max(1, fitting if count == pace or fitting < count else max(pace, fitting))
            yield

    def agree_on_steps(self, count: int) -> int:
        """Return the number of steps of the next chunk. Several processes agree on one."""
        return count

    def run_chunk(self, loop: Compiled, args: Sequence[Buffer], first: int, count: int, history: OutputHistory) -> None:
        """Run the next steps of a loop, starting at one of those in the window, and keep state and outputs."""
        with x64():
            try:
                with DeferSigint():
                    outputs = self.advance(loop, args, np.int32(first), np.int32(count))
                    # Copies, because the buffers are as long as the longest chunk.
                    history.append(count, [np.array(np.asarray(o)[:count]) for o in outputs])
                    jax().block_until_ready([s.storage for s in self.program.updates])
                    self.trim_policy.check_growth()
            except Exception as error:
                self.check_deleted(error)
                raise

    def make_step(self) -> Step:
        """Return `trace` as a function that JAX traces once for arguments of the same shapes."""
        step: Step = jax().jit(lambda *values: self.trace(*values), inline=True)
        return step

    def infer_shapes(self, args: Sequence[Buffer], walk: bool) -> Shapes:
        """Trace one step of a loop for the shapes of its outputs."""
        return self.trace_shapes(self.make_step(), args, walk)

    def trace_shapes(self, step: Step, args: Sequence[Buffer], walk: bool) -> Shapes:
        with x64():
            one = [jax().ShapeDtypeStruct(a.shape[1:], a.dtype) for a in args] if walk else args
            return [(o.shape, o.dtype) for o in jax().eval_shape(step, *self.get_state(), one)[0]]

    def get_compiled(self, kind: str, args: Sequence[Buffer], compile_: Callable[[str, Sequence[Buffer]], Any]) -> Any:
        key = self.make_key(kind, args)
        compiled = self.compiled.get(key)
        if compiled is None:
            start = time.perf_counter()
            notice = announce_compilation(self.program.size, "XLA")
            with notice, without_jax_notes(), record_backends([]) as backends:
                compiled = self.compiled[key] = self.load_or_compile(kind, args, compile_, backends)
            self.backends[key] = [*backends, describe_xla()]
            self.compile_seconds += time.perf_counter() - start
        if is_recording():
            note_backends(self.backends.get(key, ()))
        return compiled

    def load_or_compile(
        self,
        kind: str,
        args: Sequence[Buffer],
        compile_: Callable[[str, Sequence[Buffer]], Any],
        backends: Sequence[str],
    ) -> Any:
        """Find a program in the index by its graph, or trace and compile it; ``backends`` record what it runs on."""
        groups = [*self.get_state(), args]
        path = get_index_path(self.program, kind, groups) if self.is_indexed else None
        is_loop, is_traced = kind != "call", False

        def load_or_trace() -> Any:
            nonlocal is_traced
            arguments = [*groups, np.int32(0), np.int32(1)] if is_loop else groups
            found = None if path is None else load_indexed(path, self.program, arguments)
            is_traced = found is None
            if found is None:
                return compile_(kind, args)
            return (found.program, found.capacity) if is_loop else found.program

        with record_build() as record:
            compiled = compile_with_kernels(load_or_trace)
        if path is not None and is_traced:
            save_index(path, record, backends, compiled[1] if is_loop else None)
        return compiled

    def make_key(self, kind: str, args: Sequence[Buffer]) -> Hashable:
        return kind, tuple([(a.shape, a.dtype) for a in args])

    def compile_step(self, kind: str, args: Sequence[Buffer]) -> Compiled:
        if self.program.size > MAX_EXPRESSIONS:
            return PartitionedStep(self.program, self.get_state(), args)
        return self.compile_lowered(
            jax().jit(lambda *values: self.trace(*values), **self.jit_options).lower(*self.get_state(), args)
        )

    def compile_lowered(self, lowered: Lowered) -> Compiled:
        compiled: Compiled = compile_or_load(lowered)
        return compiled

    def compile_loop(self, kind: str, args: Sequence[Buffer]) -> tuple[Compiled, int]:
        """Compile a loop; return it and the maximum number of steps of a chunk.

        The number of steps is an argument, and arguments that differ from step to step are a sliding window, so that
        one program serves every length.
        """
        j = jax()
        lax, xp = j.lax, j.numpy
        walk = kind == "over"
        step = self.make_step()
        shapes = self.trace_shapes(step, args, walk)
        step_bytes = sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in shapes)
        most = len(args[0]) if walk else MAX_CHUNK_STEPS
        capacity = int(np.clip(HISTORY_BYTES // max(step_bytes, 1), 1, most))

        def loop(
            state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer], first: JaxArray, count: JaxArray
        ) -> Any:
            def body(i: JaxArray, carry: Any) -> Any:
                state, history = carry
                now = [lax.dynamic_index_in_dim(a, first + i, keepdims=False) for a in args] if walk else args
                outputs, new = step(state, read, now)
                return new, [lax.dynamic_update_index_in_dim(h, o, i, 0) for h, o in zip(history, outputs, strict=True)]

            history = [xp.zeros((capacity, *shape), dtype) for shape, dtype in shapes]
            new, history = lax.fori_loop(0, count, body, (state, history))
            return history, new

        lowered = j.jit(loop, **self.jit_options).lower(*self.get_state(), args, np.int32(0), np.int32(1))
        return self.compile_lowered(lowered), capacity


def copy_outputs(outputs: Sequence[Buffer]) -> list[Array]:
    """Return outputs as NumPy arrays: a view would be read-only and would keep its buffer from being donated."""
    return [np.array(o) for o in outputs]


def is_on_device(value: object) -> bool:
    """Whether a value is a JAX array that any program of one device can use."""
    return type(value) is get_array_type() and not value.committed  # type: ignore[attr-defined]


@functools.cache
def get_array_type() -> Any:
    """Return the class of concrete JAX arrays."""
    return type(jax().device_put(np.float32(0)))


def get_window_length(args: Sequence[Buffer]) -> int:
    """Return the number of steps of a window, a power of two that depends on the size of a step only."""
    size = sum(a.nbytes // len(a) for a in args)
    return 1 << int(np.clip(WINDOW_BYTES // max(size, 1), 1, MAX_CHUNK_STEPS)).bit_length() - 1


def slice_window(args: Sequence[Buffer], first: int, length: int) -> list[Buffer]:
    """Return the arguments of some steps, padded with zeros after the last one."""
    return [pad_rows(a[first : first + length], length) for a in args]


def pad_rows(array: Buffer, length: int) -> Buffer:
    """Return an array with zeros after its last row."""
    if len(array) == length:
        return array
    padded = np.zeros((length, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded


class DeletedBuffer:
    """Placeholder of a shared variable's value that was lost, until another value is set."""

    def __init__(self, names: str, reason: str) -> None:
        self.message: str = (
            f"A run failed while it replaced the values of {names}, which are lost: {reason}. Set them again with "
            "set_value, from a copy or a saved model. A function with donate=False keeps the old values until a run "
            "has succeeded, at twice the memory"
        )

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise StateError(self.message)


def is_deleted(storage: Buffer | DeletedBuffer) -> bool:
    """Whether a value was donated, or is the result of a program that failed."""
    if isinstance(storage, np.ndarray):
        return False
    if isinstance(storage, DeletedBuffer) or storage.is_deleted():
        return True
    try:
        storage.block_until_ready()
    except Exception:  # any error of XLA means that there is no value; the caller reports the original error
        return True
    return False
