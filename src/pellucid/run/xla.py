"""Programs compiled by XLA: one step, and a loop of steps that is one program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.graph.errors import StateError
from pellucid.graph.evaluate import lowered_by
from pellucid.graph.expr import Constant, Shared
from pellucid.run.allocator import Settled
from pellucid.run.compilation_cache import compile_or_load
from pellucid.run.interrupts import Uninterrupted
from pellucid.run.jax_runtime import jax, plain_errors, x64
from pellucid.run.kernels.lowerings import own_kernels
from pellucid.run.output_history import History, Shapes
from pellucid.run.partitioning import LARGEST, Segments
from pellucid.run.program import Program

HISTORY_BYTES = 4 * 2**20
"""How much the outputs of a loop may take before they are fetched."""

WINDOW_BYTES = 2**20
"""How much of what differs from step to step lies on the device at a time."""

LONGEST_CHUNK = 65536
"""The most steps between two looks at the clock."""

CHUNK_SECONDS = 0.15
"""How long a loop runs before progress is reported and Ctrl-C is heard."""

Compiled = Callable[..., tuple[list[Any], list[Any]]]


class XlaProgram:
    """A program compiled by XLA, once for every set of argument shapes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.compile_seconds = 0.0
        self.settings: dict[str, Any] = {"donate_argnums": (0,) if program.donate else ()}
        self.compiled: dict[Any, Any] = {}
        self.constants: dict[Constant, Any] = {}
        self.paces: dict[Any, int] = {}
        self.settled = Settled()

    def step(self, written: list[Any], read: list[Any], args: list[Any]) -> tuple[list[Any], list[Any]]:
        """Trace one step, with kernels of our own where they are better."""
        with lowered_by(own_kernels()):
            return self.plain_step(written, read, args)

    def plain_step(self, written: list[Any], read: list[Any], args: list[Any]) -> tuple[list[Any], list[Any]]:
        """Trace one step in nothing but what JAX has."""
        j = jax()
        outputs, new = self.program.step(j.numpy, written, read, args)
        # A weak type would make the next call another program.
        strong = j.lax.convert_element_type
        return (
            [strong(o, e.dtype) for o, e in zip(outputs, self.program.outputs, strict=True)],
            [strong(n, s.dtype) for n, s in zip(new, self.program.updates, strict=True)],
        )

    def state(self) -> tuple[list[Any], list[Any]]:
        """Return the values of what is written and of what is only read, on the device."""
        return [self.on_device(s) for s in self.program.updates], [self.on_device(s) for s in self.program.read]

    def on_device(self, source: Shared | Constant) -> Any:
        """Return a value as a JAX array, moving it to the device the first time."""
        if isinstance(source, Shared):
            return on_device(source)
        if source not in self.constants:
            self.constants[source] = jax().device_put(source.value)
        return self.constants[source]

    def placed(self, args: list[Any], walk: bool) -> list[Any]:
        """Return arguments on the device."""
        return [jax().device_put(a) for a in args]

    def call(self, args: list[Any]) -> list[Any]:
        """Run one step and return the outputs."""
        with x64():
            try:
                compiled = self.compile("call", args, self.compile_step)
                with Uninterrupted():
                    outputs = self.advance(compiled, args)
                    # Copies, so that what the caller holds neither is read-only nor keeps a buffer from being donated.
                    return [np.array(o) for o in outputs]
            except Exception as error:
                self.check_lost(error)
                raise

    def advance(self, compiled: Compiled, *args: Any) -> list[Any]:
        """Start a compiled program, put the new state in the place of the old one, and return the outputs."""
        outputs, new = compiled(*self.state(), *args)
        if not self.program.donate:
            jax().block_until_ready(new)
        self.program.keep(new)
        return outputs

    def check_lost(self, error: Exception) -> None:
        """Say which shared variables have lost their values when a run has failed, or had before."""
        shared = [s for s in [*self.program.updates, *self.program.read] if isinstance(s, Shared)]
        lost = [s for s in shared if is_lost(s.storage)]
        if not lost:
            return
        known = next((s.storage for s in lost if isinstance(s.storage, Lost)), None)
        if known is None:
            known = Lost(", ".join(map(str, lost)), str(error).splitlines()[0])
        for s in lost:
            s.storage = known
        raise StateError(known.message) from error

    def run(
        self, args: list[Any], steps: int, walk: bool, history: History, limit: Callable[[], int] | None = None
    ) -> Iterator[None]:
        """Run many steps as a compiled loop, in chunks, pausing after each to be watched.

        Before each chunk, ``limit`` says how many steps it may have. A loop that ran before begins at its old pace.
        """
        if history.steps >= steps:
            return
        kind, begun = "over" if walk else "repeat", history.steps
        with x64():
            given = self.placed(window(args, begun, window_length(args)) if walk else args, walk)
            try:
                loop, capacity = self.compile(kind, given, self.compile_loop)
            except Exception as error:
                self.check_lost(error)
                raise

        def within() -> int:
            """Put the next window on the device when the last one is done, and return what is left of it."""
            nonlocal begun, given
            length = len(given[0]) if walk else steps
            if history.steps == begun + length:
                begun = history.steps
                with x64():
                    given = self.placed(window(args, begun, length), walk)
            left = begun + length - history.steps
            return min(left, limit()) if limit else left

        def chunk(count: int) -> None:
            self.run_chunk(loop, given, history.steps - begun, count, history)

        yield from self.paced(self.key(kind, given), steps, history, capacity, within if walk else limit, chunk)

    def paced(
        self,
        key: Any,
        steps: int,
        history: History,
        capacity: int,
        limit: Callable[[], int] | None,
        chunk: Callable[[int], None],
    ) -> Iterator[None]:
        """Run chunks of as many steps as take about `CHUNK_SECONDS`, pausing after each."""
        while history.steps < steps:
            pace = self.paces.get(key, 1)
            count = self.agreed(min(pace, capacity, steps - history.steps, *([limit()] if limit else [])))
            start = time.perf_counter()
            chunk(count)
            seconds = time.perf_counter() - start
            fitting = int(count * min(8.0, CHUNK_SECONDS / max(seconds, 1e-9)))
            # A chunk that was cut short tells little of how long a whole one takes, unless it was too long itself.
            self.paces[key] = max(1, fitting if count == pace or fitting < count else max(pace, fitting))
            yield

    def agreed(self, count: int) -> int:
        """Return how many steps come next, which nobody else has a say in."""
        return count

    def run_chunk(self, loop: Compiled, args: list[Any], first: int, count: int, history: History) -> None:
        """Run the next steps of a loop, from one of those in the window on, and keep all of what they made."""
        with x64():
            try:
                with Uninterrupted():
                    outputs = self.advance(loop, args, np.int32(first), np.int32(count))
                    # Copies, because the buffers have room for the longest chunk.
                    history.append(count, [np.array(np.asarray(o)[:count]) for o in outputs])
                    jax().block_until_ready([s.storage for s in self.program.updates])
                self.settled.look()
            except Exception as error:
                self.check_lost(error)
                raise

    def shapes(self, args: list[Any], walk: bool) -> Shapes:
        """Return shape and dtype of every output of one step."""
        with x64():
            return [(s.shape, s.dtype) for s in self.abstract_outputs(args, walk)]

    def abstract_outputs(self, args: list[Any], walk: bool) -> list[Any]:
        """Trace one step of a loop for the shapes of its outputs."""
        one = [jax().ShapeDtypeStruct(a.shape[1:], a.dtype) for a in args] if walk else args
        outputs: list[Any] = jax().eval_shape(self.step, *self.state(), one)[0]
        return outputs

    def compile(self, kind: str, args: list[Any], compiler: Callable[[str, list[Any]], Any]) -> Any:
        """Return what was compiled for arguments of these shapes, compiling it the first time."""
        key = self.key(kind, args)
        if key not in self.compiled:
            start = time.perf_counter()
            with plain_errors():
                self.compiled[key] = compiler(kind, args)
            self.compile_seconds += time.perf_counter() - start
        return self.compiled[key]

    def key(self, kind: str, args: list[Any]) -> Any:
        """Return what a compiled program is kept under."""
        return kind, tuple((a.shape, a.dtype) for a in args)

    def compile_step(self, kind: str, args: list[Any]) -> Compiled:
        """Compile one step; one of very many expressions in segments."""
        if self.program.size > LARGEST:
            return Segments(self.program, self.state(), args)
        return self.finished(jax().jit(self.step, **self.settings).lower(*self.state(), args))

    def finished(self, lowered: Any) -> Compiled:
        """Return what XLA makes of a lowered program, or made of it before."""
        compiled: Compiled = compile_or_load(lowered)
        return compiled

    def compile_loop(self, kind: str, args: list[Any]) -> tuple[Compiled, int]:
        """Compile a loop whose number of steps is an argument, so that one program serves every length.

        What differs from step to step is a window that slides over it. Returned with the program is the most steps
        that it takes at once.
        """
        j = jax()
        lax, xp = j.lax, j.numpy
        walk = kind == "over"
        shapes = self.abstract_outputs(args, walk)
        bytes_a_step = sum(int(np.prod(s.shape)) * s.dtype.itemsize for s in shapes)
        capacity = int(np.clip(HISTORY_BYTES // max(bytes_a_step, 1), 1, len(args[0]) if walk else LONGEST_CHUNK))

        def loop(written: list[Any], read: list[Any], args: list[Any], first: Any, count: Any) -> Any:
            def body(i: Any, carry: Any) -> Any:
                written, history = carry
                now = [lax.dynamic_index_in_dim(a, first + i, keepdims=False) for a in args] if walk else args
                outputs, new = self.step(written, read, now)
                return new, [lax.dynamic_update_index_in_dim(h, o, i, 0) for h, o in zip(history, outputs, strict=True)]

            history = [xp.zeros((capacity, *s.shape), s.dtype) for s in shapes]
            new, history = lax.fori_loop(0, count, body, (written, history))
            return history, new

        lowered = j.jit(loop, **self.settings).lower(*self.state(), args, np.int32(0), np.int32(1))
        return self.finished(lowered), capacity


def window_length(args: list[Any]) -> int:
    """Return for how many steps of what differs from step to step a program is compiled, whatever the length."""
    size = sum(a.nbytes // len(a) for a in args)
    return 1 << int(np.clip(WINDOW_BYTES // max(size, 1), 1, LONGEST_CHUNK)).bit_length() - 1


def window(args: list[Any], first: int, length: int) -> list[Any]:
    """Return some steps of what differs from step to step; beyond the last one, the window is filled up."""
    found = [a[first : first + length] for a in args]
    return [
        np.concatenate([a, np.zeros((length - len(a), *a.shape[1:]), a.dtype)]) if len(a) < length else a for a in found
    ]


def on_device(shared: Shared) -> Any:
    """Return a shared variable's value as a JAX array, copied to the device the first time.

    It must be a copy: its buffer is given away to the next step, and NumPy's own may be held by someone else.
    """
    storage = shared.storage
    if isinstance(storage, jax().Array) and storage.committed:  # to devices of somebody's choice, for another program
        storage = np.asarray(storage)
    if isinstance(storage, np.ndarray):
        shared.storage = jax().device_put(storage, may_alias=False)
    return shared.storage


class Lost:
    """Stands where the value of a shared variable was, until another is set."""

    def __init__(self, names: str, reason: str) -> None:
        self.message = (
            f"A run failed while new values of {names} were written over the old ones, and they are lost: {reason}. "
            "Give them values again with set_value, from a copy or a saved model. A function made with donate=False "
            "keeps the old values until a run has succeeded, at twice the memory"
        )

    def __array__(self, *given: Any, **settings: Any) -> Any:
        raise StateError(self.message)


def is_lost(storage: Any) -> bool:
    """Tell whether a value was given away, or is the result of a program that failed."""
    if isinstance(storage, np.ndarray):
        return False
    if isinstance(storage, Lost) or storage.is_deleted():
        return True
    try:
        storage.block_until_ready()
    except Exception:  # whatever XLA has to say of the program, which is not asked here
        return True
    return False
